"""A cached analysis of an exception is what a new one would find."""

from __future__ import annotations

import gc
import json
import re
import types
import weakref
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genmon_otel import generation, register_rule
from genmon_otel.classification import classify
from genmon_otel.recorder import Runtime
from genmon_otel.recorder.diagnosis.exception_analysis import analyse, analyse_anew
from genmon_otel.redaction import Redactor
from genmon_otel.testing import capture


class Plain(ValueError):
    """It adds nothing."""


class Told(ValueError):
    """It sets what it is told."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status_code = status


class Answering(ValueError):
    """It asks something else than its arguments."""

    state = "one"

    def __str__(self) -> str:
        return self.state


class Slotted(ValueError):
    """Its own room beside the dictionary."""

    __slots__ = ("status_code",)


def raised(error: BaseException, depth: int = 2) -> BaseException:
    """The error with a traceback."""
    try:
        if depth:
            raised(error, depth - 1)
        raise error
    except BaseException as caught:
        return caught


def is_remembered(make: Callable[[], BaseException]) -> bool:
    """Whether of three alike errors from the same place the third was looked into no more."""
    runtime = Runtime()
    second, third = [analyse(runtime, raised(make())) for _ in range(3)][1:]
    return second is third


@pytest.mark.parametrize("make", [
    lambda: ValueError("no files"), lambda: KeyError("title"), lambda: Plain("a", "b"),
    RuntimeError, lambda: AssertionError("x"),
])  # fmt: skip
def test_alike_errors_are_examined_once(make: Callable[[], BaseException]) -> None:
    """Of the same class, saying the same, from the same place."""
    assert is_remembered(make)


def chained() -> BaseException:
    error = ValueError("outer")
    error.__cause__ = ValueError("inner")
    return error


def noted() -> BaseException:
    error = ValueError("outer")
    error.add_note("note")
    return error


def in_context() -> BaseException:
    error = ValueError("outer")
    error.__context__ = KeyError("inner")
    return error


@pytest.mark.parametrize("make", [
    chained, noted, in_context,
    lambda: Told("x", 429), lambda: Answering("x"), lambda: Slotted("x"),
    lambda: OSError(2, "gone"), lambda: TimeoutError("late"), lambda: ImportError("x", name="y"),
    lambda: UnicodeDecodeError("utf-8", b"x", 0, 1, "bad"), lambda: SyntaxError("x"),
    lambda: ValueError(1), lambda: ValueError(["x"]), lambda: ValueError((1,)), lambda: ValueError("x" * 2_000),
    lambda: json.JSONDecodeError("x", "doc", 0), lambda: ExceptionGroup("g", [ValueError("x")]),
])  # fmt: skip
def test_what_may_say_more_is_examined_each_time(make: Callable[[], BaseException]) -> None:
    """Attributes, causes, notes, members and classes with a say of their own."""
    assert not is_remembered(make)


@given(
    st.sampled_from([ValueError, KeyError, Plain, RuntimeError]),
    st.lists(st.text(max_size=20) | st.integers(), max_size=3),
    st.integers(0, 3),
)
def test_what_is_remembered_is_what_is_there(
    kind: type[Exception], arguments: list[Any], depth: int
) -> None:
    """Remembered or not, it is what looking into the error itself finds."""
    for _ in range(2):
        error = raised(kind(*arguments), depth)
        seen, fresh = analyse(SHARED, error), analyse_anew(SHARED, error, classify(error))
        assert (seen.said, seen.stack, seen.places) == (fresh.said, fresh.stack, fresh.places)
        assert (seen.function, seen.file, seen.line) == (fresh.function, fresh.file, fresh.line)
        assert (seen.category, seen.severity, seen.error_type) == (
            fresh.category, fresh.severity, fresh.error_type,
        )  # fmt: skip


SHARED = Runtime()


def test_another_line_of_the_same_function_is_another_place() -> None:
    """Where in the code it was raised counts, not only in which."""
    runtime = Runtime()

    def two(first: bool) -> None:
        if first:
            raise ValueError("x")
        raise ValueError("x")

    lines = []
    for first in (True, False):
        try:
            two(first)
        except ValueError as error:
            lines.append(analyse(runtime, error).line)
    assert lines[1] == lines[0] + 1


def test_the_same_code_in_another_module_is_another_place() -> None:
    """Generated modules may share their code objects."""
    runtime, places = Runtime(), []
    code = compile("def fail():\n    raise ValueError('x')\n", "made.py", "exec")
    for name in ("one", "two"):
        module = types.ModuleType(name)
        exec(code, vars(module))
        try:
            module.fail()
        except ValueError as error:
            places.append(analyse(runtime, error).places[0])
    assert places == ["one:fail", "two:fail"]


def test_a_new_rule_counts_at_once() -> None:
    """And no longer once it is taken away."""
    runtime, seen = Runtime(), []
    seen.append(analyse(runtime, raised(ValueError("the gremlin"))).category)
    take_away = register_rule("rate_limit", message="gremlin")
    try:
        seen.append(analyse(runtime, raised(ValueError("the gremlin"))).category)
    finally:
        take_away()
    seen.append(analyse(runtime, raised(ValueError("the gremlin"))).category)
    assert seen[1] == "rate_limit"
    assert seen[0] == seen[2] != seen[1]


def test_what_is_remembered_is_redacted_as_its_runtime_says() -> None:
    """Each runtime remembers for itself."""
    open_, closed = (
        Runtime(),
        Runtime(redactor=Redactor(lambda text: re.sub(r"gremlin-\d+", "***", text))),
    )
    for runtime, there in ((open_, True), (closed, False)) * 2:
        seen = analyse(runtime, raised(ValueError("gremlin-17")))
        assert ("gremlin-17" in seen.said) is there
        assert ("gremlin-17" in seen.stack) is there


def test_no_error_is_kept_alive() -> None:
    """Nor the frames that it holds."""
    runtime = Runtime()
    error = raised(Plain("'files' is a required property"))
    gone = weakref.ref(error)
    assert analyse(runtime, error).category == "validation_error"
    del error
    gc.collect()
    assert gone() is None
    assert runtime.analysed


def test_memory_is_bounded() -> None:
    """However many different errors there are."""
    runtime = Runtime()
    for number in range(1_000):
        analyse(runtime, raised(ValueError(f"number {number}")))
    assert len(runtime.analysed) < 200


def test_a_metaclass_without_a_hash_harms_nobody() -> None:
    """Its error comes out, and counts."""

    class Strange(type):
        def __hash__(cls) -> int:
            raise TypeError("no hash")

    class Odd(ValueError, metaclass=Strange):
        pass

    @generation("odd")
    def fail() -> None:
        raise Odd("strange")

    with capture() as seen:
        for _ in range(2):
            with pytest.raises(ValueError, match="strange"):
                fail()
    assert [record.outcome for record in seen.records] == ["failure", "failure"]


def test_a_failures_log_line_points_to_where_it_was_raised(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """So that a log viewer leads to the code, not to the decorator."""

    @generation("pointing")
    def fail() -> None:
        raise ValueError("here")

    with capture(), suppress(ValueError):
        fail()
    (line,) = [r for r in caplog.records if "genmon failure" in r.getMessage()]
    assert line.pathname == __file__
    assert line.lineno == fail.__wrapped__.__code__.co_firstlineno + 2  # type: ignore[attr-defined]
    assert line.levelname == "ERROR"
