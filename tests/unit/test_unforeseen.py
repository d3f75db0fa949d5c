"""What an exception tells of the kernel's restrictions."""

from __future__ import annotations

import errno

import pytest

from genmon_otel.regression.isolation.unforeseen import kernel_refusal

MET = {
    "write": [
        PermissionError(errno.EACCES, "Permission denied", "/x"),
        OSError(errno.EROFS, "Read-only file system", "/x"),
        OSError(errno.EXDEV, "Invalid cross-device link", "/x", None, "/y"),
        RuntimeError("attempt to write a readonly database"),
        RuntimeError('IO Error: Cannot open file "/data/x.db": Permission denied'),
        RuntimeError("failed to persist: Permission denied (os error 13)"),
    ],
    "network": [
        OSError(errno.ENETUNREACH, "Network is unreachable"),
        RuntimeError('connection to server at "10.0.0.1", port 5432 failed: Permission denied'),
        RuntimeError("could not translate host name: Temporary failure in name resolution"),
        RuntimeError("ipv4:1.2.3.4:443: connect: Network is unreachable (101)"),
    ],
    None: [
        FileNotFoundError(errno.ENOENT, "No such file or directory", "/x"),
        ConnectionResetError(errno.ECONNRESET, "Connection reset by peer"),
        RuntimeError("Error code: 403 - permission denied for this model"),
        PermissionError("you may not do this"),
        RuntimeError("unable to open database file"),
        ValueError("the plan is read-only"),
    ],
}


def raised(error: BaseException, cause: BaseException | None = None) -> BaseException:
    """Give an exception the traceback of one that was raised."""
    try:
        raise error from cause
    except BaseException as caught:
        return caught


@pytest.mark.parametrize("reason", MET)
def test_restrictions_are_told_from_bugs(reason: str | None) -> None:
    """By the error's number, or by words that only a system or a database prints."""
    found = {str(error): kernel_refusal(raised(error)) for error in MET[reason]}
    assert {what: met and met[0] for what, met in found.items()} == dict.fromkeys(found, reason)


def test_causes_count_and_played_outcomes_do_not() -> None:
    """A restriction is seen behind another error; what a step's recording raises was met elsewhere."""
    refused = PermissionError(errno.EACCES, "Permission denied", "/x")
    behind = raised(RuntimeError("gave up"), raised(refused))
    assert kernel_refusal(behind) is not None
    assert kernel_refusal(PermissionError(errno.EACCES, "Permission denied")) is None
    played = {"__name__": "genmon_otel.regression.replaying.player"}
    exec("def play(error): raise error", played)
    with pytest.raises(PermissionError) as caught:
        played["play"](PermissionError(errno.EACCES, "Permission denied", "/x"))  # type: ignore[operator]
    assert kernel_refusal(caught.value) is None
