"""What went wrong in a generation: from the escaping error to a classified, bounded failure.

Classification and fingerprint compile hundreds of expressions when they are imported, as
long as the SDK takes: they are at the first failure, unless ``setup()`` was called before.
"""

from __future__ import annotations

import hashlib
import inspect
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.trace import Span, Status, StatusCode

from genmon_otel import conventions as names
from genmon_otel.corrections import corrected
from genmon_otel.recorder.content import contents_of, hide_all
from genmon_otel.recorder.examination import Examined, examine, look_into
from genmon_otel.recorder.naming import MAX_MESSAGE, Wording, wording_of, wording_of_redacted
from genmon_otel.recorder.process_info import out_of_time
from genmon_otel.recorder.stage_run import StageRun, hung_classification
from genmon_otel.recorder.triggers import (
    decorated,
    hung_step,
    last_answer,
    stage_of,
    trigger_among,
    trigger_of,
)
from genmon_otel.records import (
    FINGERPRINT_VERSION,
    Category,
    Failure,
    Severity,
    StepFault,
    Trigger,
)
from genmon_otel.text import safe_repr, safe_str, type_name

if TYPE_CHECKING:
    from genmon_otel.recorder.live_generation import Generation

#: Seconds after which a cancellation that finds a step pending is the step's fault, not the user's.
STALL_S: Final = 30.0
#: Characters of a span's status description.
_MAX_DESCRIPTION: Final = 200
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


@dataclass(frozen=True, slots=True)
class TimedOut:
    """It was cancelled because the time was up, or because a step never answered."""

    error: BaseException
    step: StageRun | None
    elapsed_s: float


Problem = Raised | Refused | TimedOut


def timed_out(generation: Generation, error: BaseException) -> TimedOut | None:
    """Whether a cancellation means that time ran out rather than that the caller went away."""
    elapsed, limit = generation.elapsed_s(), generation.spec.timeout_s
    if isinstance(error, SystemExit):
        late = "celery" in sys.modules and out_of_time(elapsed)
        return TimedOut(error, hung_step(generation.stages), elapsed) if late else None
    if not any(kind.__name__ in _CANCELLATIONS for kind in type(error).__mro__):
        return None
    stages, stall_s = generation.stages, generation.spec.stall_s
    # Whether a caller went away must not depend on whether automatic steps are recorded.
    step = hung_step(stages if stall_s is not None else decorated(stages))
    stalled = step is not None and step.pending_s() >= (stall_s or STALL_S)
    if stalled or (limit is not None and elapsed >= limit):
        return TimedOut(error, hung_step(stages), elapsed)
    return None


def diagnose(generation: Generation, problem: Problem) -> tuple[Failure, StageRun | None]:
    """Classify and fingerprint what went wrong, and find the step that it came from."""
    under = generation.under
    match problem:
        case TimedOut(error, step, elapsed):
            named = hung_step(decorated(generation.stages))
            where = f" while {named.name} was pending" if named is not None else ""
            message = f"cancelled after {elapsed:.1f} s{where}"
            return _failure(
                generation,
                look_into(under, error, hung_classification()),
                wording_of(generation, message),
                error,
                ("fault", step) if step is not None else ("input", None),
                place=named.name if named is not None else "",
            )
        case Refused(result):
            from genmon_otel.classification import classify_text

            text = _reason(result)
            answered = last_answer(generation.stages)
            trigger: tuple[Trigger, StageRun | None] = (
                ("content", answered) if answered is not None else ("input", None)
            )
            code = getattr(generation.spec.function, "__code__", None)
            found = classify_text(REFUSED_TYPE, text)
            seen = Examined(
                found.category, found.severity, found.error_type, "", (),
                getattr(code, "co_qualname", ""), getattr(code, "co_filename", ""),
                getattr(code, "co_firstlineno", 0), "", found.rule, found.is_environment,
            )  # fmt: skip
            return _failure(generation, seen, wording_of(generation, text), None, trigger)
        case Raised(error):
            known = next((s for e, s in generation.errors if e is error and s.signature), None)
            seen = examine(under, error, known.classification if known is not None else None)
            said = wording_of_redacted(generation, seen.said)
            own = decorated(generation.stages)
            kind, step = trigger = trigger_of(own, generation.errors, seen.category, error)
            place = step.place if kind == "fault" and step is not None else ""
            if len(own) < len(generation.stages):
                trigger = trigger_among(generation.stages, generation.errors, seen.category, error)
            return _failure(generation, seen, said, error, trigger, place=place)


def undiagnosed(generation: Generation, problem: Problem) -> Failure:
    """The failure to record when the diagnosis itself broke: it counts all the same."""
    kind = type_name(problem.error) if not isinstance(problem, Refused) else REFUSED_TYPE
    key = f"{generation.spec.operation}\0{kind}".encode("utf-8", "replace")
    same = f"{FINGERPRINT_VERSION}:{hashlib.sha256(key).hexdigest()[:32]}"
    return Failure(
        category=Category.UNKNOWN,
        severity=generation.spec.severity or Severity.MEDIUM,
        error_type=kind,
        error_message="",
        stack_trace="",
        fingerprint=same,
        signature=same,
    )


def _failure(
    generation: Generation,
    seen: Examined,
    said: Wording,
    error: BaseException | None,
    trigger: tuple[Trigger, StageRun | None],
    *,
    place: str = "",
) -> tuple[Failure, StageRun | None]:
    """Make the failure; ``place`` is the decorated step that it came from, "" for none."""
    from genmon_otel.fingerprint import identify

    kind, step = trigger
    stage = place or stage_of(generation.errors, error)
    alike, without_frames = identify(
        operation=generation.spec.operation,
        category=seen.category,
        error_type=seen.error_type,
        message=said.named,
        stage=stage,
        environment=seen.environment,
        places=seen.places,
    )
    failure = Failure(
        category=seen.category,
        severity=generation.spec.severity or seen.severity,
        error_type=seen.error_type,
        error_message=said.message,
        stack_trace=seen.stack,
        fingerprint=alike,
        signature=without_frames,
        trigger_signature=_trigger_signature(step) if kind == "fault" and step else None,
        trigger=kind,
        stage=stage,
        function=seen.function,
        file=seen.file,
        line=seen.line,
        answer_of=step.name if kind == "content" and step is not None else "",
        rule=seen.rule,
    )
    return corrected(failure, generation.under.sink.corrections), step


def refuses(predicate: Callable[[Any], object], result: Any) -> bool:
    """Whether ``failure_if`` says that a result is a failure.

    Raises:
        TypeError: it says so later, when awaited, which nobody does.
    """
    said = predicate(result)
    if inspect.iscoroutine(said):
        said.close()
        raise TypeError("failure_if must not be asynchronous; its answer was ignored")
    return bool(said)


def _trigger_signature(step: StageRun) -> str | None:
    return step.signature or step.signature_of_hang


def step_faults(stages: Iterable[StageRun], *, hangs: bool) -> tuple[StepFault, ...]:
    """The faults that steps met, whatever became of the generation.

    Args:
        stages: in the order in which they began.
        hangs: whether a step that never answered counts; not where the caller just went away.
    """
    longest: dict[tuple[str, str], int] = {}
    steps = sorted((s for s in stages if s.kind == "step"), key=lambda s: s.name)
    for name, calls in groupby(steps, key=lambda s: s.name):
        faults = [s.signature or (s.signature_of_hang if hangs else None) for s in calls]
        for fault, row in groupby(faults):
            if fault:
                key = (name, fault)
                longest[key] = max(longest.get(key, 0), len(list(row)))
    return tuple(
        StepFault(name, fault, row) for (name, fault), row in list(longest.items())[:_MAX_FAULTS]
    )


def _reason(result: Any) -> str:
    """Why a refused result says it failed; else what it looks like."""
    return _said(result) or safe_repr(result, MAX_MESSAGE)


def _said(result: Any) -> str | None:
    for key in _REASONS:
        found = result.get(key) if isinstance(result, Mapping) else getattr(result, key, None)
        if isinstance(found, (str, BaseException)) and (text := safe_str(found, MAX_MESSAGE)):
            return text
    return None


# --- telling ----------------------------------------------------------------


def mark(span: Span, failure: Failure, generation: Generation, result: Any) -> None:
    """Put a failure on its span: attributes, one ``exception`` event, the status.

    Content goes there only if the runtime says so; what errors quote of it is left out.
    """
    message, stack = failure.error_message, failure.stack_trace
    if not generation.under.content_on_spans:
        # a result that says no reason: the message is what the result looks like
        is_content = result is not None and _said(result) is None
        contents = contents_of(generation, *((message,) if is_content else ()))
        message, stack = hide_all((message, stack), contents)
    category, severity = failure.label
    span.set_attributes(
        {
            names.ERROR_TYPE: failure.error_type,
            names.ATTR_FAILURE_CATEGORY: str(category),
            names.ATTR_FAILURE_SEVERITY: severity.value,
            names.ATTR_FAILURE_FINGERPRINT: failure.fingerprint,
            names.CODE_FUNCTION_NAME: failure.function,
            names.CODE_FILE_PATH: failure.file,
            names.CODE_LINE_NUMBER: failure.line,
        }
    )
    span.add_event(
        names.EXCEPTION_EVENT,
        {
            names.EXCEPTION_TYPE: failure.error_type,
            names.EXCEPTION_MESSAGE: message,
            names.EXCEPTION_STACKTRACE: stack,
        },
    )
    span.set_status(Status(StatusCode.ERROR, message[:_MAX_DESCRIPTION]))
