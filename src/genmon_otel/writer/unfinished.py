"""Records of generations that never came to their own end: cancelled by an exit, or dead."""

from __future__ import annotations

from genmon_otel.fingerprint import identify
from genmon_otel.records import (
    PROCESS_DIED,
    Category,
    Failure,
    GenerationRecord,
    InFlight,
    Outcome,
    Severity,
)


def cancelled_record(note: InFlight, now: float) -> GenerationRecord:
    """Make the record of a generation that an orderly exit cut off at ``now`` (Unix seconds)."""
    return _record(note, Outcome.CANCELLED, now, None)


def process_died_record(note: InFlight, died_at: float) -> GenerationRecord:
    """Make the failure of a generation whose process died under it at ``died_at`` (Unix seconds)."""
    fingerprint, signature = identify(
        operation=note.operation,
        category=Category.UNKNOWN,
        error_type=PROCESS_DIED,
        message="",
        stage=note.last_step,
        places=(),
    )
    last = f"; its last step was {note.last_step!r}" if note.last_step else ""
    failure = Failure(
        category=Category.UNKNOWN,
        severity=Severity.CRITICAL,
        error_type=PROCESS_DIED,
        error_message=f"The process died while the generation was running{last}.",
        stack_trace="",
        fingerprint=fingerprint,
        signature=signature,
        stage=note.last_step,
        origin=PROCESS_DIED,
    )
    return _record(note, Outcome.FAILURE, died_at, failure)


def _record(
    note: InFlight, outcome: Outcome, ended_at: float, failure: Failure | None
) -> GenerationRecord:
    """Make a record from what is known of a running generation; the clock may have jumped back."""
    ended_at = max(ended_at, note.started_at)
    return GenerationRecord(
        generation_id=note.generation_id,
        operation=note.operation,
        framework=note.framework,
        outcome=outcome,
        started_at=note.started_at,
        ended_at=ended_at,
        duration_s=ended_at - note.started_at,
        user_id=note.user_id,
        project_id=note.project_id,
        trace_id=note.trace_id,
        span_id=note.span_id,
        code_version=note.code_version,
        failure=failure,
    )
