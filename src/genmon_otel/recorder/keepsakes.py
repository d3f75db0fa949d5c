"""What is kept of a generation: the note while it runs, its record, the recording of a failure, the sample of a success."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from genmon_otel.payload import Streamed, encode, shape
from genmon_otel.recorder.location import locate
from genmon_otel.recorder.runtime import Runtime, suppress_and_count
from genmon_otel.recorder.stage_run import MAX_STAGES, StageRun
from genmon_otel.records import (
    NOTHING,
    Failure,
    GenerationRecord,
    InFlight,
    Recording,
    Stage,
    SuccessSample,
    Tree,
)

if TYPE_CHECKING:
    from genmon_otel.recorder.live_generation import Generation

#: The result of a generation that was complete before it was cut off; nothing is known of it.
UNSEEN: Final = Streamed(-1)


def record_of(generation: Generation) -> GenerationRecord:
    """What is journalled and stored of a generation that has ended."""
    under = generation.under
    trace_id, span_id = _ids(generation)
    return GenerationRecord(
        generation.id,
        generation.operation,
        generation.framework,
        generation.outcome,
        generation.started_at,
        generation.ended_at,
        generation.duration_s,
        generation.user_id,
        generation.project_id,
        generation.request,
        trace_id,
        span_id,
        under.code_version,
        generation.file_count,
        generation.tokens,
        _redacted(generation.context, under) if generation.context else NOTHING,
        tuple(map(Stage._make, generation.summaries)),
        generation.faults,
        generation.failure,
        generation.task_id,
    )


def note_of(generation: Generation) -> InFlight:
    """What the journal notes of a generation while it runs."""
    trace_id, span_id = _ids(generation)
    steps = (stage.name for stage in reversed(generation.stages) if stage.kind == "step")
    return InFlight(
        generation_id=generation.id,
        operation=generation.operation,
        framework=generation.framework,
        started_at=generation.started_at,
        user_id=generation.user_id,
        project_id=generation.project_id,
        trace_id=trace_id,
        span_id=span_id,
        last_step=next(steps, ""),
        code_version=generation.under.code_version,
    )


def _ids(generation: Generation) -> tuple[str | None, str | None]:
    """Ids of trace and span in hex; None where OpenTelemetry gave no valid ones."""
    # A span context is this tuple; its properties cost a call each.
    trace_id, span_id, _, _, _, valid = generation.span_context
    return (f"{trace_id:032x}", f"{span_id:016x}") if valid else (None, None)


def _redacted(context: Mapping[str, Tree], under: Runtime) -> Mapping[str, Tree]:
    try:
        redacted: Mapping[str, Tree] = under.redactor.tree(dict(context))
    except Exception:
        suppress_and_count("redaction", under)
        return NOTHING
    return redacted


def recording_of(
    generation: Generation,
    failure: Failure,
    trigger: StageRun | None,
    duration_s: float,
    error: BaseException | None = None,
) -> Recording:
    """Inputs and step outcomes of a failing generation, not yet redacted.

    Args:
        generation: what failed.
        failure: how.
        trigger: the step that the failure came from.
        duration_s: seconds that it took.
        error: the exception that left it, where one did.
    """
    spec = generation.spec
    steps = [stage for stage in generation.stages if stage.kind == "step"]
    unreplayable = ""
    if spec.function is None:
        unreplayable = (
            "block: only a decorated function can be called again. Move the block's code into one "
            "with @generation."
        )
    elif len(generation.stages) >= MAX_STAGES:
        unreplayable = f"size: {MAX_STAGES} steps or more"
    target, root = locate(spec, generation.under.folder, error)
    return Recording(
        generation_id=generation.id,
        fingerprint=failure.fingerprint,
        operation=spec.operation,
        target=target,
        root=root,
        inputs=generation.held.tree() if generation.held is not None else encode({}),
        steps=tuple(step.record() for step in steps),
        trigger_step=steps.index(trigger) if trigger in steps else None,
        duration_s=duration_s,
        code_version=generation.under.code_version,
        unreplayable=unreplayable,
    )


def sample_of(generation: Generation, result: Any) -> SuccessSample | None:
    """The shape of a result, and donors of step outcomes if asked for; None if nothing is to be kept.

    Of an operation's first three, then one a minute: ``Runtime.sample_due`` says when.
    """
    under, operation = generation.under, generation.spec.operation
    if result is UNSEEN or generation.capture == "off" or generation.spec.function is None:
        return None
    under.note_sample(operation)
    donors = generation.stages if generation.capture == "all" else ()
    return SuccessSample(
        generation_id=generation.id,
        operation=operation,
        ended_at=under.clock.now(),
        code_version=under.code_version,
        shape=shape(result),
        steps=tuple(stage.record() for stage in donors if stage.kind == "step"),
    )
