"""Arguments and errors that fight back, through everything: caller unharmed, record stored."""

from __future__ import annotations

import io
import resource
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from genmon_otel import current_generation, generation, phase, step
from tests.system.faults.conftest import Application

#: Seconds that one call may take on the caller's thread, on a busy machine, and megabytes more.
BOUND_S = 5.0
BOUND_MB = 350


class Evil:
    """Refuses to be looked at."""

    def __str__(self) -> str:
        raise RuntimeError("no str")

    def __repr__(self) -> str:
        raise KeyboardInterrupt

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("no eq")

    def __hash__(self) -> int:
        raise RuntimeError("no hash")

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError("no attributes")

    def __reduce__(self) -> Any:
        raise RuntimeError("no pickle")

    def __bool__(self) -> bool:
        raise RuntimeError("no truth")

    def __len__(self) -> int:
        raise RuntimeError("no length")


class Broken(Exception):
    """What the application raises."""


class EvilError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no str")

    __repr__ = __str__


def cyclic() -> Any:
    found: dict[str, Any] = {"list": []}
    found["self"] = found
    found["list"].append(found)
    return found


def deep() -> Any:
    found: Any = []
    for _ in range(100_000):
        found = [found]
    return found


def closed() -> Any:
    file = io.StringIO("x")
    file.close()
    return file


def chained(count: int) -> BaseException:
    error: BaseException = ValueError("first")
    for number in range(count):
        follower = ValueError(f"number {number}")
        follower.__cause__ = error
        error = follower
    return error


def around() -> BaseException:
    one, two = ValueError("one"), ValueError("two")
    one.__cause__, two.__cause__ = two, one
    return one


def nested(depth: int) -> BaseException:
    error: Exception = ValueError("inmost")
    for _ in range(depth):
        error = ExceptionGroup("group", [error, EvilError()])
    return error


ARGUMENTS: dict[str, Callable[[], Any]] = {
    "cyclic": cyclic,
    "deep": deep,
    "wide": lambda: {f"key {n}": [n] * 10 for n in range(200_000)},
    "100 MB": lambda: "a secret=hunter2 " * 6_250_000,
    "100 MB of bytes": lambda: b"\xff" * 100_000_000,
    "NUL": lambda: "a\0b\x1b[31m\x07",
    "lone surrogates": lambda: "a\ud800b\udfffc",
    "evil": Evil,
    "evil inside": lambda: [Evil(), {"x": Evil()}, (Evil,)],
    "lock": threading.Lock,
    "generator": lambda: (n for n in range(3)),
    "lambda": lambda: lambda: None,
    "closed file": closed,
    "socket": socket.socket,
    "session": lambda: Session(sa.create_engine("sqlite://")),
    "numbers": lambda: [float("nan"), float("inf"), 10**5000, -0.0, 1 + 2j],
}
ERRORS: dict[str, Callable[[], BaseException]] = {
    "20,000 causes": lambda: chained(20_000),
    "a circle": around,
    "nested groups": lambda: nested(200),
    "a wide group": lambda: ExceptionGroup("wide", [ValueError(str(n)) for n in range(50_000)]),
    "evil": EvilError,
    "evil arguments": lambda: ValueError(Evil()),
    "100 MB": lambda: ValueError("x" * 100_000_000),
    "NUL and surrogates": lambda: ValueError("a\0b\ud800"),
    "cyclic arguments": lambda: ValueError(cyclic()),
}


@step
def touch(value: Any) -> Any:
    return value


@generation(name="hostile", framework="react")
def hostile(request: Any, user_id: Any = None, *, error: BaseException | None = None) -> Any:
    current_generation().set(note=request, framework=request)
    with phase("plan"):
        touch(request)
    if error is not None:
        raise error
    return request


@generation(name="broken", framework="react")
def broken(request: str) -> None:
    touch(request)
    raise ValueError("broken")  # its own: a frame that holds its error is a cycle


def test_hostile_values_and_errors(application: Application) -> None:
    """The caller gets its own object and its own exception back, in bounded time and memory."""
    slow: dict[str, float] = {}
    expected: Counter[str] = Counter()
    for name, make in ARGUMENTS.items():
        value = make()
        for call in (
            lambda value=value: hostile(value, value),
            lambda value=value: hostile(value, error=Broken()),
        ):
            begin = time.thread_time()
            with suppress(Broken):
                assert call() is value
            slow[name] = max(slow.get(name, 0), time.thread_time() - begin)
        expected += Counter(success=1, failure=1)
        del value
    for name, make_error in ERRORS.items():
        error = make_error()
        begin = time.thread_time()
        with pytest.raises(type(error)) as raised:
            hostile("a plain request", error=error)
        slow[name] = time.thread_time() - begin
        assert raised.value is error
        expected["failure"] += 1
        del error, raised
    assert {name: s for name, s in slow.items() if s > BOUND_S} == {}
    found = application.end()
    assert found.ended == expected
    assert not found.dropped


def test_hostile_values_cost_bounded_memory(application: Application) -> None:
    """Twenty strings of 100 MB, one after the other, are not held on to."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(20):
        with suppress(ValueError):
            broken("x" * 100_000_000)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    assert grown < BOUND_MB
    assert application.end().ended == Counter(failure=20)
