"""A recorded stream, served chunk by chunk in virtual time."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Iterator
from typing import Any, NoReturn, Protocol

from genmon_otel.errors import PayloadError
from genmon_otel.payload import decode, decode_exception
from genmon_otel.records import StepRecord
from genmon_otel.regression.judging.observation import Reason


class Clock(Protocol):
    """The replay's clock, as far as a stream uses it."""

    def sleep(self, seconds: float) -> None: ...


class Player(Protocol):
    """What a stream asks of the player that serves it (see :mod:`genmon_otel.regression.replaying.player`)."""

    #: Whether a stream was read on beyond where the recording stops.
    read_on: bool

    @property
    def clock(self) -> Clock: ...

    def delay(self, record: StepRecord) -> float:
        """Return the seconds that the step took."""

    def met(self, record: StepRecord) -> None:
        """Note that the replay met what was recorded."""

    def hang(self, record: StepRecord) -> None:
        """Never answer."""

    async def hang_async(self, record: StepRecord) -> None:
        """Never answer, in a task."""

    def refuse(self, reason: Reason, detail: str) -> NoReturn:
        """End the replay because no recorded outcome fits."""


class Replayed:
    """A recorded stream: its chunks, then its end or error."""

    def __init__(
        self,
        player: Player,
        record: StepRecord,
        chunks: list[Any],
        error: BaseException | None,
    ) -> None:
        self._player, self._record, self._chunks, self._error = player, record, chunks, error
        self._left = len(chunks)
        self._pause = player.delay(record) / (len(chunks) + 1)

    def _given(self) -> None:
        """Count a delivered chunk; the last one of a stream without error meets the trigger."""
        self._left -= 1
        if self._left == 0 and self._error is None and self._record.ended_s is not None:
            self._player.met(self._record)

    def _asked_for_more(self) -> None:
        """Note that all chunks are given, and one more is wanted."""
        self._player.met(self._record)
        if self._record.cut:
            self._player.read_on = True

    def plain(self) -> Generator[Any, None, None]:
        """Iterate."""
        for chunk in self._chunks:
            self._player.clock.sleep(self._pause)
            self._given()
            yield chunk
        self._player.clock.sleep(self._pause)
        self._asked_for_more()
        if self._error is not None:
            raise self._error
        if self._record.ended_s is None:
            self._player.hang(self._record)

    async def asynchronous(self) -> AsyncGenerator[Any, None]:
        """Iterate, awaiting each chunk."""
        for chunk in self._chunks:
            await asyncio.sleep(self._pause)
            self._given()
            yield chunk
        await asyncio.sleep(self._pause)
        self._asked_for_more()
        if self._error is not None:
            raise self._error
        if self._record.ended_s is None:
            await self._player.hang_async(self._record)


class PlainStream:
    """What a model SDK gives for a stream: an iterator that can be closed."""

    def __init__(self, replayed: Replayed) -> None:
        self._chunks = replayed.plain()

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        return next(self._chunks)

    def __enter__(self) -> PlainStream:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the stream."""


class AsyncStream:
    """As :class:`PlainStream`, where each chunk is awaited."""

    def __init__(self, replayed: Replayed) -> None:
        self._chunks = replayed.asynchronous()

    def __aiter__(self) -> AsyncIterator[Any]:
        return self

    async def __anext__(self) -> Any:
        return await anext(self._chunks)

    async def __aenter__(self) -> AsyncStream:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the stream."""

    aclose = close


class AwaitableStream(AsyncStream):
    """As :class:`AsyncStream`, of a plain function: it may have given a coroutine that gives the stream."""

    def __await__(self) -> Generator[Any, Any, AsyncStream]:
        return self
        yield


def stream_of(player: Player, record: StepRecord, call: Callable[..., Any] | None) -> Any:
    """Return a recorded stream in the form in which the step gives it.

    Args:
        player: serves it.
        record: of a step that streamed.
        call: the step's function, where it is known.
    """
    try:
        # A generator that ended before its first chunk was recorded as a value.
        recorded = record.outcome if record.kind == "stream" else None
        chunks = [decode(chunk) for chunk in recorded or []]
        error = None if record.stream_error is None else decode_exception(record.stream_error)
    except PayloadError as problem:
        player.refuse("payload", f"Step {record.name!r}: {problem}")
    stream = Replayed(player, record, chunks, error)
    if inspect.isasyncgenfunction(call):
        return stream.asynchronous()
    if inspect.isgeneratorfunction(call):
        return stream.plain()
    if not record.is_async:
        return PlainStream(stream)
    is_awaited = inspect.iscoroutinefunction(call)
    return AsyncStream(stream) if is_awaited else AwaitableStream(stream)
