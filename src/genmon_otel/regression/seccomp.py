"""Forbid this process to reach sockets by an address: a filter of system calls.

Landlock knows TCP alone, and a network namespace no sockets that are files, such as that of a
container's daemon. Pairs of sockets and what is connected already go on to work. The filter
cannot be taken off, and is passed on to threads and processes started later.

Only the standard library is imported. Source: seccomp(2), Linux' networking/filter.rst.
"""

from __future__ import annotations

import ctypes
import errno
import platform
import struct
import sys
from typing import Final, NamedTuple

_PR_SET_SECCOMP: Final = 22
_PR_SET_NO_NEW_PRIVS: Final = 38
_MODE_FILTER: Final = 2

_LOAD: Final = 0x20
_IF_EQUAL: Final = 0x15
_IF_AT_LEAST: Final = 0x35
_RETURN: Final = 0x06
_ALLOW: Final = 0x7FFF0000
_FAIL: Final = 0x00050000

# Where struct seccomp_data has the number, the architecture, and the fifth argument's halves.
_NUMBER, _ARCHITECTURE, _FIFTH_LOW, _FIFTH_HIGH = 0, 4, 48, 52
#: Numbers from here on are another way to call the same (x32).
_FOREIGN: Final = 0x40000000
#: It would connect without a system call that a filter sees. The same number everywhere.
_IO_URING_SETUP: Final = 425
#: Machine -> its number for auditing, and those of connect and sendto.
_MACHINES: Final = {"x86_64": (0xC000003E, 42, 44), "aarch64": (0xC00000B7, 203, 206)}
#: By the same: add_key, request_key, keyctl (keys stay with the user), ptrace, and shmget, semget,
#: msgget, mq_open (what they make stays with the machine).
_STAYING: Final = {
    0xC000003E: (248, 249, 250, 101, 29, 64, 68, 240),
    0xC00000B7: (217, 218, 219, 117, 194, 190, 186, 180),
}


class _Step(NamedTuple):
    """One instruction; a label of where to go on where a comparison holds, and where not."""

    code: int
    value: int
    if_so: str = ""
    if_not: str = ""


def program(architecture: int, connect: int, send_to: int) -> bytes:
    """Return the filter.

    Connect, sendto with an address, other ways to the same, and what would stay behind, fail.
    """
    steps = [
        _Step(_LOAD, _ARCHITECTURE),
        _Step(_IF_EQUAL, architecture, "", "refuse"),
        _Step(_LOAD, _NUMBER),
        _Step(_IF_AT_LEAST, _FOREIGN, "refuse"),
        _Step(_IF_EQUAL, connect, "refuse"),
        _Step(_IF_EQUAL, _IO_URING_SETUP, "refuse"),
        *(_Step(_IF_EQUAL, number, "refuse") for number in _STAYING[architecture]),
        _Step(_IF_EQUAL, send_to, "", "allow"),
        _Step(_LOAD, _FIFTH_LOW),
        _Step(_IF_EQUAL, 0, "", "refuse"),
        _Step(_LOAD, _FIFTH_HIGH),
        _Step(_IF_EQUAL, 0, "allow", "refuse"),
        _Step(_RETURN, _FAIL | errno.EACCES),
        _Step(_RETURN, _ALLOW),
    ]
    places = {"refuse": len(steps) - 2, "allow": len(steps) - 1}
    return b"".join(
        struct.pack("=HBBI", step.code, *_jumps(step, at, places), step.value)
        for at, step in enumerate(steps)
    )


def _jumps(step: _Step, at: int, places: dict[str, int]) -> tuple[int, int]:
    """Return how many instructions to leave out where the comparison holds, and where not."""
    following = at + 1
    so, otherwise = (places.get(label, following) for label in (step.if_so, step.if_not))
    return so - following, otherwise - following


def forbid_addresses() -> bool:
    """Forbid this thread, and what it starts, to connect or to send to an address; for good.

    Returns:
        Whether the kernel took the filter; False on machines that it is not written for.
    """
    machine = _MACHINES.get(platform.machine())
    if machine is None or not sys.platform.startswith("linux") or struct.calcsize("P") != 8:
        return False
    steps = ctypes.create_string_buffer(program(*machine))
    described = struct.pack("HxxxxxxQ", (len(steps) - 1) // 8, ctypes.addressof(steps))
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    return bool(libc.prctl(_PR_SET_SECCOMP, _MODE_FILTER, described, 0, 0) == 0)
