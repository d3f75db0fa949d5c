"""Serve recorded step outcomes: which one, when in virtual time, and in which form.

A call is matched by step name and digest of its redacted arguments, then by its
position among the calls of that name. Where nothing is left to serve: the fault
again if it is persistent, the reviewer's recovery, a donor from a successful
generation; else the run is inconclusive.
"""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Final, NoReturn

from genmon_otel.errors import PayloadError
from genmon_otel.payload import decode, decode_exception, digest, encode
from genmon_otel.records import StepRecord
from genmon_otel.redaction import Redactor
from genmon_otel.regression.case import Case
from genmon_otel.regression.verdict import Reason
from genmon_otel.regression.virtual_time import VirtualTime

#: Seconds within which recorded steps count as begun together.
_TOGETHER_S: Final = 0.05
#: Calls of steps in one run; a loop that never ends would make more.
MAX_CALLS: Final = 10_000


class Unplayable(BaseException):
    """The replay cannot go on: there is nothing true to serve."""


class CasePlayer:
    """Plays a case's steps. Implements :class:`genmon_otel.ports.StepPlayer`.

    A hang waits for ever in virtual time, so that whatever timeout the code has comes first. If
    nothing else is left to happen, :meth:`give_up` ends it as its caller did then: the task is
    cancelled; a hang in plain code raises ``CancelledError`` itself.

    Args:
        case: what is replayed.
        clock: the replay's time.
        redactor: makes digests comparable with recorded ones.
        open_gate: lets a live step through the sandbox while it is entered.
    """

    def __init__(
        self,
        case: Case,
        clock: VirtualTime,
        redactor: Redactor | None = None,
        open_gate: Callable[[], AbstractContextManager[Any]] = nullcontext,
    ) -> None:
        self._case = case
        self._clock = clock
        self._redactor = redactor or Redactor()
        self._open_gate = open_gate
        self._lock = threading.Lock()
        self._left = dict(enumerate(case.steps))
        self._calls: Counter[str] = Counter()
        self._anchor = (-1.0, 0.0)
        #: Names of the steps asked for, in order.
        self.asked: list[str] = []
        self.drifted = False
        self.trigger_consumed = case.trigger.kind == "input"
        #: Why the run cannot show anything; None while it can.
        self.obstacle: tuple[Reason, str] | None = None
        #: What was served that the failing generation did not record.
        self.notes: list[str] = []
        #: The task of the target, where it is one.
        self.main_task: asyncio.Task[Any] | None = None
        self._hanging: list[tuple[StepRecord, asyncio.Task[Any] | None]] = []
        self._given_up = False

    # --- what the recorder calls

    def play(self, name: str, call: Callable[..., Any] | None, arguments: Mapping[str, Any]) -> Any:
        """Serve a call of a plain or generator function."""
        if name in self._case.live and call is not None:
            with self._open_gate(), self._clock.real_work():
                return _call(call, arguments)
        record = self._choose(name, arguments)
        if record.kind == "stream" or (record.kind == "value" and _is_generator(call)):
            return self._stream(record, call)
        if record.kind == "hang":
            self._met(record)
            self._hang(record)
        self._clock.sleep(self._delay(record))
        return self._outcome(record)

    async def play_async(
        self, name: str, call: Callable[..., Any] | None, arguments: Mapping[str, Any]
    ) -> Any:
        """Serve a call of a coroutine function."""
        if name in self._case.live and call is not None:
            with self._open_gate(), self._clock.real_work():
                return await _call(call, arguments)
        record = self._choose(name, arguments)
        if record.kind == "stream" or (record.kind == "value" and _is_generator(call)):
            return self._stream(record, call)
        if record.kind == "hang":
            self._met(record)
            await self._hang_async(record)
        await asyncio.sleep(self._delay(record))
        return self._outcome(record)

    def give_up(self) -> bool:
        """End what hangs, as the recorded generation's caller did; False when nothing does."""
        if self._given_up or not self._hanging:
            return False
        self._given_up = True
        record, task = self._hanging[-1]
        case, clock = self._case, self._clock
        pending = max(0.0, case.duration_s - record.started_s)
        clock.pass_time(max(pending, case.duration_s - clock.monotonic()))
        task = self.main_task if self.main_task is not None else task
        if task is not None:
            task.get_loop().call_soon_threadsafe(task.cancel)
        return True

    # --- which outcome

    def _choose(self, name: str, arguments: Mapping[str, Any]) -> StepRecord:
        key = digest(self._redactor.tree(encode(dict(arguments))))
        with self._lock:
            self.asked.append(name)
            position = self._calls[name]
            self._calls[name] += 1
            if len(self.asked) > MAX_CALLS:
                self._refuse("unrecorded", f"More than {MAX_CALLS} steps were asked for.")
            for index, record in self._left.items():
                if record.name == name and record.digest == key:
                    return self._left.pop(index)
            same = [index for index, record in enumerate(self._case.steps) if record.name == name]
            left = [index for index in same if index in self._left]
            if left:
                self.drifted = True
                wanted = same[position] if position < len(same) else left[0]
                return self._left.pop(wanted if wanted in self._left else left[0])
            return self._beyond(name, key, position - len(same))

    def _beyond(self, name: str, key: str, extra: int) -> StepRecord:
        """Find what to serve where the failing generation recorded nothing more."""
        case = self._case
        if case.trigger.persistent and case.trigger.step is not None:
            trigger = case.steps[case.trigger.step]
            if trigger.name == name:
                return trigger
        if name in case.recovery:
            self.notes.append(f"{name}: served the reviewer's recovery outcome")
            return case.recovery[name]
        donors = [donor for donor in case.donors if donor.step.name == name]
        if donors:
            exact = [donor for donor in donors if donor.step.digest == key]
            donor = exact[0] if exact else donors[extra % len(donors)]
            self.notes.append(f"{name}: served the outcome of generation {donor.generation_id}")
            return donor.step
        self._refuse(
            "unrecorded",
            f"Step {name!r} was asked once more than recorded, and nothing says what it answers. "
            "Give it an outcome (recovery), or mark it live, in the case's review.",
        )

    def _refuse(self, reason: Reason, detail: str) -> NoReturn:
        if self.obstacle is None:
            self.obstacle = (reason, detail)
        raise Unplayable(detail)

    def _met(self, record: StepRecord) -> None:
        """Note that an outcome was really given; the trigger, or a fault just like it, counts."""
        index = self._case.trigger.step
        if index is None:
            return
        trigger = self._case.steps[index]
        if record is trigger or (
            record.name == trigger.name
            and record.kind == trigger.kind
            and record.kind in ("exception", "hang")
            and _fault_type(record) == _fault_type(trigger)
        ):
            self.trigger_consumed = True

    # --- when

    def _delay(self, record: StepRecord) -> float:
        """Seconds until it answers, so that steps begun together end in the recorded order."""
        if record.ended_s is None:
            return 0.0
        now = self._clock.monotonic()
        instant, started = self._anchor
        if now != instant or not 0 <= record.started_s - started <= _TOGETHER_S:
            self._anchor = (now, record.started_s)
            started = record.started_s
        return max(0.0, record.ended_s - started)

    # --- in which form

    def _outcome(self, record: StepRecord) -> Any:
        try:
            if record.kind == "exception":
                error = decode_exception(record.outcome)
            else:
                value = decode(record.outcome)
                self._met(record)
                return value
        except PayloadError as problem:
            self._refuse("payload", f"Step {record.name!r}: {problem}")
        self._met(record)
        raise error

    def _hang(self, record: StepRecord) -> None:
        self._hanging.append((record, None))
        try:
            self._clock.wait_real(lambda _: self._given_up, None)
        finally:
            self._hanging.pop()
        raise asyncio.CancelledError

    async def _hang_async(self, record: StepRecord) -> None:
        entry = (record, asyncio.current_task())
        self._hanging.append(entry)
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            self._hanging.remove(entry)

    def _stream(self, record: StepRecord, call: Callable[..., Any] | None) -> Any:
        try:
            # A generator that ended before its first chunk was recorded as a value.
            recorded = record.outcome if record.kind == "stream" else None
            chunks = [decode(chunk) for chunk in recorded or []]
            error = None if record.stream_error is None else decode_exception(record.stream_error)
        except PayloadError as problem:
            self._refuse("payload", f"Step {record.name!r}: {problem}")
        stream = Replayed(self, record, chunks, error)
        if inspect.isasyncgenfunction(call):
            return aiter(stream)
        if inspect.isgeneratorfunction(call):
            return iter(stream)
        return stream


class Replayed:
    """A recorded stream: its chunks, then its end or error; iterates plainly and asynchronously."""

    def __init__(
        self,
        player: CasePlayer,
        record: StepRecord,
        chunks: list[Any],
        error: BaseException | None,
    ) -> None:
        self._player, self._record, self._chunks, self._error = player, record, chunks, error
        self._left = len(chunks)
        self._pause = player._delay(record) / (len(chunks) + 1)
        self._iterator: Iterator[Any] | None = None
        self._async_iterator: AsyncIterator[Any] | None = None

    def _given(self) -> None:
        """Count a chunk that is given; with the last one its content is met, if it ends well."""
        self._left -= 1
        if self._left == 0 and self._error is None and self._record.ended_s is not None:
            self._player._met(self._record)

    def _plain(self) -> Iterator[Any]:
        for chunk in self._chunks:
            self._player._clock.sleep(self._pause)
            self._given()
            yield chunk
        self._player._clock.sleep(self._pause)
        self._player._met(self._record)
        if self._error is not None:
            raise self._error
        if self._record.ended_s is None:
            self._player._hang(self._record)

    async def _asynchronous(self) -> AsyncIterator[Any]:
        for chunk in self._chunks:
            await asyncio.sleep(self._pause)
            self._given()
            yield chunk
        await asyncio.sleep(self._pause)
        self._player._met(self._record)
        if self._error is not None:
            raise self._error
        if self._record.ended_s is None:
            await self._player._hang_async(self._record)

    def __iter__(self) -> Iterator[Any]:
        if self._iterator is None:
            self._iterator = self._plain()
        return self._iterator

    def __next__(self) -> Any:
        return next(iter(self))

    def __aiter__(self) -> AsyncIterator[Any]:
        if self._async_iterator is None:
            self._async_iterator = self._asynchronous()
        return self._async_iterator

    async def __anext__(self) -> Any:
        return await anext(aiter(self))

    def __enter__(self) -> Replayed:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def __aenter__(self) -> Replayed:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def close(self) -> None:
        """Stop; nothing is held."""

    async def aclose(self) -> None:
        """Stop; nothing is held."""


def _is_generator(call: Callable[..., Any] | None) -> bool:
    return inspect.isgeneratorfunction(call) or inspect.isasyncgenfunction(call)


def _fault_type(record: StepRecord) -> Any:
    return record.outcome.get("type") if isinstance(record.outcome, Mapping) else None


def _call(call: Callable[..., Any], arguments: Mapping[str, Any]) -> Any:
    bound = inspect.BoundArguments(inspect.signature(call), dict(arguments))
    return call(*bound.args, **bound.kwargs)
