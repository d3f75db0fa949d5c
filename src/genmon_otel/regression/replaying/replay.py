"""One replay in this process, which is behind the kernel's restrictions.

It puts network, files, programs, time and chance under control, imports the
target, calls it with the recorded inputs while the player answers its steps, and
returns what it saw. It judges nothing.
"""

from __future__ import annotations

import asyncio
import inspect
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, NoReturn

from genmon_otel import payload, recorder
from genmon_otel.code_version import sources_version
from genmon_otel.decorators.wrappers import default_name
from genmon_otel.errors import PayloadError
from genmon_otel.recorder.options import ATTRIBUTE, Spec
from genmon_otel.recorder.runtime import remembered_target
from genmon_otel.records import Failure, GenerationRecord, Outcome
from genmon_otel.regression.cases.case import Case
from genmon_otel.regression.cases.drift import Drift
from genmon_otel.regression.cases.feeding import hands_on
from genmon_otel.regression.cases.trust import Trust
from genmon_otel.regression.isolation.sandbox import REFUSED
from genmon_otel.regression.judging.observation import (
    Failed,
    Observation,
    Reason,
    trigger_signature,
)
from genmon_otel.regression.judging.swallowed_error import SwallowedErrorWatch
from genmon_otel.regression.judging.unrecorded_values import named
from genmon_otel.regression.replaying import virtual_time
from genmon_otel.regression.replaying.collector import Broken, Collector
from genmon_otel.regression.replaying.controls import Controls
from genmon_otel.regression.replaying.effects import comparable
from genmon_otel.regression.replaying.lookup import (
    ELSEWHERE,
    REBIND,
    Lookup,
    Refused,
    where_it_went,
)
from genmon_otel.regression.replaying.player import CasePlayer
from genmon_otel.regression.replaying.replay_inputs import Inputs, Obstacle, line_of
from genmon_otel.regression.replaying.tracebacks import text_of_error

#: Items of a streamed result that are kept for the postcondition.
_MAX_ITEMS: Final = 10_000
_MAX_TEXT: Final = 400
_NOT_AT_IMPORT: Final = (
    "An import may not do that in a replay: put it into a function, or below "
    "if __name__ == '__main__':."
)


class Replay:
    """One run of one case in this process."""

    def __init__(
        self, case: Case, request: Mapping[str, Any], controls: Controls | None = None
    ) -> None:
        self._case = case
        trust = Trust.from_dict(request["trust"])
        self._lookup = Lookup(trust.within(Path(request["home"])), trust)
        self._tells_requests = bool(request.get("requests"))
        self._watch = SwallowedErrorWatch(case) if request.get("watch") else None
        self._is_prepared = controls is not None
        self._controls = controls or Controls.of(case, Path(request["workspace"]))
        self._clock, self._sandbox = self._controls.clock, self._controls.sandbox
        self._inputs = Inputs(case, self._lookup, self._controls.ahead)
        self._sink = Collector(case.operation)
        self._player = CasePlayer(
            case,
            self._clock,
            open_network=self._sandbox.network_open,
            is_over=lambda: self._sink.failed is not None,
        )
        self._broken = Broken()
        self._escaped = ""
        #: What left the target.
        self.raised: BaseException | None = None
        self._result: Any = None
        #: What it streamed, where that is not the result itself.
        self._items: list[Any] = []
        self._postcondition: str | None = None

    def run(self) -> Observation:
        """Run the case and return the observation; never raises."""
        if not self._is_prepared:
            self._controls.install(self._case)
        self._clock.when_stuck = self._player.give_up
        obstacle: tuple[Reason, str] | None = None
        try:
            target, spec = self.load()
            self._take_name(target, spec)
            arguments = self._inputs.of_call(target, spec)
            accepts = self._accepts()
            self._sandbox.phase = "running"
            payload.forget_touches()
            self._call(target, spec, arguments, accepts)
        except Obstacle as error:
            obstacle = error.found
        except virtual_time.Stuck as error:
            obstacle = ("deadline", str(error))
        except BaseException as error:
            obstacle = ("crash", f"The replay itself broke: {line_of(error)}")
        finally:
            self._sandbox.phase = "over"
        return self._observation(self._hindered() or obstacle)

    # --- before the call

    def load(self) -> tuple[Any, Spec]:
        """Import the target; raise :class:`Obstacle` where that is impossible."""
        path = self._case.target
        recorder.install(self._runtime())
        try:
            target = self._find(path)
        except Refused as error:
            raise Obstacle("trust", f"The target may not be called: {error}") from None
        except PayloadError as error:
            self._refuse_a_run_at_import()
            if REFUSED in str(error):
                raise Obstacle("import", f"{str(error).rstrip('.')}. {_NOT_AT_IMPORT}") from None
            refused = f" ({self._sandbox.notes[0]})" if self._sandbox.notes else ""
            advice = where_it_went(path)
            reason: Reason = "import" if advice is REBIND else "not_called"
            if error.__cause__ is not None and not isinstance(error.__cause__, ImportError):
                advice = ""  # its module is there, and raised this
            if self._module().partition(".")[0] not in sys.modules:
                advice = f"{ELSEWHERE} {advice}"
            said = f"{str(error).rstrip('.')}{refused}. {advice}".rstrip()
            raise Obstacle(reason, said) from None
        except BaseException as error:
            self._refuse_a_run_at_import()
            raise Obstacle("import", f"{path} cannot be imported: {line_of(error)}") from None
        self._refuse_a_run_at_import()
        spec = getattr(target, ATTRIBUTE, None)
        if not isinstance(spec, Spec):
            raise Obstacle("not_called", f"{path} is not decorated with @generation. {REBIND}")
        recorder.install(self._runtime())  # again, because the import may have replaced it
        return target, spec

    def _take_name(self, target: Any, spec: Spec) -> None:
        """Name the operation as it was where it is named after its function, renamed since."""
        if spec.operation == default_name(spec.function or target):
            object.__setattr__(spec, "operation", self._case.operation)

    def _find(self, path: str) -> Any:
        """Return the decorated callable: by its name, else from the object that its module made of it."""
        self._lookup.module(path)
        target, self._inputs.registered = self._lookup.target(path, remembered_target(path))
        return target

    def _refuse_a_run_at_import(self) -> None:
        """Raise Obstacle if importing the target's module ran the generation."""
        if self._player.asked or self._sink.records:
            self._player.obstacle = None
            # What that run asked says nothing about the recorded one.
            self._player.drifted, self._player.drift = False, Drift()
            raise Obstacle(
                "not_called",
                f"Importing {self._module()} runs the generation. Put what calls it below "
                "if __name__ == '__main__':, so that importing it only defines it.",
            )

    def _module(self) -> str:
        return self._case.target.partition(":")[0]

    def _runtime(self) -> recorder.Runtime:
        return recorder.Runtime(
            sink=self._sink, clock=self._clock, player=self._player, metrics=self._broken
        )

    def _accepts(self) -> Callable[[Any], Any] | None:
        """Return the postcondition; a missing one is an obstacle only to runs that reach it."""
        path = self._case.postcondition
        if path is None:
            return None
        try:
            found: Callable[[Any], Any] = self._lookup.postcondition(path)
        except Refused as error:
            raise Obstacle("trust", str(error)) from None
        except PayloadError as error:
            obstacle = Obstacle("postcondition", str(error))

            def found(_: Any) -> NoReturn:
                raise obstacle

        return found

    # --- the call

    def _call(
        self,
        target: Any,
        spec: Spec,
        arguments: tuple[tuple[Any, ...], dict[str, Any]],
        accepts: Callable[[Any], Any] | None,
    ) -> None:
        args, kwargs = arguments
        if self._watch is not None:
            self._watch.begin(spec.function or target)
        try:
            result = target(*args, **kwargs)
            if _is_asynchronous(result):
                with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
                    result = runner.run(self._finish(result, spec))
            elif inspect.isgenerator(result) or (spec.stream and hasattr(result, "__next__")):
                result = [item for item, _ in zip(result, range(_MAX_ITEMS), strict=False)]
            self._result = result
        except virtual_time.Stuck:
            raise
        except BaseException as error:
            self._escaped = line_of(error)
            self.raised = error
            self._sandbox.look_at(error)
            return
        finally:
            if self._watch is not None:
                self._watch.end()
        self._check(accepts)

    async def _finish(self, result: Any, spec: Spec) -> Any:
        """Await the target, and consume what it streams, so that its generation ends."""
        self._player.main_task = asyncio.current_task()
        if inspect.isawaitable(result):
            result = await result
        body = getattr(result, "body_iterator", result)
        if inspect.isasyncgen(body) or (body is not result) or (
            spec.stream and hasattr(body, "__anext__")
        ):  # fmt: skip
            items = self._items
            async for item in body:
                if len(items) < _MAX_ITEMS:
                    items.append(item)
            return items if body is result else result
        if inspect.isgenerator(result):
            return list(result)
        return result

    def _check(self, accepts: Callable[[Any], Any] | None) -> None:
        if accepts is None:
            return
        try:
            accepted = accepts(self._result)
            self._postcondition = "it returned False" if accepted is False else ""
        except Obstacle:
            raise
        except Exception as error:
            self._postcondition = line_of(error)

    # --- what was seen

    def _hindered(self) -> tuple[Reason, str] | None:
        """Return what makes the run inconclusive, even if the code caught it."""
        touched = payload.touches()
        if touched:
            return ("size" if "(size)" in touched[0] else "opaque"), named(touched[0], self._case)
        if self._player.obstacle is not None:
            return self._player.obstacle
        return self._sandbox.refusals[0] if self._sandbox.refusals else None

    def _observation(self, obstacle: tuple[Reason, str] | None) -> Observation:
        own = [r for r in self._sink.records if r.operation == self._case.operation]
        record = own[-1] if own else None
        if self._player.was_over:  # what followed the attempt was not recorded
            record = self._sink.failed
        others = [r for r in self._sink.records if r is not record and r.failure is not None]
        failure = record.failure if record else None
        if not own and self._broken.first:
            broken = f"The generation could not be recorded: {self._broken.first}"
            obstacle = obstacle or ("crash", broken)
        if failure is None or failure.signature != self._case.expected.signature:
            obstacle = obstacle or self._sandbox.unforeseen
        return Observation(
            obstacle=obstacle,
            generations=len(own),
            outcome=record.outcome if record else None,
            failed=_failed(failure) if failure is not None else None,
            other_failures=tuple(
                f"{r.failure.error_type}: {r.failure.error_message}"[:_MAX_TEXT]
                for r in others
                if r.failure is not None
            ),
            escaped=self._escaped,
            trigger_consumed=self._player.trigger_consumed,
            trigger_signature=trigger_signature(self._case, record),
            drifted=self._player.drifted,
            drift=self._player.drift.text(),
            traceback="" if self.raised is None else text_of_error(self.raised),
            served=tuple(self._player.served[:1000]),
            prompt_changed=self._player.prompt_changed,
            donor_for_trigger=self._player.extra.donor_for_trigger,
            foreign_donor=self._player.extra.foreign_donor,
            served_after=tuple(dict.fromkeys(self._player.served_after)),
            answered_after=tuple(self._player.answered_after),
            substitutes=tuple(self._player.served_answers.substitutes[:1000]),
            effect=self._effect(record),
            masked_effect=self._effect(record, masked=True),
            trigger_request=self._player.served_answers.trigger_request(),
            substitute_requests=self._substitute_requests(),
            relied_on=self._player.served_answers.relied_on()[:1000],
            hands_on=self._hands_on(record),
            objection=self._watch.objection() if self._watch is not None else "",
            read_on=self._player.read_on,
            result_shape=self._shape(record),
            postcondition=self._postcondition,
            missing=tuple(self._controls.missing),
            steps=tuple(self._player.asked[:1000]),
            virtual_s=round(self._clock.monotonic(), 3),
            notes=(*self._sandbox.notes, *self._player.notes),
            code_version=self._version(),
            requests=self._player.requests if self._tells_requests else {},
        )

    def _version(self) -> str | None:
        return sources_version()

    def _succeeded(self, record: GenerationRecord | None) -> bool:
        return record is not None and record.outcome is Outcome.SUCCESS and not self._escaped

    def _effect(self, record: GenerationRecord | None, *, masked: bool = False) -> str:
        """Return a digest of what the run asked for and of its result; empty without success."""
        if not self._succeeded(record):
            return ""
        result = comparable([self._result, self._items])
        return payload.digest([self._player.served_answers.effect(masked=masked), result])

    def _substitute_requests(self) -> str:
        asked = self._player.served_answers.substitute_requests()
        return payload.digest(asked) if asked else ""

    def _hands_on(self, record: GenerationRecord | None) -> bool:
        trigger = self._case.trigger
        if trigger.step is None or trigger.kind != "content" or not self._succeeded(record):
            return False
        result = payload.encode([self._result, self._items])
        return hands_on(self._case.steps[trigger.step], result)

    def _shape(self, record: GenerationRecord | None) -> Any:
        """Return the shape of the result, as sampled by the recorder if it did."""
        if record is None or record.outcome is not Outcome.SUCCESS or self._escaped:
            return None
        sampled = self._sink.shapes.get(record.generation_id)
        return payload.shape(self._result) if sampled is None else sampled


def _failed(failure: Failure) -> Failed:
    return Failed(
        signature=failure.signature,
        category=str(failure.category),
        error_type=failure.error_type,
        error_message=failure.error_message,
        stage=failure.stage,
        fingerprint=failure.fingerprint,
    )


def _is_asynchronous(result: Any) -> bool:
    body = getattr(result, "body_iterator", None)
    return inspect.isawaitable(result) or inspect.isasyncgen(result) or hasattr(body, "__aiter__")
