"""Only type-checked (``mypy --strict tests/typing/api.py``): decoration changes no type."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import Any, assert_type

from genmon_otel.decorators import current_generation, generation, phase, step


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
