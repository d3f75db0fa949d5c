"""Steps whose callable gives a coroutine, or a coroutine that gives a stream; values of generic models."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any, Generic, TypeVar

import pytest
from pydantic import BaseModel

from genmon_otel.decorators import generation, step
from genmon_otel.payload import decode, encode
from genmon_otel.records import StepRecord
from genmon_otel.regression.cases.case import Case, CaseTrigger, Expected
from genmon_otel.regression.judging.unrecorded_values import named
from genmon_otel.regression.replaying.player import CasePlayer
from genmon_otel.regression.replaying.virtual_time import VirtualTime
from genmon_otel.testing import capture

T = TypeVar("T")


class Invoice(BaseModel):
    """A model of the application's."""

    total: int


class Parsed(BaseModel, Generic[T]):
    """A generic model, as SDKs' parsed completions are."""

    parsed: T | None = None


class Stream:
    """What an SDK's ``create(stream=True)`` gives."""

    def __init__(self, broken: bool = False) -> None:
        self._items = self._read(broken)

    async def _read(self, broken: bool) -> AsyncIterator[int]:
        yield 1
        yield 2
        if broken:
            raise ConnectionError("broke")

    def __aiter__(self) -> Stream:
        return self

    async def __anext__(self) -> int:
        return await anext(self._items)


async def _value() -> int:
    await asyncio.sleep(0)
    return 5


async def _stream(broken: bool = False) -> Stream:
    await asyncio.sleep(0)
    return Stream(broken)


async def _raises() -> None:
    raise ConnectionError("refused")


def plain(call: Callable[..., Any], **given: Any) -> Callable[[], Any]:
    """A plain function that gives what a coroutine function gives."""

    def function() -> Any:
        return call(**given)

    return function


async def use(call: Callable[[], Any]) -> Any:
    """Await what a call gives, and read it if it is a stream; an error by its type."""
    try:
        got = await call()
        return [item async for item in got] if hasattr(got, "__aiter__") else got
    except ConnectionError as error:
        return str(error)


@pytest.mark.parametrize(
    ("call", "kind", "gives"),
    [
        (plain(_value), "value", 5),
        (_value, "value", 5),
        (plain(_stream), "stream", [1, 2]),
        (_stream, "stream", [1, 2]),
        (plain(_stream, broken=True), "stream", "broke"),
        (plain(_raises), "exception", "refused"),
    ],
)
def test_what_a_coroutine_gives_is_recorded_and_served(call: Any, kind: str, gives: Any) -> None:
    """Of a plain function too, as async clients of SDKs have them; a replay gives the same, to be awaited."""
    ask = step(call, name="ask")

    @generation(name="op")
    async def op() -> None:
        assert await use(ask) == gives
        raise KeyError

    with capture() as seen, pytest.raises(KeyError):
        asyncio.run(op())
    steps = seen.recordings[0].steps
    assert [(s.kind, s.is_async, s.ended_s is not None, s.cut) for s in steps] == [
        (kind, True, True, False)
    ]
    case = Case(
        slug="c", operation="op", target="m:op", inputs={}, steps=steps,
        trigger=CaseTrigger("content" if kind == "value" else "fault", 0),
        expected=Expected("v2:x", "unknown", "KeyError"),
    )  # fmt: skip

    async def replayed() -> Any:
        player = CasePlayer(case, VirtualTime())

        @generation(name="op")
        async def again() -> Any:
            return await use(ask)

        with capture(player=player):
            return await again()

    assert asyncio.run(replayed()) == gives


def test_whose_value_was_not_recorded_is_said() -> None:
    """The step's result, or the argument, by name and type; a note of neither stays as it is."""
    opaque = {"$": "opaque", "type": "shop:Session", "why": "unsupported"}
    note = "shop:Session was not recorded (unsupported), and the code used it: .get"
    steps = (StepRecord("load", {}, "value", {"a": [opaque]}),)
    expected = Expected("v2:x", "unknown", "KeyError")
    of_step = Case(slug="c", operation="op", target="m:op", inputs={}, steps=steps,
                   trigger=CaseTrigger("input"), expected=expected)  # fmt: skip
    of_argument = replace(of_step, inputs={"session": opaque}, steps=())
    rest = "could not be recorded (unsupported), and the code used it: .get"
    assert named(note, of_step) == f"Step load's result (shop:Session) {rest}"
    assert named(note, of_argument) == f"Argument 'session' (shop:Session) {rest}"
    assert named(note, replace(of_step, steps=())) == note


def test_a_parametrised_model_survives() -> None:
    """``Parsed[Invoice]`` has no import path of its own; it comes back as ``Parsed``, equal, its value an Invoice."""
    value = Parsed[Invoice](parsed=Invoice(total=3))
    rebuilt = decode(encode(value))
    assert rebuilt == value
    assert type(rebuilt.parsed) is Invoice
    nested = Parsed[Parsed[Invoice]](parsed=value)
    assert decode(encode(nested)) == nested


def test_messages_of_langchain_survive() -> None:
    """Messages with tool calls, and chunks of them, come back equal."""
    messages = pytest.importorskip("langchain_core.messages")
    call = {"name": "look_up", "args": {"city": "Oslo"}, "id": "c1", "type": "tool_call"}
    for message in (
        messages.AIMessage("hi", tool_calls=[call], usage_metadata={"input_tokens": 1, "output_tokens": 2, "total_tokens": 3}),
        messages.HumanMessage([{"type": "text", "text": "hi"}]),
        messages.ToolMessage("4 degrees", tool_call_id="c1"),
        messages.AIMessageChunk("h", tool_call_chunks=[]),
    ):  # fmt: skip
        assert decode(encode(message)) == message
