"""One generation, from its first line to its end."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, Final

from opentelemetry.trace import SpanContext

from genmon_otel import conventions as names
from genmon_otel.forks import forkable_lock
from genmon_otel.interruption import must_propagate
from genmon_otel.payload import Streamed
from genmon_otel.recorder.arguments import HeldArguments
from genmon_otel.recorder.diagnosis import diagnose
from genmon_otel.recorder.end import InterruptedEnd
from genmon_otel.recorder.facts import GenerationFacts, StageFacts
from genmon_otel.recorder.options import Spec, framework_name, identifier, request_text
from genmon_otel.recorder.parameters import Parameters
from genmon_otel.recorder.process_info import measure, task_id
from genmon_otel.recorder.recording import MAX_STAGES, UNSEEN, note_of
from genmon_otel.recorder.runtime import Runtime, suppress_and_count
from genmon_otel.recorder.scope import Scope
from genmon_otel.recorder.span import start_attributes
from genmon_otel.recorder.stage import Stage
from genmon_otel.recorder.stated import MAX_COUNT, checked_count, with_count, with_entry
from genmon_otel.records import MAX_REQUEST, NOTHING, Capture, InFlight, Outcome, StageKind, Tree

#: Exceptions of stages that are kept, to find the one that escaped; as many of automatic steps.
_MAX_ERRORS: Final = 32
#: Characters of a request that are kept until the writer redacts them; a longer one is cut to them.
_MAX_RAW_REQUEST: Final = 2_560

_tokens_lock: Final = forkable_lock()
_modules: Final = sys.modules
_SUCCESS: Final = Outcome.SUCCESS


class Generation(Scope):
    """The generation that is running, as ``current_generation()`` gives it.

    Its public part is :meth:`set`, :meth:`add_tokens`, :meth:`complete`, :attr:`id` and
    :attr:`trace_id`; none of them ever raises. Only its own methods change it; :meth:`facts`
    returns what is known of it.
    """

    noun: ClassVar[str] = "generation"
    follows_bodies: ClassVar[bool] = True

    capture: Capture
    framework: str
    user_id: str | None = None
    project_id: str | None = None
    #: The request, bounded; redacted only where it becomes a span attribute.
    request: str | None = None
    _arguments: HeldArguments | None = None
    #: Tokens that the application counted, and tokens counted from automatic steps.
    _tokens: Mapping[str, int] = NOTHING
    _counted_tokens: Mapping[str, int] = NOTHING
    _context: Mapping[str, Tree] = NOTHING
    _context_sizes: Mapping[str, int] = NOTHING
    _file_count: int | None = None
    _is_complete: bool = False
    _automatic_stages: int = 0
    #: The last exceptions of stages, oldest first.
    _errors: Sequence[tuple[BaseException, Stage]] = ()
    _measured: tuple[float, int] | None = None
    #: Whether it runs; the count of its start that is still to be made if that was interrupted.
    _has_begun: bool = False
    _start: Iterator[str] | None = None
    interrupted_end: InterruptedEnd | None = None

    def __init__(
        self, spec: Spec, runtime: Runtime, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        self.spec = spec
        self.runtime = runtime
        self.id = runtime.new_id()
        self._stages: list[Stage] = []
        self.framework = spec.first_framework
        capture = runtime.capture
        if capture != "off":
            capture = spec.capture or capture
            if capture != "off":
                self._hold_arguments(args, kwargs)
        self.capture = capture
        self._read_options(args, kwargs)
        clock = runtime.clock
        self._started_at = clock.now()
        self._began = clock.monotonic()
        if runtime.resources:
            self._measured = measure()
        attributes = spec.attributes
        if attributes is None or runtime.content_on_spans or runtime.pseudonym_key is not None:
            try:
                attributes = start_attributes(spec.operation, self.framework, self, runtime)
            except BaseException:
                suppress_and_count("span", runtime)
        self.start_span(runtime, spec.span_name, attributes)
        self._span_context: SpanContext = self.span.get_span_context()

    def _hold_arguments(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Keep the arguments for a recording, and the request as text.

        The text is redacted here if it becomes a span attribute, else by the writer.
        """
        spec, runtime = self.spec, self.runtime
        try:
            if spec.parameters is not None:
                self._arguments = HeldArguments(spec.parameters, args, kwargs)
            asked = spec.request.read(args, kwargs)
            text = request_text(asked, _MAX_RAW_REQUEST, implicit=spec.request.implicit)
            if text and runtime.content_on_spans:
                text = runtime.redactor.text(text, MAX_REQUEST)
            self.request = text
        except BaseException:
            suppress_and_count("options", runtime)

    def _read_options(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Read the options' values for this call."""
        spec = self.spec
        for option in spec.dynamic_options:
            try:
                found = option.read(args, kwargs)
                is_id = option is not spec.framework
                setattr(self, option.name, identifier(found) if is_id else self._admitted(found))
            except BaseException:
                suppress_and_count("options", self.runtime)

    def _admitted(self, found: Any) -> str:
        """Return a framework as a label value; one that was only found by a parameter's name must be declared."""
        option = self.spec.framework
        redactor = None if option.implicit else self.runtime.redactor
        framework = framework_name(found, redactor)
        if framework is None:
            return names.NO_FRAMEWORK
        declared = framework in self.spec.frameworks or framework in self.runtime.frameworks
        return names.OTHER if option.implicit and not declared else framework

    # --- for the decorated code

    @property
    def trace_id(self) -> str | None:
        """The trace's id in hex; None where OpenTelemetry gave no valid one."""
        context = self._span_context
        return f"{context.trace_id:032x}" if context.is_valid else None

    def set(
        self, *, file_count: int | None = None, framework: str | None = None, **context: Any
    ) -> None:
        """Add facts about this generation.

        Args:
            file_count: files in the result.
            framework: the framework, where it is known only now.
            context: anything that helps to understand a failure; kept bounded and redacted.
        """
        try:
            if not self.is_open:
                return
            if (name := framework_name(framework, self.runtime.redactor)) is not None:
                self.framework = name
                self.span.set_attribute(names.ATTR_FRAMEWORK, name)
            for key, value in context.items():
                held = self._context, self._context_sizes
                self._context, self._context_sizes = with_entry(*held, key, value)
            if file_count is not None:
                self._file_count = checked_count("file_count", file_count)
        except BaseException:
            suppress_and_count("set", self.runtime)

    def add_tokens(self, input: int = 0, output: int = 0, **other: int) -> None:
        """Add to the tokens used so far; safe from any task or thread."""
        try:
            if not self.is_open:
                return
            with _tokens_lock:
                for name, count in {"input": input, "output": output, **other}.items():
                    self._tokens = with_count(self._tokens, name, count)
        except BaseException:
            suppress_and_count("add_tokens", self.runtime)

    def count_tokens(self, counts: Mapping[str, int]) -> None:
        """Add the tokens in the answer of an automatic step.

        It counts only while the application never calls :meth:`add_tokens`: else the same tokens
        would count twice.
        """
        if counts and self.is_open:
            with _tokens_lock:
                known = dict(self._counted_tokens)
                for kind, count in counts.items():
                    known[kind] = min(known.get(kind, 0) + int(count), MAX_COUNT)
                self._counted_tokens = known

    def complete(self) -> None:
        """Declare the result complete: a consumer that stops reading later does not cancel it."""
        self._is_complete = True

    # --- lifecycle

    @property
    def generation(self) -> Generation:
        """Itself: without a reference, which would be a cycle."""
        return self

    @property
    def is_open(self) -> bool:
        return self.id in self.runtime.running

    @property
    def follows_iterators(self) -> bool:
        return self.spec.stream

    def begin(self) -> None:
        """Add it to the running generations and count it. Idempotent."""
        if self._has_begun:
            return
        runtime = self.runtime
        if not runtime.sink.is_started:
            runtime.sink.start()
        self._start = start = iter((self.spec.operation,))
        # No call up to the count: an interruption finds all of this done, or nothing. An
        # interrupted count is made up for at the end.
        self._has_begun = True
        runtime.running[self.id] = self
        runtime.metrics.count_starts(start)
        self._start = None

    def enter(self) -> None:
        self.begin()
        super().enter()

    def open_stage(  # noqa: PLR0917 - by name they would cost each call of a step
        self,
        kind: StageKind,
        name: str,
        parameters: Parameters | None = None,
        is_async: bool = False,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] = NOTHING,
    ) -> Stage | None:
        """Begin a phase or step. Never raises; None if an internal error prevented it.

        Args:
            kind: phase or step.
            name: as metrics and traces call it.
            parameters: of a step, those of the callable; None for a block.
            is_async: whether the callable is awaited.
            args: what it was called with.
            kwargs: and by name.
        """
        try:
            held: HeldArguments | None = None
            if parameters is not None and self.capture != "off":
                held = HeldArguments(parameters, args, kwargs)
            stage = Stage(self, kind, name, is_async, held)
            self.add_stage(stage)
            return stage
        except BaseException:
            suppress_and_count("stage", self.runtime)
            return None

    def add_stage(self, stage: Stage) -> None:
        """Keep a stage that began, unless there are too many; automatic ones displace no others."""
        count = self._automatic_stages
        if (count if stage.automatic else len(self._stages) - count) < MAX_STAGES:
            self._stages.append(stage)
            self._automatic_stages += stage.automatic

    def note_error(self, error: BaseException, stage: Stage) -> None:
        """Note that a stage ended with an exception, to recognise the one that escapes."""
        same_kind = [each for each in self._errors if each[1].automatic is stage.automatic]
        oldest = same_kind[0] if len(same_kind) >= _MAX_ERRORS else None
        self._errors = [*(each for each in self._errors if each is not oldest), (error, stage)]

    def in_flight(self) -> InFlight:
        """Return what the journal notes of it while it runs."""
        return note_of(self.facts())

    def facts(self, outcome: Outcome | None = None) -> GenerationFacts:
        """Return the facts that are known now.

        Args:
            outcome: how it ends; None: it runs.
        """
        runtime = self.runtime
        now = runtime.clock.monotonic()
        stages: tuple[StageFacts, ...] = ()
        errors: Sequence[tuple[BaseException, StageFacts]] = ()
        if self._stages:
            known = {stage: stage.facts(now) for stage in list(self._stages)}
            stages = tuple(known.values())
            errors = [(error, known[stage]) for error, stage in self._errors if stage in known]
        # A span context is this tuple; its properties cost a call each.
        trace_id, span_id, _, flags, _, is_valid = self._span_context
        return GenerationFacts(  # in the order of its fields: by name it takes ten times as long
            self.id,
            self.spec,
            self.capture,
            self.framework,
            self.user_id,
            self.project_id,
            self.request,
            self._arguments,
            outcome,
            self._started_at,
            runtime.clock.now(),
            self._began,
            now - self._began,
            self._file_count,
            self._tokens or self._counted_tokens,
            self._context,
            stages,
            errors,
            trace_id.to_bytes(16, "big").hex() if is_valid else None,
            span_id.to_bytes(8, "big").hex() if is_valid else None,
            (flags & 1) == 1,
            runtime.code_version,
            task_id() if outcome is not None and "celery" in _modules else None,
        )

    # --- its end

    def _succeed(self, result: Any, items: int | None) -> None:
        predicate = self.spec.failure_if
        if items is not None:
            result = Streamed(items)
        elif predicate is not None:
            try:
                failed = diagnose.refuses(predicate, result)
            except BaseException as error:
                if must_propagate(error):  # an interruption, not an error of the predicate
                    self._fail(error, None)
                    raise
                suppress_and_count("failure_if", self.runtime)
            else:
                if failed:
                    self._end(Outcome.FAILURE, diagnose.Refused(result), result)
                    return
        self._end(_SUCCESS, None, result)

    def _fail(self, error: BaseException, items: int | None) -> None:
        from genmon_otel.control_flow import (
            outcome_of,  # see genmon_otel.recorder.diagnosis.diagnose
        )

        problem: diagnose.Problem | None = None
        result: Any = None
        try:  # looking at an exception's class may itself raise; the generation ends all the same
            if self._is_complete and isinstance(error, (GeneratorExit, asyncio.CancelledError)):
                outcome, result = _SUCCESS, UNSEEN if items is None else Streamed(items)
            else:
                outcome, cause = outcome_of(error, self.spec.expected)
                if outcome is Outcome.CANCELLED:
                    problem = diagnose.timed_out(self.facts(), error)
                    outcome = outcome if problem is None else Outcome.FAILURE
                elif outcome is Outcome.FAILURE:
                    problem = diagnose.Raised(cause)
        except BaseException:
            suppress_and_count("outcome", self.runtime)
            outcome, problem = Outcome.FAILURE, diagnose.Raised(error)
        self._end(outcome, problem, result)

    def _end(
        self, outcome: Outcome, problem: diagnose.Problem | None = None, result: Any = None
    ) -> None:
        """End it if it has not ended; resume its end if that was interrupted.

        The thread that removes the id from ``running`` (one atomic ``del``) delivers the record,
        then ends the span. Every other call returns.
        """
        running = self.runtime.running
        if self.id not in running and self.interrupted_end is None:
            return  # it has ended already, or belongs to the parent process
        for stage in self._stages if self._automatic_stages else ():
            stage.generation_ended()
        facts, measured = self.facts(outcome), self._measured
        end = InterruptedEnd(facts, problem, result, self.runtime, self.span, self._start, measured)
        try:
            try:
                del running[self.id]
            except KeyError:
                if self.interrupted_end is None:
                    return  # another thread ends it
                end, self.interrupted_end = self.interrupted_end, None
            end.resume()
            self._drop()
        except BaseException:
            self.interrupted_end = end
            raise

    def _drop(self) -> None:
        """Release what is no longer needed: exceptions with their frames, large arguments, cycles."""
        self._arguments = None
        if self._stages:
            self._stages, self._errors = [], ()
        self.release()
