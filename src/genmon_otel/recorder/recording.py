"""What is kept of a generation, made of its facts: the note while it runs, its record, a recording, a sample."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Final

from genmon_otel.payload import Streamed, encode, shape
from genmon_otel.recorder.arguments import HeldValue
from genmon_otel.recorder.diagnose import Diagnosis
from genmon_otel.recorder.facts import GenerationFacts, StageFacts
from genmon_otel.recorder.location import locate
from genmon_otel.recorder.runtime import Runtime, suppress_and_count
from genmon_otel.records import (
    NOTHING,
    Failure,
    GenerationRecord,
    InFlight,
    Outcome,
    Recording,
    Stage,
    StepFault,
    StepRecord,
    SuccessSample,
    Tree,
)

#: Stages of one generation that are kept, and as many automatic steps; all are timed.
MAX_STAGES: Final = 1000
#: The result of a generation that was complete before it was cut off; nothing is known of it.
UNSEEN: Final = Streamed(-1)


def record_of(
    facts: GenerationFacts,
    runtime: Runtime,
    request: str | None,
    failure: Failure | None = None,
    faults: tuple[StepFault, ...] = (),
) -> GenerationRecord:
    """Return what is journalled and stored of a generation that has ended.

    It refers to nothing of the application's: no argument, no exception.

    Args:
        facts: what is known of it.
        runtime: redacts the context.
        request: what was asked for; redacted if it failed.
        failure: what went wrong; None: nothing did.
        faults: what its steps met.
    """
    assert facts.outcome is not None
    return GenerationRecord(  # in the order of its fields: by name it takes ten times as long
        facts.id,
        facts.spec.operation,
        facts.framework,
        facts.outcome,
        facts.started_at,
        facts.ended_at,
        facts.duration_s,
        facts.user_id,
        facts.project_id,
        request,
        facts.trace_id,
        facts.span_id,
        facts.code_version,
        facts.file_count,
        facts.tokens,
        _redacted(facts.context, runtime) if facts.context else NOTHING,
        _stages(facts) if facts.stages else (),
        faults,
        failure,
        facts.task_id,
    )


def _stages(facts: GenerationFacts) -> tuple[Stage, ...]:
    return tuple(
        [Stage(s.name, s.kind, s.duration_s, s.outcome or Outcome.CANCELLED) for s in facts.stages]
    )


def note_of(facts: GenerationFacts) -> InFlight:
    """Return what the journal notes of a generation while it runs."""
    steps = (stage.name for stage in reversed(facts.stages) if stage.kind == "step")
    return InFlight(
        generation_id=facts.id,
        operation=facts.operation,
        framework=facts.framework,
        started_at=facts.started_at,
        user_id=facts.user_id,
        project_id=facts.project_id,
        trace_id=facts.trace_id,
        span_id=facts.span_id,
        last_step=next(steps, ""),
        code_version=facts.code_version,
    )


def _redacted(context: Mapping[str, Tree], runtime: Runtime) -> Mapping[str, Tree]:
    try:
        redacted: Mapping[str, Tree] = runtime.redactor.tree(dict(context))
    except Exception:
        suppress_and_count("redaction", runtime)
        return NOTHING
    return redacted


def recording_of(
    facts: GenerationFacts,
    diagnosis: Diagnosis,
    folder: str,
    error: BaseException | None = None,
) -> Recording:
    """Return inputs and step outcomes of a failing generation, not redacted.

    Args:
        facts: what is known of it.
        diagnosis: how it failed.
        folder: where a replay will run.
        error: the exception that left it, where one did.
    """
    spec = facts.spec
    steps = [stage for stage in facts.stages if stage.kind == "step"]
    unreplayable = ""
    if spec.function is None:
        unreplayable = (
            "block: only a decorated function can be called again. Move the block's code into one "
            "with @generation."
        )
    elif max(Counter(stage.automatic for stage in facts.stages).values(), default=0) >= MAX_STAGES:
        unreplayable = f"size: {MAX_STAGES} steps or more"
    target, root = locate(spec, folder, error)
    return Recording(
        generation_id=facts.id,
        fingerprint=diagnosis.failure.fingerprint,
        operation=facts.operation,
        target=target,
        root=root,
        inputs=facts.arguments.tree() if facts.arguments is not None else encode({}),
        steps=tuple(_step(facts, step) for step in steps),
        trigger_step=next((at for at, step in enumerate(steps) if step is diagnosis.trigger), None),
        duration_s=facts.duration_s,
        code_version=facts.code_version,
        unreplayable=unreplayable,
    )


def sample_of(facts: GenerationFacts, result: Any, runtime: Runtime) -> SuccessSample | None:
    """Return the shape of a result, and donors of step outcomes if asked for; None if nothing is kept.

    Of an operation's first three, then one a minute: ``Runtime.sample_due`` says when.
    """
    if result is UNSEEN or facts.capture == "off" or facts.spec.function is None:
        return None
    runtime.note_sample(facts.operation)
    donors = facts.stages if facts.capture == "all" else ()
    return SuccessSample(
        generation_id=facts.id,
        operation=facts.operation,
        ended_at=facts.ended_at,
        code_version=facts.code_version,
        shape=shape(result),
        steps=tuple(_step(facts, stage) for stage in donors if stage.kind == "step"),
        asked=_asked(facts.stages),
    )


def _asked(stages: Iterable[StageFacts]) -> tuple[str, ...]:
    """Names of the steps, in order; each once where it follows itself."""
    names: list[str] = []
    for stage in stages:
        if stage.kind == "step" and names[-1:] != [stage.name]:
            names.append(stage.name)
    return tuple(names)


def _step(facts: GenerationFacts, step: StageFacts) -> StepRecord:
    """Return a step as a replay needs it."""
    outcome: Tree = None
    exchange = step.exchange
    if exchange is not None and step.answer in ("value", "stream"):
        outcome = exchange.outcome(step.answer)
    elif step.answer == "stream":
        outcome = [chunk.tree() for chunk in step.chunks]
    elif step.answer == "value":
        outcome = step.value.tree() if isinstance(step.value, HeldValue) else encode(step.value)
    elif step.answer == "exception":
        outcome = step.value
    ended = step.ended if step.ended is not None else step.paused_at
    if step.hung:  # whether it never began to answer, or stopped midway
        ended = None
    return StepRecord(
        name=step.name,
        arguments=_arguments(step),
        kind=step.answer,
        outcome=outcome,
        stream_error=step.stream_error,
        started_s=max(0.0, step.began - facts.began),
        ended_s=None if ended is None else max(0.0, ended - facts.began),
        is_async=step.is_async,
        cut=step.answer == "stream" and step.paused_at is not None,
        adapter="" if exchange is None else exchange.adapter,
        site="" if exchange is None else exchange.site,
    )


def _arguments(step: StageFacts) -> Tree:
    if step.exchange is not None:
        return step.exchange.request()
    return {} if step.arguments is None else step.arguments.tree()
