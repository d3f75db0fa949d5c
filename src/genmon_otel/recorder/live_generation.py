"""One live generation: from its first line to the record it leaves behind."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

from genmon_otel import conventions as names
from genmon_otel.failure_log import log_failure
from genmon_otel.forks import forkable_lock
from genmon_otel.interruption import must_propagate
from genmon_otel.payload import Streamed
from genmon_otel.recorder import diagnosis, root_span
from genmon_otel.recorder.binding import framework_name
from genmon_otel.recorder.called_with import hold, read
from genmon_otel.recorder.held import HeldArguments, are_atoms
from genmon_otel.recorder.keepsakes import UNSEEN, note_of, record_of, recording_of, sample_of
from genmon_otel.recorder.otel_context import attach
from genmon_otel.recorder.process_info import measure, task_id, used
from genmon_otel.recorder.runtime import Runtime, suppress_and_count
from genmon_otel.recorder.scope import CURRENT, Scope
from genmon_otel.recorder.spec import Spec
from genmon_otel.recorder.stage_run import StageRun
from genmon_otel.recorder.user_context import with_entry
from genmon_otel.records import (
    MAX_REQUEST,
    NOTHING,
    Capture,
    Failure,
    GenerationRecord,
    InFlight,
    Outcome,
    Recording,
    StageEnd,
    StepFault,
    SuccessSample,
    Tree,
)
from genmon_otel.text import clean, safe_repr

#: Errors of stages that are remembered, to find the one that escaped.
_MAX_ERRORS: Final = 32
#: Names of tokens, characters of one.
_MAX_NAMES: Final = 32
_MAX_KEY: Final = 64
#: Largest count of files or tokens: what JSON, floats and OTLP all carry exactly.
_MAX_COUNT: Final = 2**53

#: Bytes of arguments that may wait to be read: thousands of generations may do so at a time.
_MAX_UNREAD: Final = 16_384
_tokens_lock: Final = forkable_lock()
_modules: Final = sys.modules
_SUCCESS: Final = Outcome.SUCCESS


class Generation(Scope):
    """The generation that is running, as ``current_generation()`` gives it.

    Its public part is :meth:`set`, :meth:`add_tokens`, :meth:`complete`, :attr:`id` and
    :attr:`trace_id`; none of them ever raises.
    """

    noun: ClassVar[str] = "generation"
    follows_bodies: ClassVar[bool] = True

    capture: Capture
    framework: str
    user_id: str | None = None
    project_id: str | None = None
    tokens: Mapping[str, int] = NOTHING
    context: Mapping[str, Tree] = NOTHING
    _context_sizes: Mapping[str, int] = NOTHING
    file_count: int | None = None
    completed: bool = False
    #: The last errors of stages, oldest first.
    errors: Sequence[tuple[BaseException, StageRun]] = ()
    failure: Failure | None = None
    # Known once it has ended:
    outcome: Outcome
    ended_at: float
    duration_s: float
    #: Arguments that nobody has read so far: they cannot change.
    _unread: tuple[Any, ...] | None = None
    _held: HeldArguments | None = None
    _request: str | None = None
    summaries: tuple[StageEnd, ...] = ()
    faults: tuple[StepFault, ...] = ()
    task_id: str | None = None
    is_counted: bool = False
    _measured: Any = None

    def __init__(
        self, spec: Spec, under: Runtime, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        self.spec = spec
        self.under = under
        self.id = under.new_id()
        self.stages: list[StageRun] = []
        self.framework = spec.first_framework
        capture = under.capture
        if capture != "off":
            capture = spec.capture or capture
        self.capture = capture
        if capture != "off":
            small = spec.reads_late and not kwargs and are_atoms(args)
            if small and sum(map(sys.getsizeof, args)) < _MAX_UNREAD:
                self._unread = args
            else:
                self._held, self._request = hold(spec, under, args, kwargs)
        for option in spec.told:
            read(self, option, args, kwargs)
        clock = under.clock
        self.started_at = clock.now()
        self._began = clock.monotonic()
        if under.resources:
            self._measured = measure()
        attributes = spec.attributes
        if attributes is None or under.content_on_spans or under.pseudonym_key is not None:
            try:
                attributes = root_span.attributes(self)
            except BaseException:
                suppress_and_count("span", under)
        self.start_span(under, spec.span_name, attributes)
        self.span_context = self.span.get_span_context()

    # --- for the decorated code

    @property
    def trace_id(self) -> str | None:
        """The trace's id in hex; None where OpenTelemetry gave no valid one."""
        context = self.span_context
        return f"{context.trace_id:032x}" if context.is_valid else None

    @property
    def is_sampled(self) -> bool:
        return bool(self.span_context.trace_flags.sampled)

    def set(
        self, *, file_count: int | None = None, framework: str | None = None, **context: Any
    ) -> None:
        """Say more about this generation.

        Args:
            file_count: files in the result.
            framework: what it turned out to generate for.
            context: anything worth seeing beside a failure; kept bounded and redacted.
        """
        try:
            if not self.is_open:
                return
            if (name := framework_name(framework, self.under.redactor)) is not None:
                self.framework = name
                self.span.set_attribute(names.ATTR_FRAMEWORK, name)
            for key, value in context.items():
                held = self.context, self._context_sizes
                self.context, self._context_sizes = with_entry(*held, key, value)
            if file_count is not None:
                self.file_count = _count("file_count", file_count)
        except BaseException:
            suppress_and_count("set", self.under)

    def add_tokens(self, input: int = 0, output: int = 0, **other: int) -> None:
        """Add to the tokens used so far; safe from any task or thread."""
        try:
            if not self.is_open:
                return
            with _tokens_lock:
                for name, count in {"input": input, "output": output, **other}.items():
                    key = clean(name, _MAX_KEY)
                    if count and (key in self.tokens or len(self.tokens) < _MAX_NAMES):
                        used_now = self.tokens.get(key, 0) + _count(key, count)
                        self.tokens = {**self.tokens, key: min(used_now, _MAX_COUNT)}
        except BaseException:
            suppress_and_count("add_tokens", self.under)

    def complete(self) -> None:
        """Say that the result is complete: whoever stops listening now has not cancelled it."""
        self.completed = True

    @property
    def generation(self) -> Generation:  # type: ignore[override]
        """Itself: without a reference, which would be a cycle."""
        return self

    @property
    def is_open(self) -> bool:
        return self.id in self.under.running

    @property
    def operation(self) -> str:
        return self.spec.operation

    @property
    def held(self) -> HeldArguments | None:
        """Its arguments; None for a block, or with capture off."""
        self._read_arguments()
        return self._held

    @property
    def request(self) -> str | None:
        """What it was asked for."""
        self._read_arguments()
        return self._request

    def _read_arguments(self) -> None:
        args = self._unread
        if args is not None:  # by several threads at once perhaps: each finds them read
            self._held, self._request = hold(self.spec, self.under, args, {})
            self._unread = None

    def record(self) -> GenerationRecord:
        """What is journalled and stored of it, once it has ended."""
        record = record_of(self)
        if self.failure is None:
            self._held = None  # metrics may keep it a while yet, and arguments may be large
        return record

    @property
    def follows_iterators(self) -> bool:
        return self.spec.stream

    def elapsed_s(self) -> float:
        """Seconds since it began."""
        return max(0.0, self.under.clock.monotonic() - self._began)

    def offset_s(self, at: float) -> float:
        """Seconds from its beginning to a reading of the monotonic clock."""
        return max(0.0, at - self._began)

    def note_error(self, error: BaseException, stage: StageRun) -> None:
        """Note that a stage ended with an error, to recognise the one that escapes."""
        self.errors = [*self.errors[1 - _MAX_ERRORS :], (error, stage)]

    def in_flight(self) -> InFlight:
        """What the journal notes of it while it runs."""
        return note_of(self)

    def begin(self) -> None:
        if self._token is None:
            self.enter()
            self.leave()

    def enter(self) -> None:
        under = self.under
        if not under.sink.awake:
            under.sink.start()
        # No call between these: an interruption finds all of them done, or none.
        under.running[self.id] = self
        under.metrics.started(self.spec.operation)
        self._outer_context = attach(self._inner_context)  # as Scope.enter does, without the call
        self._token = CURRENT.set(self)

    def _succeed(self, result: Any, items: int | None) -> None:
        predicate = self.spec.failure_if
        if items is not None:
            result = Streamed(items)
        elif predicate is not None:
            try:
                failed = diagnosis.refuses(predicate, result)
            except BaseException as error:
                if must_propagate(error):  # not the predicate's doing
                    self._fail(error, None)
                    raise
                suppress_and_count("failure_if", self.under)
            else:
                if failed:
                    self._end(Outcome.FAILURE, diagnosis.Refused(result), result)
                    return
        self._end(_SUCCESS, None, result)

    def _fail(self, error: BaseException, items: int | None) -> None:
        from genmon_otel.control_flow import outcome_of  # see genmon_otel.recorder.diagnosis

        problem: diagnosis.Problem | None = None
        result: Any = None
        try:  # an exception's class may break whoever asks what it is; the end is told all the same
            if self.completed and isinstance(error, (GeneratorExit, asyncio.CancelledError)):
                outcome, result = _SUCCESS, UNSEEN if items is None else Streamed(items)
            else:
                outcome, cause = outcome_of(error, self.spec.expected)
                if outcome is Outcome.CANCELLED:
                    problem = diagnosis.timed_out(self, error)
                    outcome = outcome if problem is None else Outcome.FAILURE
                elif outcome is Outcome.FAILURE:
                    problem = diagnosis.Raised(cause)
        except BaseException:
            suppress_and_count("outcome", self.under)
            outcome, problem = Outcome.FAILURE, diagnosis.Raised(error)
        self._end(outcome, problem, result)

    def _end(
        self, outcome: Outcome, problem: diagnosis.Problem | None = None, result: Any = None
    ) -> None:
        under, spec = self.under, self.spec
        handed_over = False
        try:
            try:
                del under.running[self.id]
            except KeyError:  # it has ended already, belongs to the parent process, or was torn
                if self.torn is None:
                    return
                (outcome, problem, result, handed_over), self.torn = self.torn, None
            clock = under.clock
            self.duration_s = clock.monotonic() - self._began
            self.ended_at = clock.now()
            self.outcome = outcome
            if "celery" in _modules:
                self.task_id = task_id()
            if self.stages:
                self._summarise(outcome)
            recording: Recording | None = None
            sample: SuccessSample | None = None
            if problem is not None:
                recording = self._diagnose(problem)
            elif outcome is _SUCCESS and self._began >= under.sample_due.get(spec.operation, 0.0):
                try:
                    sample = sample_of(self, result)
                except BaseException:
                    suppress_and_count("sample", under)
            try:  # before the span ends: what others do then may take long, or break
                if handed_over:
                    pass
                elif problem is None and sample is None:
                    under.sink.take(self)
                else:
                    under.sink.deliver(self.record(), recording, sample)
                handed_over = True
            except BaseException:
                suppress_and_count("deliver", under)
            try:
                under.metrics.ended(self)
                if self._measured is not None:
                    under.metrics.resources(spec.operation, *used(self._measured))
                if self.failure is not None:
                    log_failure(self.record(), self.failure)
            except BaseException:
                suppress_and_count("metrics", under)
            try:
                if outcome is _SUCCESS and self.file_count is None and not under.content_on_spans:
                    self.span.end()
                else:
                    root_span.end(self, outcome, self.failure, result)
            except BaseException:
                suppress_and_count("span", under)
            finally:
                # Nothing may keep alive what is over: neither errors with their frames and large
                # arguments, nor a cycle that would wait for the garbage collector.
                if self.stages:
                    self.stages, self.errors = [], ()
                if self._held is not None:
                    self._held = None
                self.release()
        except BaseException:
            self.torn = outcome, problem, result, handed_over
            raise

    def _summarise(self, outcome: Outcome) -> None:
        """Keep of the stages what the record says of them."""
        try:
            self.under.metrics.relieve()
            self.summaries = tuple([stage.summary() for stage in self.stages])
            if self.errors:
                self.faults = diagnosis.step_faults(self.stages, hangs=outcome.is_attempt)
        except BaseException:
            suppress_and_count("stage", self.under)

    def _diagnose(self, problem: diagnosis.Problem) -> Recording | None:
        """Find out what failed, and keep what a replay needs; None where nothing is kept."""
        under = self.under
        recording: Recording | None = None
        try:
            self.failure, trigger = diagnosis.diagnose(self, problem)
            if self.capture != "off":
                error = getattr(problem, "error", None)
                recording = recording_of(self, self.failure, trigger, self.duration_s, error)
        except BaseException:
            if self.failure is not None:
                suppress_and_count("recording", under)
            else:
                suppress_and_count("diagnosis", under)
                self.failure = diagnosis.undiagnosed(self, problem)
        try:
            if self.request:  # of others, the writer redacts it
                self._request = under.redactor.text(self.request, MAX_REQUEST)
        except BaseException:
            suppress_and_count("redaction", under)
            self._request = None
        return recording


def _count(what: str, value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MAX_COUNT:
        return int(value)
    raise ValueError(
        f"{clean(what, _MAX_KEY)}={safe_repr(value, 40)} was ignored. Give a whole number from 0 to 2**53."
    )
