"""Real errors of real SDKs survive a recording: same class, text, status, verdict; no credentials."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import traceback
import urllib.error
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pydantic
import pytest
import tenacity

from genmon_otel.classification import classify
from genmon_otel.payload import decode_exception, encode_exception
from tests.integration import test_real_sdks as sdks
from tests.integration.fault_server import Fault, FaultServer, serving
from tests.integration.test_real_sdks import escaped, through

SECRET = "canary-7f3a9-do-not-leak"
RATE_HEADERS = {
    "Retry-After": "20",
    "X-Request-Id": "req_1",
    "x-ratelimit-remaining-tokens": "0",
    "Set-Cookie": f"session={SECRET}",
    "X-Internal-Token": SECRET,
}


@pytest.fixture(scope="module")
def server() -> Iterator[FaultServer]:
    """One server for the whole table."""
    with serving() as running:
        yield running


@pytest.mark.parametrize("call", [sdks.openai, sdks.anthropic, sdks.httpx, sdks.requests])
def test_the_response_answers_as_before(server: FaultServer, call: sdks.Call) -> None:
    """Status, body and allow-listed headers are there; cookies and other headers are not."""
    fault = Fault(429, {"error": {"message": "slow", "type": "tokens"}}, RATE_HEADERS)
    error = escaped(lambda: call(server.add(f"h{next(sdks._names)}", fault)))
    tree = encode_exception(error)
    assert SECRET not in json.dumps(tree)
    again: Any = decode_exception(tree)
    response = again.response
    assert type(response) is type(error.response)  # type: ignore[attr-defined]
    assert response.status_code == 429
    assert response.headers["retry-after"] == "20"
    assert response.headers["x-ratelimit-remaining-tokens"] == "0"
    assert response.json()["error"]["message"] == "slow"
    assert "set-cookie" not in response.headers
    with pytest.raises(type(error) if call in (sdks.httpx, sdks.requests) else Exception):
        response.raise_for_status()


def test_credentials_never_enter_the_tree(server: FaultServer) -> None:
    """Neither the key in a header, nor user and password or the query of an address is kept."""
    import httpx
    import openai
    import requests

    url = server.add("secret", Fault(401, {"error": {"message": "no"}}))
    errors = [
        escaped(lambda: openai.OpenAI(api_key=SECRET, base_url=f"{url}/v1", max_retries=0)
               .chat.completions.create(**sdks.CHAT)),
        escaped(lambda: httpx.get(f"{url}?key={SECRET}", headers={"Authorization": SECRET})
               .raise_for_status()),
        escaped(lambda: requests.get(url, timeout=5, auth=("u", SECRET)).raise_for_status()),
        escaped(lambda: requests.get(url.replace("//", f"//u:{SECRET}@"), timeout=5)
               .raise_for_status()),
    ]  # fmt: skip
    for error in errors:
        tree = encode_exception(error)
        request = json.dumps(
            tree.get("fields", {}).get("_request") or tree["fields"].get("request")
        )
        assert SECRET not in request
        assert "uthorization" not in json.dumps(tree)


class Order(pydantic.BaseModel):
    items: list[int]
    total: float

    @pydantic.model_validator(mode="after")
    def _check(self) -> Order:
        if self.total < 0:
            raise ValueError("total must not be negative")
        return self

    @pydantic.field_validator("total")
    @classmethod
    def _odd(cls, value: float) -> float:
        if value == 13:
            raise pydantic.errors.PydanticCustomError("odd", "unlucky {n}", {"n": 13})
        assert value != 7, "seven"
        return value


def _divide() -> None:
    try:
        1 / 0  # noqa: B018
    except ZeroDivisionError as error:
        raise RuntimeError("wrapped") from error


def _context() -> None:
    try:
        {}["gone"]
    except KeyError:
        raise ValueError("while handling")  # noqa: B904


def _suppressed() -> None:
    try:
        1 / 0  # noqa: B018
    except ZeroDivisionError:
        raise ValueError("clean") from None


def _group() -> None:
    raise ExceptionGroup("many", [ValueError("a"), ExceptionGroup("in", [OSError(28, "full")])])


def _noted() -> None:
    error = ValueError("x")
    error.add_note("while building page 3")
    raise error


class KeywordOnly(Exception):
    """Cannot be made from its args."""

    def __init__(self, *, code: int, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code, self.detail = code, detail


class Silent(Exception):
    """Overrides everything and calls nothing."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __str__(self) -> str:
        return f"silent about {self.path}"


class Slotted(Exception):
    __slots__ = ("a",)

    def __init__(self, a: int) -> None:
        super().__init__()
        self.a = a


class Quota(OSError):
    """A subclass of OSError with an own initialiser."""

    def __init__(self, user: str) -> None:
        super().__init__(122, "Disk quota exceeded", f"/home/{user}")
        self.user = user


def _raise(error: BaseException) -> None:
    raise error


def _retried() -> None:
    @tenacity.retry(stop=tenacity.stop_after_attempt(2), wait=tenacity.wait_none())
    def call() -> None:
        raise TimeoutError("no answer")

    call()


LOCAL: list[Callable[[], object]] = [
    Path("/nope/nope").read_text, Path("/").read_bytes, b"\xff\xfe".decode,
    lambda: "é".encode("ascii"), lambda: json.loads('{"a": '), lambda: compile("x =", "f.py", "exec"),
    lambda: compile("if x:\nprint()", "f.py", "exec"), lambda: int("x"), lambda: {}["k"],
    [].pop, lambda: None.x, lambda: undefined_name, lambda: __import__("no_such_module"),  # type: ignore[attr-defined,name-defined]  # noqa: F821
    lambda: next(iter(())), lambda: sys.exit(3), lambda: _raise(KeyboardInterrupt()),
    lambda: _raise(MemoryError("big")), lambda: _raise(StopIteration(4)), _divide, _context,
    _suppressed, _group, _noted, lambda: subprocess.run(
        [sys.executable, "-c", "import sys; sys.exit('npm ERR! code ERESOLVE')"],
        check=True, capture_output=True, text=True),
    lambda: subprocess.run([sys.executable, "-c", "input()"], timeout=0.2, stdin=subprocess.PIPE, check=True),
    lambda: Order.model_validate({"items": ["a"], "total": "x"}), lambda: Order.model_validate_json("{"),
    lambda: Order.model_validate_json('{"items": "a", "total": "x"}'),
    lambda: Order.model_validate_json("[]"), lambda: Order.model_validate([]),
    lambda: Order(items=[], total=-1), lambda: Order(items=[], total=13),
    lambda: Order(items=[], total=7), lambda: Order(items=1, total=2),  # type: ignore[arg-type]
    lambda: _raise(KeywordOnly(code=4, detail="d")), lambda: _raise(Silent("p")),
    lambda: _raise(Slotted(5)), lambda: _raise(Quota("ann")), _retried,
    lambda: socket.create_connection(("127.0.0.1", 1), 1), lambda: socket.getaddrinfo("no.invalid", 1),
    lambda: _raise(urllib.error.HTTPError("http://x/", 429, "slow", {}, None)),  # type: ignore[arg-type]
    lambda: _raise(TimeoutError()), lambda: _raise(ConnectionResetError(104, "reset")),
]  # fmt: skip


@pytest.mark.parametrize("call", LOCAL, ids=[str(index) for index in range(len(LOCAL))])
def test_everyday_errors_come_back_as_they_were(call: Callable[[], object]) -> None:
    """Type, text, args, attributes, chain and classification survive."""
    error = escaped(call)
    again = through(error)
    assert type(again) is type(error)
    assert str(again).partition(" at 0x")[0] == str(error).partition(" at 0x")[0]
    if not isinstance(error, (tenacity.RetryError, pydantic.ValidationError)):
        assert again.args == error.args or isinstance(error, ExceptionGroup)
    for name in ("errno", "filename", "start", "object", "pos", "doc", "lineno", "text", "name",
                 "value", "code", "returncode", "stderr", "a", "path", "user", "msg", "reason"):  # fmt: skip
        if isinstance(found := getattr(error, name, None), (str, int, bytes)):
            assert getattr(again, name) == found
    assert type(again.__cause__) is type(error.__cause__)
    if error.__cause__ is None and not error.__suppress_context__:
        assert type(again.__context__) is type(error.__context__)
    assert again.__suppress_context__ == error.__suppress_context__
    assert getattr(again, "__notes__", None) == getattr(error, "__notes__", None)
    before, after = classify(error), classify(again)
    assert (after.category, after.severity, after.error_type) == (
        before.category,
        before.severity,
        before.error_type,
    )
    "".join(traceback.format_exception(again))


def test_members_of_a_group_survive() -> None:
    """A group comes back with its members, nested ones included."""
    again: Any = through(escaped(_group))
    assert [type(member) for member in again.exceptions] == [ValueError, ExceptionGroup]
    assert again.exceptions[1].exceptions[0].errno == 28


def test_validation_details_survive() -> None:
    """A pydantic error's list of problems is the same."""
    error: Any = escaped(lambda: Order.model_validate({"items": ["a", None]}))
    again: Any = through(error)
    assert again.errors(include_url=False) == error.errors(include_url=False)


def test_a_class_without_import_path_comes_back_as_its_base() -> None:
    """A class made at run time comes back as one of its name, under the nearest that is found."""

    class Local(KeyError):
        pass

    again = through(Local("k"))
    assert isinstance(again, KeyError)
    assert type(again).__qualname__ == Local.__qualname__
    assert again.args == ("k",)


def test_endless_chains_are_cut() -> None:
    """20,000 chained causes cost little and come back as a short chain."""
    error: BaseException = ValueError("first")
    for number in range(20_000):
        following = RuntimeError(str(number))
        following.__cause__ = error
        error = following
    tree = encode_exception(error)
    assert len(json.dumps(tree)) < 5_000
    assert through(error).__cause__ is not None


class Hostile(Exception):
    """Raises at every look."""

    @property
    def args(self) -> Any:  # type: ignore[override]
        raise RuntimeError

    def __str__(self) -> str:
        raise RuntimeError

    def __getattribute__(self, name: str) -> Any:
        raise SystemExit(1)


def test_a_hostile_error_keeps_its_type() -> None:
    """Whatever an exception does when looked at, its type is kept."""
    tree = encode_exception(Hostile())
    assert tree["$"] == "error"
    json.dumps(tree)
    assert type(decode_exception(tree)) is Hostile


def test_a_huge_message_is_opaque_not_cut() -> None:
    """An argument over the limit is opaque, and the exception still is one."""
    tree = encode_exception(ValueError("x" * 10_000_000))
    assert len(json.dumps(tree)) < 1_000
    assert type(decode_exception(tree)) is ValueError
