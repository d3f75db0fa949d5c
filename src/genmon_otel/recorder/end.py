"""The end of a generation: builds everything it leaves behind from its facts, and delivers it.

The thread that removed the generation's id from ``Runtime.running`` runs it, and no other. An
interruption (an exception that a signal handler raised, ``KeyboardInterrupt``) may come between any two
lines; the wrapper then calls :meth:`InterruptedEnd.resume` again, which continues with the step
that was interrupted. So each step may run twice and must have its effect once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from opentelemetry.trace import Span

from genmon_otel.failure_log import log_failure
from genmon_otel.recorder.diagnosis import diagnose
from genmon_otel.recorder.facts import GenerationFacts
from genmon_otel.recorder.process_info import used
from genmon_otel.recorder.recording import record_of, recording_of, sample_of
from genmon_otel.recorder.runtime import Runtime, suppress_and_count
from genmon_otel.recorder.span import end_span
from genmon_otel.records import (
    GenerationRecord,
    Outcome,
    Recording,
    StepFault,
    SuccessSample,
)


class InterruptedEnd:
    """An end that has begun: its inputs, its results so far, and how many of its steps are done.

    Args:
        facts: what is known of the generation.
        problem: how it failed; None: it did not.
        result: what the code returned; None where it raised.
        runtime: that it began with.
        span: its span.
        start: what may be left to count of its start where that was interrupted; None: nothing.
        measured: CPU seconds and bytes at its start; None: they are not measured.
    """

    #: How many of the steps are done. No slots: a default of the class costs a call nothing.
    done: int = 0
    # What the steps made:
    faults: tuple[StepFault, ...] = ()
    diagnosis: diagnose.Diagnosis | None = None
    recording: Recording | None = None
    sample: SuccessSample | None = None
    record: GenerationRecord | None = None
    #: What is left to count of its end; None: it is not made yet.
    count: Iterator[tuple[GenerationRecord, str | None]] | None = None

    def __init__(  # noqa: PLR0917 - by name they would cost each call
        self,
        facts: GenerationFacts,
        problem: diagnose.Problem | None,
        result: Any,
        runtime: Runtime,
        span: Span,
        start: Iterator[str] | None,
        measured: tuple[float, int] | None,
    ) -> None:
        self.facts = facts
        self.problem = problem
        self.result = result
        self.runtime = runtime
        self.span = span
        self.start = start
        self.measured = measured

    def resume(self) -> None:
        """Do the remaining steps. An error in one of them does not stop the others.

        Raises:
            BaseException: an interruption only (see :mod:`genmon_otel.interruption`); call this again.
        """
        if self.problem is not None:
            steps = _OF_A_FAILURE
        else:
            steps = _WITH_STAGES if self.facts.stages else _WITHOUT_STAGES
        for place, step in steps[self.done :] if self.done else steps:
            try:
                step(self)
            except BaseException:
                suppress_and_count(place, self.runtime)
            self.done += 1

    # --- steps, in the order in which they are done

    def _find_faults(self) -> None:
        if self.facts.stages:
            self.runtime.metrics.count_if_many_pending()
            if self.facts.errors:
                self.faults = diagnose.step_faults(self.facts)

    def _diagnose(self) -> None:
        assert self.problem is not None
        self.diagnosis = diagnose.diagnose(self.facts, self.problem, self.runtime)

    def _count_undiagnosed(self) -> None:
        if self.diagnosis is None and self.problem is not None:
            self.diagnosis = diagnose.undiagnosed(self.facts, self.problem)

    def _make_recording(self) -> None:
        if self.facts.capture != "off" and self.diagnosis is not None and self.problem is not None:
            self.runtime.note_failure(self.facts.operation)
            self.recording = recording_of(
                self.facts, self.diagnosis, self.runtime.folder, self.problem.error
            )

    def _take_sample(self) -> None:
        facts, runtime = self.facts, self.runtime
        due = runtime.sample_due.get(facts.spec.operation, 0.0)
        if facts.began >= due and facts.outcome is Outcome.SUCCESS:
            self.sample = sample_of(facts, self.result, runtime)

    def _make_record(self) -> GenerationRecord:
        failure = None if self.diagnosis is None else self.diagnosis.failure
        return record_of(self.facts, self.runtime, failure, self.faults)

    def _deliver(self) -> None:
        """Deliver before the span ends: what others do then may take long, or break."""
        if self.record is None:
            self.record = self._make_record()
        self.runtime.sink.deliver(self.record, self.recording, self.sample)

    def _count(self) -> None:
        metrics = self.runtime.metrics
        if self.count is None:
            assert self.record is not None
            exemplar = self.facts.trace_id if self.facts.is_sampled else None
            self.count = iter(((self.record, exemplar),))
        if self.start is not None:
            metrics.count_starts(self.start)
        metrics.count_ends(self.count)
        if self.measured is not None:
            metrics.resources(self.facts.operation, *used(self.measured))

    def _log(self) -> None:
        if self.record is not None and self.record.failure is not None:
            log_failure(self.record, self.record.failure)

    def _end_span(self) -> None:
        failure = None if self.diagnosis is None else self.diagnosis.failure
        end_span(self.span, self.facts, failure, self.result, self.runtime)


#: Place under which a step's internal errors are counted, and the step.
_Steps = tuple[tuple[str, Callable[[InterruptedEnd], None]], ...]

_WITHOUT_STAGES: Final[_Steps] = (
    ("sample", InterruptedEnd._take_sample),
    ("deliver", InterruptedEnd._deliver),
    ("metrics", InterruptedEnd._count),
    ("span", InterruptedEnd._end_span),
)
_WITH_STAGES: Final[_Steps] = (("stage", InterruptedEnd._find_faults), *_WITHOUT_STAGES)
_OF_A_FAILURE: Final[_Steps] = (
    ("stage", InterruptedEnd._find_faults),
    ("diagnosis", InterruptedEnd._diagnose),
    ("diagnosis", InterruptedEnd._count_undiagnosed),
    ("recording", InterruptedEnd._make_recording),
    ("deliver", InterruptedEnd._deliver),
    ("metrics", InterruptedEnd._count),
    ("metrics", InterruptedEnd._log),
    ("span", InterruptedEnd._end_span),
)
