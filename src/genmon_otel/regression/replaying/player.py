"""Serve recorded step outcomes: which one, when in virtual time, and in which form.

A call is matched by step name and digest of its redacted arguments, then by the same with ids,
times and numbers masked, then by its order among the calls of that name. Where nothing is left
to serve, :mod:`genmon_otel.regression.judging.extra_answers` decides; else the run is inconclusive.
"""

from __future__ import annotations

import asyncio
import shlex
import threading
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import Any, Final, NoReturn

from genmon_otel.errors import PayloadError
from genmon_otel.exchanges import (
    Keys,
    expanded,
    is_fault,
    keys_of_arguments,
    redacted_request,
)
from genmon_otel.payload import decode, decode_exception, digest, encode
from genmon_otel.ports import ProgramStart
from genmon_otel.records import StepRecord, Tree
from genmon_otel.redaction import Redactor
from genmon_otel.regression.cases.case import Case
from genmon_otel.regression.cases.drift import Drift
from genmon_otel.regression.cases.feeding import answered
from genmon_otel.regression.cases.given_outcomes import as_annotated
from genmon_otel.regression.judging.extra_answers import ExtraAnswers, keys_of_step, remedy_for
from genmon_otel.regression.judging.observation import Reason
from genmon_otel.regression.judging.served_answers import ServedAnswers
from genmon_otel.regression.judging.substitutes import may_substitute
from genmon_otel.regression.replaying.answers import Answers, ReplayedAnswer
from genmon_otel.regression.replaying.calls import call_with, fault_type, is_generator
from genmon_otel.regression.replaying.pace import Pace
from genmon_otel.regression.replaying.replayed_stream import stream_of
from genmon_otel.regression.replaying.virtual_time import VirtualTime

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
        case = replace(case, steps=tuple(expanded(case.steps)))
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
        #: By the masked key of a recorded call: the key of the call that its attempts answer.
        self._claims: dict[str, str] = {}
        #: What answers a request beyond the recorded ones.
        self.extra = ExtraAnswers(case)
        self._answers = Answers(self, case, self._redactor, self._left)
        self._pace = Pace(case.steps, clock)
        #: Names of the steps asked for, in order.
        self.asked: list[str] = []
        #: By the index of the recorded step that was served: the request that was another one.
        self.requests: dict[str, Tree] = {}
        self.drifted = False
        #: The first step that was asked otherwise than recorded.
        self.drift = Drift()
        #: Name and index of each outcome served; -1 for one that is not of the recording.
        self.served: list[tuple[str, int]] = []
        #: Name of the step whose answer broke it, or that failed because of what it was asked, where it was
        #: asked something else; else empty.
        self.prompt_changed = ""
        #: The trigger was asked for; names of the steps served since, and of those that answered.
        self.trigger_asked = case.trigger.kind == "input"
        self.served_after: list[str] = []
        self.answered_after: list[str] = []
        self.trigger_consumed = case.trigger.kind == "input"
        #: What was served, and which of it substitutes the trigger's answer.
        self.served_answers = ServedAnswers(case)
        #: Why the run is inconclusive; None while it is not.
        self.obstacle: tuple[Reason, str] | None = None
        #: A stream was read further than its consumer had read when it was recorded.
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
            self._answers_for_real(name)
            with self._open_network(), self.clock.real_work():
                return call_with(call, arguments)
        record = self._choose(name, call, arguments)
        if record.kind == "stream" or (record.kind == "value" and is_generator(call)):
            return stream_of(self, record, call)
        if record.is_async:  # a plain function that gives a coroutine, as the SDKs' clients have it
            return self._served(record)
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
            self._answers_for_real(name)
            with self._open_network(), self.clock.real_work():
                return await call_with(call, arguments)
        record = self._choose(name, call, arguments)
        if record.kind == "stream" or (record.kind == "value" and is_generator(call)):
            return stream_of(self, record, call)
        return await self._served(record)

    async def _served(self, record: StepRecord) -> Any:
        """Give what a coroutine gave, when it did."""
        if record.kind == "hang" and self.was_cut_short(record):
            await asyncio.sleep(self.until_over())
            record = self._instead_of(record)
        elif record.kind == "hang":
            self.met(record)
            await self.hang_async(record)
        if not self.is_at_once(record):
            await asyncio.sleep(self.delay(record))
        return self.outcome(record)

    def _answers_for_real(self, name: str) -> None:
        if self.trigger_consumed:
            self.served_answers.note_substitute(name)

    def answer(
        self, name: str, adapter: str, site: str, request: Tree, program: ProgramStart | None = None
    ) -> ReplayedAnswer:
        """Serve an automatic step."""
        return self._answers.serve(name, adapter, site, request, program)

    def runs_for_real(self, program: str) -> bool:
        """Whether the case lets a program run."""
        return program in self._case.programs

    async def answer_async(
        self, name: str, adapter: str, site: str, request: Tree, program: ProgramStart | None = None
    ) -> ReplayedAnswer:
        """Serve an automatic step in a task."""
        return await self._answers.serve_async(name, adapter, site, request, program)

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

    def _choose(
        self, name: str, call: Callable[..., Any] | None, arguments: Mapping[str, Any]
    ) -> StepRecord:
        self.check_open()
        tree = self._redactor.tree(encode(dict(arguments)))
        keys = keys_of_arguments(name, tree, digest(tree))
        with self._lock:
            self.note_asked(name)
            left = [i for i, step in self._left.items() if step.name == name and not step.adapter]
            exact = (i for i in left if self._case.steps[i].digest == keys.exact)
            index = next(exact, None)
            if index is None:
                masked = (i for i in left if self.extra.keys(i).masked == keys.masked)
                index = next(masked, None)
            is_other = index is None
            if is_other:  # by order; but a persistent fault of one call is not served to another
                known = self.extra.keys
                unclaimed = (
                    i for i in left if self._claims.get(known(i).masked, keys.masked) == keys.masked
                )
                index = next(unclaimed, None)
            if index is None:
                return self._extra_answer(name, keys, tree, call)
            self._claims.setdefault(self.extra.keys(index).masked, keys.masked)
            record = self._left.pop(index)
            self.serve(record, tree if is_other else None, keys)
            return record

    def serve(self, record: StepRecord, otherwise: Tree, keys: Keys, files: str = "") -> None:
        """Note which outcome is served.

        Args:
            record: recorded, of a donor, or a reviewer's.
            otherwise: the request, where it is another than the recorded one; else None.
            keys: of the request; ``files``: digest of what a program would read.
        """
        self.served_answers.note_served(record, keys, files)
        case = self._case
        index = next((i for i, step in enumerate(case.steps) if step is record), None)
        self.served.append((record.name, -1 if index is None else index))
        if self.trigger_asked:
            self.served_after.append(record.name)
        elif index is not None and index == case.trigger.step:
            self.trigger_asked = True
        if otherwise is None:
            return
        self.drifted = True
        if index is not None:
            shown = redacted_request(otherwise, self._redactor) if record.adapter else otherwise
            self.drift.note(index, record, shown)
            self.requests[str(index)] = shown
        if index in self.extra.bad or (index == case.trigger.step and case.trigger.persistent):
            self.prompt_changed = self.prompt_changed or record.name

    def _extra_answer(
        self,
        name: str,
        keys: Keys,
        arguments: Tree,
        call: Callable[..., Any] | None = None,
        said: str = "was asked once more than recorded",
    ) -> StepRecord:
        """Find what to serve where the failing generation recorded nothing more."""
        found = self.extra.find(name, "", keys, arguments, automatic=False)
        if found is not None:
            record, note = found
            self.notes += [f"{name}: {note}"] if note else []
            self.serve(record, None, keys)
            try:
                is_given = record is self._case.recovery.get(name)
                return as_annotated(record, call) if is_given else record
            except PayloadError as problem:
                self.refuse("payload", f"Step {name!r}: {problem}")
        if all(record.name != name for record in self._case.steps):
            self.refuse(
                "unrecorded",
                f"Of step {name!r} no call was recorded. {remedy_for(self._case, name)} A new one that asks "
                f"nothing of the outside may run: genmon cases approve {self._case.ref} --live {shlex.quote(name)}. "
                "If it was called then, too, its thread was given no context (a bare pool): run it there with "
                "contextvars.copy_context().run.",
            )
        self.refuse("unrecorded", f"Step {name!r} {said}. {remedy_for(self._case, name)}")

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
            keys = keys_of_step(record)
            return self._extra_answer(record.name, keys, record.arguments, said=said)

    def refuse(self, reason: Reason, detail: str) -> NoReturn:
        """End the replay because no recorded outcome fits."""
        if self.obstacle is None:
            self.obstacle = (reason, detail)
        raise Unplayable(detail)

    def met(self, record: StepRecord) -> None:
        """Note that an outcome was delivered; count the trigger, or an equal fault."""
        if self.trigger_consumed and answered(record):
            if record.name not in self.answered_after:
                self.answered_after.append(record.name)
            self._count_instead(record)
        index = self._case.trigger.step
        if index is None:
            return
        trigger = self._case.steps[index]
        if record is trigger or (
            record.name == trigger.name
            and record.kind == trigger.kind
            and (record.kind in ("exception", "hang") or is_fault(record))
            and fault_type(record) == fault_type(trigger)
        ):
            self.trigger_consumed = self.trigger_asked = True

    def _count_instead(self, record: StepRecord) -> None:
        """Count an answer beyond the recording in the trigger's place, once each time it is served."""
        served = sum(name == record.name and index < 0 for name, index in self.served)
        is_recorded = any(record is step for step in self._case.steps)
        is_new = not is_recorded and served > self.served_answers.substitutes.count(record.name)
        causes = {self._case.steps[index].name for index in self.extra.bad}
        if is_new and may_substitute(self._case, record, causes):
            self.served_answers.note_substitute(record.name)

    # --- when

    def delay(self, record: StepRecord) -> float:
        """Return the seconds until a step answers."""
        return self._pace.delay(record)

    def is_at_once(self, record: StepRecord) -> bool:
        """Return whether it answered before anything else in its event loop could run."""
        return self._pace.is_at_once(record)

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
