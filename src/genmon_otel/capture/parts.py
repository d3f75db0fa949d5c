"""An answer's chunks on their way to the consumer, each reported to the call as it is given.

What is done here is done for each chunk of each stream: a plain loop, and as little in it as can be.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Generator, Iterator
from typing import Any

from genmon_otel.capture.calls import AutomaticCall
from genmon_otel.capture.holding import LOOK_BYTES


def followed(call: AutomaticCall, chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Give an answer's chunks, and report each to the call."""
    call.reader = reader = _reporting(call, chunks)
    return reader


def _reporting(call: AutomaticCall, chunks: Iterator[bytes]) -> Generator[bytes, None, None]:
    append, now, left = call.parts.append, call.now, LOOK_BYTES
    try:
        for part in chunks:
            append((now(), part))
            left -= len(part)
            if left < 0:
                call.count()
                left = LOOK_BYTES
            yield part
    except GeneratorExit:  # its consumer wants no more, and closes what it reads from
        raise
    except BaseException as error:
        call.failed(error)
        raise
    call.finished()


class AsyncParts:
    """As :func:`followed`, where each chunk is awaited. A generator would be closed by its loop."""

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
