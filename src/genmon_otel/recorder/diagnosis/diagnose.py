"""What went wrong in a generation: from the escaping exception to a classified, bounded failure.

Classification and fingerprint compile hundreds of expressions when they are imported, as
long as the SDK takes: they are at the first failure, unless ``setup()`` was called before.
"""

from __future__ import annotations

import hashlib
import inspect
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

from genmon_otel.corrections import corrected
from genmon_otel.recorder.diagnosis.exception_analysis import (
    ExceptionAnalysis,
    analyse,
    analyse_anew,
)
from genmon_otel.recorder.diagnosis.messages import MAX_MESSAGE, READ, GroupingText, grouping_text
from genmon_otel.recorder.diagnosis.triggers import (
    decorated,
    hung_step,
    last_answer,
    quotes,
    stage_of,
    trigger_among,
    trigger_of,
)
from genmon_otel.recorder.facts import GenerationFacts, StageFacts
from genmon_otel.recorder.process_info import out_of_time
from genmon_otel.recorder.runtime import Runtime
from genmon_otel.records import (
    FINGERPRINT_VERSION,
    Category,
    Failure,
    Severity,
    StepFault,
    Trigger,
)
from genmon_otel.text import cut_between_words, safe_repr, safe_str, type_name

if TYPE_CHECKING:
    from genmon_otel.classification import Classification

#: Seconds after which a cancellation that finds a step pending is the step's fault, not the user's.
STALL_S: Final = 30.0
#: Type under which a call that never answered is known.
HUNG_TYPE: Final = "TimeoutError"
#: Distinct faults of steps kept of one generation.
_MAX_FAULTS: Final = 16
#: Error type of a result that ``failure_if`` refused, and where such results say why.
REFUSED_TYPE: Final = "FailedResult"
_REASONS: Final = ("error", "message", "reason", "detail", "errors")
#: Names of the exceptions with which event loops cancel.
_CANCELLATIONS: Final = frozenset({"CancelledError", "Cancelled"})


@dataclass(frozen=True, slots=True)
class Raised:
    """An exception escaped."""

    error: BaseException


@dataclass(frozen=True, slots=True)
class Refused:
    """The result was returned, but ``failure_if`` says it is a failure."""

    result: Any
    error: None = None


@dataclass(frozen=True, slots=True)
class TimedOut:
    """It was cancelled because the time was up, or because a step never answered."""

    error: BaseException


Problem = Raised | Refused | TimedOut


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The diagnosis of a problem."""

    failure: Failure
    #: The step that it came from, one of ``GenerationFacts.stages``.
    trigger: StageFacts | None = None


_Trigger = tuple[Trigger, StageFacts | None]


def timed_out(facts: GenerationFacts, error: BaseException) -> TimedOut | None:
    """Whether a cancellation means that time ran out rather than that the caller went away.

    Args:
        facts: of the generation while it still runs.
        error: what cancelled it.
    """
    elapsed, limit = facts.duration_s, facts.spec.timeout_s
    if isinstance(error, SystemExit):
        late = "celery" in sys.modules and out_of_time(elapsed)
        return TimedOut(error) if late else None
    if not any(kind.__name__ in _CANCELLATIONS for kind in type(error).__mro__):
        return None
    stages, stall_s = facts.stages, facts.spec.stall_s
    # Whether a caller went away must not depend on whether automatic steps are recorded.
    step = hung_step(stages if stall_s is not None else decorated(stages))
    stalled = step is not None and step.duration_s >= (stall_s or STALL_S)
    return TimedOut(error) if stalled or (limit is not None and elapsed >= limit) else None


def refuses(predicate: Callable[[Any], object], result: Any) -> bool:
    """Whether ``failure_if`` says that a result is a failure.

    Raises:
        TypeError: the predicate is asynchronous; its result would have to be awaited.
    """
    said = predicate(result)
    if inspect.iscoroutine(said):
        said.close()
        raise TypeError("failure_if must not be asynchronous; its answer was ignored")
    return bool(said)


def diagnose(facts: GenerationFacts, problem: Problem, runtime: Runtime) -> Diagnosis:
    """Classify and fingerprint what went wrong, and find the step that it came from."""
    redact = runtime.redactor.text
    stages, own = facts.stages, decorated(facts.stages)
    trigger: _Trigger
    match problem:
        case TimedOut(error):
            step, named = hung_step(stages), hung_step(own)
            where = f" while {named.name} was pending" if named is not None else ""
            message = f"cancelled after {facts.duration_s:.1f} s{where}"
            trigger = ("input", None) if step is None else ("fault", step)
            analysis = analyse_anew(runtime, error, _hung_classification())
            said = grouping_text(redact(message, READ), facts)
            place = "" if named is None else named.name
            return _diagnosis(facts, runtime, analysis, said, error, trigger, place)
        case Refused(result):
            text = reason_of(result) or _bounded(safe_repr(result, 2 * MAX_MESSAGE))
            answered = last_answer(stages)
            trigger = ("input", None) if answered is None else ("content", answered)
            said = grouping_text(redact(text, READ), facts)
            return _diagnosis(facts, runtime, _refused(facts, text, redact), said, None, trigger)
        case Raised(error):
            known = next((s for e, s in facts.errors if e is error and s.signature), None)
            analysis = analyse(runtime, error, known.classification if known is not None else None)
            said = grouping_text(analysis.said, facts)
            kind, step = trigger = trigger_of(own, facts.errors, analysis.category, error)
            place = step.place if kind == "fault" and step is not None else ""
            if len(own) < len(stages):
                trigger = trigger_among(stages, facts.errors, analysis.category, error)
            return _diagnosis(facts, runtime, analysis, said, error, trigger, place)


def undiagnosed(facts: GenerationFacts, problem: Problem) -> Diagnosis:
    """Return what to record when :func:`diagnose` itself broke: the failure counts all the same."""
    kind = REFUSED_TYPE if problem.error is None else type_name(problem.error)
    key = f"{facts.operation}\0{kind}".encode("utf-8", "replace")
    same = f"{FINGERPRINT_VERSION}:{hashlib.sha256(key).hexdigest()[:32]}"
    return Diagnosis(
        Failure(
            category=Category.UNKNOWN,
            severity=facts.spec.severity or Severity.MEDIUM,
            error_type=kind,
            error_message="",
            stack_trace="",
            fingerprint=same,
            signature=same,
        )
    )


def _refused(
    facts: GenerationFacts, reason: str, redact: Callable[[str, int], str]
) -> ExceptionAnalysis:
    from genmon_otel.classification import classify_text

    code = getattr(facts.spec.function, "__code__", None)
    found = classify_text(REFUSED_TYPE, reason)
    return ExceptionAnalysis(
        category=found.category,
        severity=found.severity,
        error_type=found.error_type,
        said="",
        places=(),
        function=getattr(code, "co_qualname", ""),
        file=getattr(code, "co_filename", ""),
        line=getattr(code, "co_firstlineno", 0),
        stack="",
        rule=found.rule,
        words=redact(found.words, READ),
        environment=found.is_environment,
    )


def _diagnosis(  # noqa: PLR0917 - private, each of another type
    facts: GenerationFacts,
    runtime: Runtime,
    analysis: ExceptionAnalysis,
    said: GroupingText,
    error: BaseException | None,
    trigger: _Trigger,
    place: str = "",
) -> Diagnosis:
    """Make the failure; ``place`` is the decorated step that it came from, "" for none."""
    from genmon_otel.fingerprint import identify

    kind, step = trigger
    stage = place or stage_of(facts.errors, error)
    fingerprint, signature = identify(
        operation=facts.operation,
        category=analysis.category,
        error_type=analysis.error_type,
        message=said.grouped,
        stage=stage,
        environment=analysis.environment,
        places=analysis.places,
    )
    answer = step if kind == "content" else None
    failed = step if kind == "fault" and step is not None and step.automatic else None
    failure = Failure(
        category=analysis.category,
        severity=facts.spec.severity or analysis.severity,
        error_type=analysis.error_type,
        error_message=said.message,
        stack_trace=analysis.stack,
        fingerprint=fingerprint,
        signature=signature,
        trigger_signature=fault_of(facts, step) if kind == "fault" and step is not None else None,
        trigger=kind,
        stage=stage,
        function=analysis.function,
        file=analysis.file,
        line=analysis.line,
        answer_of="" if answer is None else answer.name,
        answer_quoted=answer is not None and error is not None and quotes(error, answer),
        failed_step="" if failed is None else failed.name,
        failed_status=None if failed is None else failed.status_of_fault,
        rule=analysis.rule,
        words=analysis.words,
    )
    return Diagnosis(corrected(failure, runtime.sink.corrections), step)


# --- faults of steps -----------------------------------------------------------


def fault_of(facts: GenerationFacts, step: StageFacts) -> str | None:
    """Return the signature of the fault that a step met, never answering included; None for none."""
    from genmon_otel.fingerprint import signature

    if step.signature or not step.hung:
        return step.signature or None
    return signature(
        operation=facts.operation,
        category=Category.AI_TIMEOUT,
        error_type=HUNG_TYPE,
        message="",
        stage=step.place,
        environment=True,
    )


def step_faults(facts: GenerationFacts) -> tuple[StepFault, ...]:
    """Return the faults that steps met, independent of the generation's outcome.

    A step that never answered counts only for an attempt: else the caller just went away.
    """
    hangs = facts.outcome is not None and facts.outcome.is_attempt
    longest: dict[tuple[str, str], int] = {}
    steps = sorted((s for s in facts.stages if s.kind == "step"), key=_automatic_last)
    for (_, name, _), calls in groupby(steps, key=_automatic_last):
        faults = [s.signature or (fault_of(facts, s) if hangs else None) for s in calls]
        for fault, row in groupby(faults):
            if fault:
                key = (name, fault)
                longest[key] = max(longest.get(key, 0), len(list(row)))
    return tuple(
        StepFault(name, fault, row) for (name, fault), row in list(longest.items())[:_MAX_FAULTS]
    )


def _automatic_last(step: StageFacts) -> tuple[bool, str, int]:
    """Order steps by name and call, automatic ones behind the others, whose faults they must not displace."""
    return step.automatic, step.name, 0 if step.exchange is None else step.exchange.call


def reason_of(result: Any) -> str | None:
    """Return why a refused result says it failed; None where it does not."""
    for key in _REASONS:
        found = result.get(key) if isinstance(result, Mapping) else getattr(result, key, None)
        if isinstance(found, (str, BaseException)) and (
            text := _bounded(safe_str(found, 2 * MAX_MESSAGE))
        ):
            return text
    return None


def _bounded(said: str) -> str:
    return cut_between_words(said, MAX_MESSAGE)


def _hung_classification() -> Classification:
    """Return what a call that never answered is classified as."""
    from genmon_otel.classification import Classification

    return Classification(
        category=Category.AI_TIMEOUT,
        severity=Severity.HIGH,
        decided_by=None,
        error_type=HUNG_TYPE,
        rule="pending",
        certain=True,
    )
