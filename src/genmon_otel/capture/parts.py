"""An answer's chunks on their way to the consumer, told to the call as they are given."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

from genmon_otel.capture.calls import AutomaticCall


class Parts:
    """An answer's chunks on their way to the consumer: iterates, and tells the call."""

    __slots__ = ("_call", "_next")

    def __init__(self, call: AutomaticCall, chunks: Iterator[bytes]) -> None:
        self._call = call
        self._next: Callable[[], bytes] = chunks.__next__

    def __iter__(self) -> Parts:
        return self

    def __next__(self) -> bytes:
        call = self._call
        call.asked()
        try:
            part = self._next()
        except StopIteration:
            call.finished()
            raise
        except BaseException as error:
            call.failed(error)
            raise
        call.given(part)
        return part


class AsyncParts:
    """As :class:`Parts`, where each chunk is awaited."""

    __slots__ = ("_call", "_next")

    def __init__(self, call: AutomaticCall, chunks: AsyncIterator[bytes]) -> None:
        self._call = call
        self._next: Callable[[], Any] = chunks.__anext__

    def __aiter__(self) -> AsyncParts:
        return self

    async def __anext__(self) -> bytes:
        call = self._call
        call.asked()
        try:
            part: bytes = await self._next()
        except StopAsyncIteration:
            call.finished()
            raise
        except BaseException as error:
            call.failed(error)
            raise
        call.given(part)
        return part
