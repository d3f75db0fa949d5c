"""Values and callables that raise any exception, also ``BaseException``, where genmon inspects them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from genmon_otel.decorators import current_generation, generation, step
from genmon_otel.errors import GenmonError
from genmon_otel.testing import capture


class Hostile(BaseException):
    """A BaseException, which ``except Exception`` does not catch."""


def hostile(*_: Any, **__: Any) -> Any:
    raise Hostile


class Looks:
    """Raises on every attribute access."""

    __getattribute__ = hostile
    __bool__ = __str__ = __repr__ = __eq__ = __len__ = hostile
    __hash__ = hostile


class Unhashable(type):
    """A metaclass whose classes cannot be looked up."""

    __hash__ = hostile


class OfUnhashable(metaclass=Unhashable):
    """Its type cannot be hashed."""


class LiesAboutItself(Exception):
    """Breaks ``isinstance``."""

    @property
    def __class__(self) -> Any:
        raise Hostile

    @__class__.setter
    def __class__(self, kind: type) -> None: ...


@step
def ask(value: Any) -> Any:
    return value


@generation
def build(value: Any, framework: Any = None, user_id: Any = None, request: Any = None) -> Any:
    current_generation().set(file_count=value, framework=value, more=value)
    current_generation().add_tokens(value)
    return ask(value)


@generation
async def build_later(value: Any) -> Any:
    return ask(value)


@generation
def build_in_parts(value: Any) -> Any:
    yield ask(value)


CALLS: list[Callable[[Any], Any]] = [
    lambda value: build(value, value, value, value),
    lambda value: asyncio.new_event_loop().run_until_complete(build_later(value)),
    lambda value: next(iter(list(build_in_parts(value)))),
]


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("kind", [Looks, OfUnhashable])
def test_a_value_that_raises_anything_is_handed_through(call: Any, kind: type) -> None:
    """The caller gets the same object, and the generation is recorded."""
    value = kind()
    with capture(capture="all") as seen:
        assert call(value) is value
        assert call("after") == "after"
    assert [r.outcome for r in seen.records] == ["success", "success"]


@pytest.mark.parametrize("option", ["framework", "user_id", "project_id", "request", "failure_if"])
def test_a_callable_that_raises_anything_is_contained(option: str) -> None:
    """An exception of an option never reaches the caller."""

    @generation(**{option: hostile})
    def build() -> int:
        return 1

    with capture() as seen:
        assert build() == 1
    assert seen.record.outcome == "success"


def test_an_interrupt_while_judging_a_result_goes_its_way() -> None:
    """KeyboardInterrupt reaches the caller, and the generation has ended."""

    def interrupted(result: Any) -> bool:
        raise KeyboardInterrupt

    @generation(failure_if=interrupted)
    def build() -> int:
        return 1

    with capture() as seen, pytest.raises(KeyboardInterrupt):
        build()
    assert seen.record.outcome == "cancelled"


def test_an_answer_that_must_be_awaited_is_no_verdict() -> None:
    """An asynchronous predicate does not turn successes into failures."""

    async def judge(result: Any) -> bool:
        return False

    with pytest.raises(GenmonError, match="plain function"):
        generation(failure_if=judge)

    @generation(failure_if=lambda result: judge(bool(result)))
    def build() -> int:
        return 1

    with capture() as seen:
        build()
    assert seen.record.outcome == "success"


def test_an_error_that_breaks_isinstance_comes_out_and_is_kept() -> None:
    """The step that raised it has ended."""
    error = LiesAboutItself("x")

    @step
    def breaks() -> None:
        raise error

    @generation
    def build() -> None:
        breaks()

    with capture() as seen:
        try:
            build()
        except BaseException as caught:
            came_out = caught
    assert came_out is error
    assert seen.record.outcome == "failure"
    assert [(s.name, s.outcome) for s in seen.record.stages] == [
        ("test_an_error_that_breaks_isinstance_comes_out_and_is_kept.breaks", "failure")
    ]
