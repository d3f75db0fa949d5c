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
    call.reader = reader = reporting(call, chunks)
    return reader


def reporting(call: AutomaticCall, chunks: Iterator[bytes]) -> Generator[bytes, None, None]:
    """Give an answer's chunks; report each to the call, and how they end."""
    append, now, left = call.parts.append, call.now, LOOK_BYTES
    try:
        for part in chunks:
            append((now(), part))
            left -= len(part)
            if left < 0:
                call.count()
                left = LOOK_BYTES
            yield part
    except GeneratorExit:  # the consumer stopped reading and closes this generator
        raise
    except BaseException as error:
        call.failed(error)
        raise
    call.finished()


def ended(call: AutomaticCall, chunks: Iterator[bytes]) -> Generator[bytes, None, None]:
    """Give an answer's chunks, each of which something else reports; report to the call how they end."""
    try:
        yield from chunks
    except GeneratorExit:
        raise
    except BaseException as error:
        call.failed(error)
        raise
    call.finished()


class AsyncParts:
    """As :func:`followed`, where each chunk is awaited. A generator would be closed by its loop."""

    __slots__ = ("_append", "_call", "_left", "_next", "_now")

    def __init__(self, call: AutomaticCall, chunks: AsyncIterator[bytes]) -> None:
        self._call = call
        self._next: Callable[[], Any] = chunks.__anext__
        self._append, self._now, self._left = call.parts.append, call.now, LOOK_BYTES

    def __aiter__(self) -> AsyncParts:
        return self

    async def __anext__(self) -> bytes:
        self._call.is_asked = True
        try:
            part: bytes = await self._next()
        except StopAsyncIteration:
            self._call.finished()
            raise
        except BaseException as error:
            self._call.failed(error)
            raise
        self._call.is_asked = False
        self._append((self._now(), part))
        self._left = left = self._left - len(part)
        if left < 0:
            self._call.count()
            self._left = LOOK_BYTES
        return part
