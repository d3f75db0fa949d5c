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
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Final, NoReturn

from genmon_otel.errors import PayloadError
from genmon_otel.exchanges import is_fault, status_of
from genmon_otel.payload import decode, decode_exception, digest, encode
from genmon_otel.records import StepRecord, Tree
from genmon_otel.redaction import Redactor
from genmon_otel.regression.answers import Answers, ReplayedAnswer
from genmon_otel.regression.case import Case
from genmon_otel.regression.replayed_stream import AsyncStream, PlainStream, Replayed
from genmon_otel.regression.verdict import Reason
from genmon_otel.regression.virtual_time import VirtualTime

#: Recorded steps that began within so many seconds count as started together.
_TOGETHER_S: Final = 0.05
#: Seconds below which a step that nothing came between is taken to have answered without waiting.
_AT_ONCE_S: Final = 0.001
#: Seconds by which a step may answer later than it took, to make up for time between the steps
#: that is not replayed: a loop with a deadline asks as often as it did.
_DRIFT_S: Final = 0.25
#: Seconds after the recorded end at which a step that it cut short may answer.
_MARGIN_S: Final = 0.05
#: Most calls of steps in one run; an endless loop would make more.
MAX_CALLS: Final = 10_000


class Unplayable(BaseException):
    """Raised when the replay has no recorded outcome to serve."""


class Over(BaseException):
    """Raised when a retry outside the recorded attempt starts another attempt."""


class CasePlayer:
    """Plays a case's steps. Implements :class:`genmon_otel.ports.StepPlayer`.

    A hang waits for ever in virtual time, so that whatever timeout the code has comes first. If
    nothing else is left to happen, :meth:`give_up` ends it as its caller did then: the task is
    cancelled; a hang in plain code raises ``CancelledError`` itself.

    Args:
        case: what is replayed.
        clock: the replay's time.
        redactor: makes digests comparable with recorded ones.
        open_network: lets a live step through the sandbox while it is entered.
        is_over: whether the target's generation has ended in something else than success.
    """

    def __init__(
        self,
        case: Case,
        clock: VirtualTime,
        redactor: Redactor | None = None,
        open_network: Callable[[], AbstractContextManager[Any]] = nullcontext,
        is_over: Callable[[], bool] = lambda: False,
    ) -> None:
        self._case = case
        #: The replay's time.
        self.clock = clock
        self._redactor = redactor or Redactor()
        self._open_network = open_network
        self._is_over = is_over
        #: A step was asked for after the attempt that is replayed.
        self.was_over = False
        self._lock = threading.Lock()
        self._left = dict(enumerate(case.steps))
        self._calls: Counter[str] = Counter()
        self._answers = Answers(self, case, self._redactor, self._left)
        self._anchor = (-1.0, 0.0)
        #: Names of the steps asked for, in order.
        self.asked: list[str] = []
        self.drifted = False
        self.trigger_consumed = case.trigger.kind == "input"
        #: Why the run is inconclusive; None while it is not.
        self.obstacle: tuple[Reason, str] | None = None
        #: More was asked of a stream than its consumer had read when it was recorded.
        self.read_on = False
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
            with self._open_network(), self.clock.real_work():
                return _call(call, arguments)
        record = self._choose(name, arguments)
        if record.kind == "stream" or (record.kind == "value" and _is_generator(call)):
            return self._stream(record, call)
        if record.kind == "hang" and self.was_cut_short(record):
            self.clock.sleep(self.until_over())
            record = self._instead_of(record)
        elif record.kind == "hang":
            self.met(record)
            self.hang(record)
        self.clock.sleep(self.delay(record))
        return self.outcome(record)

    async def play_async(
        self, name: str, call: Callable[..., Any] | None, arguments: Mapping[str, Any]
    ) -> Any:
        """Serve a call of a coroutine function."""
        if name in self._case.live and call is not None:
            with self._open_network(), self.clock.real_work():
                return await _call(call, arguments)
        record = self._choose(name, arguments)
        if record.kind == "stream" or (record.kind == "value" and _is_generator(call)):
            return self._stream(record, call)
        if record.kind == "hang" and self.was_cut_short(record):
            await asyncio.sleep(self.until_over())
            record = self._instead_of(record)
        elif record.kind == "hang":
            self.met(record)
            await self.hang_async(record)
        if not self.is_at_once(record):
            await asyncio.sleep(self.delay(record))
        return self.outcome(record)

    def answer(self, name: str, adapter: str, site: str, request: Tree) -> ReplayedAnswer:
        """Serve an automatic step."""
        return self._answers.serve(name, adapter, site, request)

    def runs_for_real(self, program: str) -> bool:
        """Whether the case lets a program run."""
        return program in self._case.programs

    async def answer_async(
        self, name: str, adapter: str, site: str, request: Tree
    ) -> ReplayedAnswer:
        """Serve an automatic step in a task."""
        return await self._answers.serve_async(name, adapter, site, request)

    def give_up(self) -> bool:
        """Cancel a step that hangs, as the recorded caller did; False if none hangs."""
        if self._given_up or not self._hanging:
            return False
        self._given_up = True
        record, task = self._hanging[-1]
        case, clock = self._case, self.clock
        pending = max(0.0, case.duration_s - record.started_s)
        clock.pass_time(max(pending, case.duration_s - clock.monotonic()))
        task = self.main_task if self.main_task is not None else task
        if task is not None:
            task.get_loop().call_soon_threadsafe(task.cancel)
        return True

    # --- which outcome

    def note_asked(self, name: str) -> None:
        """Count a call of a step; end the replay at the limit."""
        self.asked.append(name)
        if len(self.asked) > MAX_CALLS:
            self.refuse("unrecorded", f"More than {MAX_CALLS} steps were asked for.")

    def check_open(self) -> None:
        """Stop an attempt that begins after the replayed one."""
        if self._is_over():
            self.was_over = True
            raise Over("The replayed attempt has ended.")

    def _choose(self, name: str, arguments: Mapping[str, Any]) -> StepRecord:
        self.check_open()
        key = digest(self._redactor.tree(encode(dict(arguments))))
        with self._lock:
            self.note_asked(name)
            position = self._calls[name]
            self._calls[name] += 1
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

    def _beyond(
        self, name: str, key: str, extra: int, said: str = "was asked once more than recorded"
    ) -> StepRecord:
        """Find what to serve where the failing generation recorded nothing more."""
        case = self._case
        if case.trigger.step is not None and case.steps[case.trigger.step].name == name:
            if case.trigger.persistent or extra < case.trigger.repeats:
                return case.steps[case.trigger.step]
            extra -= case.trigger.repeats
        if name in case.recovery:
            self.notes.append(f"{name}: served the reviewer's recovery outcome")
            return case.recovery[name]
        donors = [donor for donor in case.donors if donor.step.name == name]
        if donors:
            exact = [donor for donor in donors if donor.step.digest == key]
            donor = exact[0] if exact else donors[extra % len(donors)]
            self.notes.append(f"{name}: served the outcome of generation {donor.generation_id}")
            return donor.step
        if all(record.name != name for record in case.steps):
            self.refuse(
                "unrecorded",
                f"Of step {name!r} no call was recorded. A thread that was given no context (a bare "
                "pool, run_in_executor) is not seen: run it there with "
                "contextvars.copy_context().run. If the call is new, say what it answers: genmon "
                f"cases approve {case.ref} --recovery '{name}=JSON'",
            )
        self.refuse(
            "unrecorded",
            f"Step {name!r} {said}, and nothing says what it answers. "
            f"Say what it answers: genmon cases approve {case.ref} "
            f"--recovery '{name}=JSON' (before the review: verify instead of approve).",
        )

    def was_cut_short(self, record: StepRecord) -> bool:
        """Whether it was still at work when the generation failed of something else.

        What it would have answered is not known. Of a generation that failed because a step
        never answered, all that did not answer are taken to hang.
        """
        index = self._case.trigger.step
        return index is None or self._case.steps[index].ended_s is not None

    def until_over(self) -> float:
        """Return the seconds after which the recorded generation had ended: code that still waits is fixed."""
        return max(0.0, self._case.duration_s + _MARGIN_S - self.clock.monotonic())

    def _instead_of(self, record: StepRecord) -> StepRecord:
        with self._lock:
            said = "had not answered yet when the generation failed"
            return self._beyond(record.name, record.digest, 0, said)

    def refuse(self, reason: Reason, detail: str) -> NoReturn:
        """End the replay because no recorded outcome fits."""
        if self.obstacle is None:
            self.obstacle = (reason, detail)
        raise Unplayable(detail)

    def met(self, record: StepRecord) -> None:
        """Note that an outcome was delivered; count the trigger, or an equal fault."""
        index = self._case.trigger.step
        if index is None:
            return
        trigger = self._case.steps[index]
        if record is trigger or (
            record.name == trigger.name
            and record.kind == trigger.kind
            and (record.kind in ("exception", "hang") or is_fault(record))
            and _fault_type(record) == _fault_type(trigger)
        ):
            self.trigger_consumed = True

    # --- when

    def delay(self, record: StepRecord) -> float:
        """Return the seconds until a step answers, so that steps started together end in the recorded order."""
        if record.ended_s is None:
            return 0.0
        now = self.clock.monotonic()
        instant, started = self._anchor
        if now != instant or not 0 <= record.started_s - started <= _TOGETHER_S:
            self._anchor = (now, record.started_s)
            started = record.started_s
        took = max(0.0, record.ended_s - started)
        late = record.ended_s - (now + took)
        return took + late if 0 < late <= _DRIFT_S else took

    def is_at_once(self, record: StepRecord) -> bool:
        """Return whether it answered before anything else in its event loop could run.

        Then siblings in a task group that broke, too, did so together with it.
        """
        begun, ended = record.started_s, record.ended_s
        return (
            ended is not None
            and ended - begun < _AT_ONCE_S
            and not any(
                begun < other.started_s < ended
                or (other.ended_s is not None and begun < other.ended_s < ended)
                for other in self._case.steps
                if other is not record
            )
        )

    # --- in which form

    def outcome(self, record: StepRecord) -> Any:
        """Return or raise what a step gave."""
        try:
            if record.kind == "exception":
                error = decode_exception(record.outcome)
            else:
                value = decode(record.outcome)
                self.met(record)
                return value
        except PayloadError as problem:
            self.refuse("payload", f"Step {record.name!r}: {problem}")
        self.met(record)
        raise error

    def hang(self, record: StepRecord) -> None:
        """Never answer in plain code; ``CancelledError`` once nothing else is left to happen."""
        self._hanging.append((record, None))
        try:
            self.clock.wait_real(lambda _: self._given_up, None)
        finally:
            self._hanging.pop()
        raise asyncio.CancelledError

    async def hang_async(self, record: StepRecord) -> None:
        """Never answer in a task, which is cancelled once nothing else is left to happen."""
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
            self.refuse("payload", f"Step {record.name!r}: {problem}")
        stream = Replayed(self, record, chunks, error)
        if inspect.isasyncgenfunction(call):
            return stream.asynchronous()
        if inspect.isgeneratorfunction(call):
            return stream.plain()
        return AsyncStream(stream) if record.is_async else PlainStream(stream)


def _is_generator(call: Callable[..., Any] | None) -> bool:
    return inspect.isgeneratorfunction(call) or inspect.isasyncgenfunction(call)


def _fault_type(record: StepRecord) -> Any:
    """Return the kind of a fault, to compare two."""
    if record.adapter and record.kind in ("value", "stream"):
        return status_of(record)
    return record.outcome.get("type") if isinstance(record.outcome, Mapping) else None


def _call(call: Callable[..., Any], arguments: Mapping[str, Any]) -> Any:
    bound = inspect.BoundArguments(inspect.signature(call), dict(arguments))
    return call(*bound.args, **bound.kwargs)
