"""Only type-checked (``make types``): the public names have types, and decoration changes none."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import Any, assert_type

from genmon_otel import (
    Category,
    GenerationSpanProcessor,
    GenmonError,
    Severity,
    check_health,
    current_generation,
    generation,
    phase,
    register_rule,
    setup,
    shutdown,
    step,
)
from genmon_otel.records import Outcome
from genmon_otel.testing import ManualClock, capture, factory, postcondition, sequential_ids

from genmon_otel import genration  # type: ignore[attr-defined]  # isort: skip  # noqa: F401


@generation
def bare(request: str, *, n: int = 1) -> list[str]:
    return [request] * n


@generation(framework="react", timeout_s=60, expected=ValueError, severity="high")
async def called(request: str) -> int:
    with phase("plan"), step("install"):
        return len(request)


@generation("named")
def items(count: int) -> Iterator[int]:
    yield from range(count)


@generation(name="named", failure_if=lambda result: not result)
async def async_items(count: int) -> AsyncIterator[int]:
    yield count


class App:
    @generation
    def method(self, request: str) -> bytes:
        return request.encode()

    @staticmethod
    @generation
    def static(request: str) -> bytes:
        return request.encode()

    @classmethod
    @generation
    def made(cls, request: str) -> App:
        return cls()


@step
async def ask(prompt: str) -> str:
    return prompt


@step(name="chat")
def chat(prompt: str) -> str:
    return prompt


@phase("plan")
def plan(request: str) -> float:
    return 1.0


async def uses() -> None:
    assert_type(bare("x", n=2), list[str])
    assert_type(await called("x"), int)
    assert_type(items(3), Iterator[int])
    assert_type(async_items(3), AsyncIterator[int])
    assert_type(App().method("x"), bytes)
    assert_type(App.static("x"), bytes)
    assert_type(App.made("x"), App)
    assert_type(await ask("x"), str)
    assert_type(chat("x"), str)
    assert_type(plan("x"), float)
    assert_type(step(len, name="len")("x"), int)
    bare(3)  # type: ignore[arg-type]
    bare("x", m=1)  # type: ignore[call-arg]
    await ask()  # type: ignore[call-arg]
    generation(nested="span")  # type: ignore[call-overload]
    generation(timeout_s="5")  # type: ignore[call-overload]
    with generation("block", user_id=7) as running:
        running.set(file_count=1, model="m")
        running.add_tokens(input=1, output=2)
        assert_type(running.trace_id, str | None)
    async with generation("block", framework="react"):
        current_generation().complete()


as_callable: Callable[[str], Coroutine[Any, Any, int]] = called


@postcondition
def is_complete(pages: list[str]) -> bool:
    return bool(pages)


@factory
def make_app() -> App:
    return App()


def set_up() -> None:
    setup("genmon.db", capture="failures", frameworks=["react"], redact=str.lower, metrics_port=0)
    GenerationSpanProcessor(store="genmon.db", steps="decorated", steps_ignore=("/health",))
    injection = Category.declare("prompt_injection", Severity.HIGH)
    assert_type(injection, Category)
    register_rule(injection, exception=KeyError, severity="low")()
    register_rule("validation_error", message=r"schema \d+")
    try:
        assert_type(check_health(3600).failures, int)
    except GenmonError as error:
        assert_type(str(error), str)
    assert_type(shutdown(1.0), bool)
    setup(stor="genmon.db")  # type: ignore[call-arg]
    register_rule("unknown", statuses=400)  # type: ignore[call-arg]


def tests() -> None:
    with capture(clock=ManualClock(), new_id=sequential_ids(), frameworks=("react",)) as seen:
        bare("x")
    assert_type(seen.record.outcome, Outcome)
    assert_type([each.operation for each in seen.records], list[str])
    assert_type(is_complete([]), bool)
    assert_type(make_app(), App)
