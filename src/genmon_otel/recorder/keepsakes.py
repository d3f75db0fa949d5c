"""What is kept of a generation: its record, the recording of a failure, the sample of a success."""

from __future__ import annotations

from dataclasses import fields, make_dataclass
from typing import TYPE_CHECKING, Any, Final

from genmon_otel.payload import Streamed, encode, shape
from genmon_otel.records import Failure, GenerationRecord, Recording, SuccessSample

if TYPE_CHECKING:
    from genmon_otel.recorder.live_generation import Generation
    from genmon_otel.recorder.stage_run import StageRun

#: Stages of one generation that are kept; all are timed.
MAX_STAGES: Final = 1000
#: Success samples of one operation taken at once, and seconds between later ones.
_FIRST_SAMPLES: Final = 3
_SAMPLE_EVERY_S: Final = 60.0

#: The result of a generation that was complete before it was cut off; nothing is known of it.
UNSEEN: Final = Streamed(-1)

# A frozen dataclass sets each field through object.__setattr__: 2.2 µs for a record, a tenth
# of a bare span. A twin that is not frozen takes 0.4, and becomes a record by its class.
Draft: Final[Any] = make_dataclass(
    "Draft", [(field.name, Any) for field in fields(GenerationRecord)], slots=True
)


def recording_of(
    generation: Generation, failure: Failure, trigger: StageRun | None, duration_s: float
) -> Recording:
    """Inputs and step outcomes of a failing generation, not yet redacted."""
    spec = generation.spec
    steps = [stage for stage in generation.stages if stage.kind == "step"]
    unreplayable = ""
    if spec.function is None:
        unreplayable = "block: only a decorated function can be called again"
    elif len(generation.stages) >= MAX_STAGES:
        unreplayable = f"size: {MAX_STAGES} steps or more"
    return Recording(
        generation_id=generation.id,
        fingerprint=failure.fingerprint,
        operation=spec.operation,
        target=spec.target,
        inputs=generation.held.tree() if generation.held is not None else encode({}),
        steps=tuple(step.record() for step in steps),
        trigger_step=steps.index(trigger) if trigger in steps else None,
        duration_s=duration_s,
        code_version=generation.under.code_version,
        unreplayable=unreplayable,
    )


def sample_of(generation: Generation, result: Any, now: float) -> SuccessSample | None:
    """The shape of a result, and donors of step outcomes if asked for; None if not due or not known.

    An operation's first three are taken, then one a minute. ``now`` is monotonic.
    """
    if result is UNSEEN:
        return None
    under, operation = generation.under, generation.spec.operation
    taken, due = under.samples.get(operation, (0, 0.0))
    if taken >= _FIRST_SAMPLES and now < due:
        return None
    under.samples[operation] = (taken + 1, now + _SAMPLE_EVERY_S)
    donors = generation.stages if generation.capture == "all" else ()
    return SuccessSample(
        generation_id=generation.id,
        operation=operation,
        ended_at=under.clock.now(),
        code_version=under.code_version,
        shape=shape(result),
        steps=tuple(stage.record() for stage in donors if stage.kind == "step"),
    )
