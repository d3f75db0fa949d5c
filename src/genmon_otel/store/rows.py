"""What the store answers with: small frozen views of its rows. Times are Unix seconds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from genmon_otel.policy import CaseState, Verdict
from genmon_otel.records import Recording, Tree


@dataclass(frozen=True, slots=True)
class FailureRow:
    """A group of alike failing generations."""

    id: int
    handle: str
    fingerprint: str
    signature: str
    trigger_signature: str | None
    operation: str
    framework: str
    category: str
    severity: str
    error_type: str
    error_message: str
    stack_trace: str
    occurrence_count: int
    first_seen_at: float
    last_seen_at: float
    status: str
    reopened_count: int
    test_generated: bool
    user_count: int
    project_count: int
    #: Of the newest occurrence: generation_id, trace_id, stage, file, line, context, and so on.
    context: Mapping[str, Tree] = field(repr=False)
    #: Who set category and severity instead of the rules, and when; None where the rules did.
    relabelled_by: str | None = None
    relabelled_at: float | None = None
    #: What the rules said of a relabelled failure's newest occurrence.
    rules_category: str | None = None
    rules_severity: str | None = None

    @property
    def place(self) -> str:
        """Where it failed, as the log says it: the phase or step, else the function that raised."""
        return str(self.context.get("stage") or self.context.get("function") or "")


@dataclass(frozen=True, slots=True)
class Impact:
    """Whom a failure hit."""

    #: Distinct users and projects of the last 90 days (or since the failure began).
    users: int
    projects: int
    #: In the seven days up to the failure's last occurrence: users it hit, users there were.
    users_week: int
    active_week: int

    @property
    def share(self) -> float | None:
        """Share of that week's active users that it hit, 0 to 1; None when none is known."""
        return min(1.0, self.users_week / self.active_week) if self.active_week else None


@dataclass(frozen=True, slots=True)
class CaseRow:
    """A regression case."""

    id: int
    failure_id: int
    #: Handle of the failure it was made from.
    handle: str
    operation: str
    category: str
    signature: str
    trigger_signature: str | None
    trigger: str
    trigger_count: int
    case: Mapping[str, Tree] = field(repr=False)
    created_at: float
    state: CaseState
    state_reason: str
    reviewer: str | None
    reviewed_at: float | None
    failing_version: str | None
    confidence_score: float
    flakiness: float
    run_count: int
    pass_count: int
    fail_count: int
    inconclusive_count: int
    last_run_at: float | None


@dataclass(frozen=True, slots=True)
class FailureDetail:
    """Everything ``failures show`` says."""

    row: FailureRow
    impact: Impact
    recordings: tuple[Recording, ...]
    case: CaseRow | None
    #: Handle of a failure of the same signature whose case was rejected: this one gets none.
    rejected_with: str | None = None


@dataclass(frozen=True, slots=True)
class RunRow:
    """One run of a case."""

    run_id: str
    case_id: int
    at: float
    channel: str
    code_version: str | None
    verdict: Verdict
    detail: str


@dataclass(frozen=True, slots=True)
class GenerationRow:
    """One generation, as ``tail`` prints it."""

    id: int
    generation_id: str
    ended_at: float
    operation: str
    framework: str
    outcome: str
    duration_s: float
    user_id: str | None
    project_id: str | None
    trace_id: str | None
    code_version: str | None
    metadata: Mapping[str, Tree]
    #: Of the failure: None for a generation that did not fail.
    handle: str | None
    category: str | None
    severity: str | None
    error_type: str | None
    error_message: str | None
    #: Where it failed: the phase or step, else the function that raised; empty when it did not fail.
    place: str
    #: Distinct failing generations alike in the seven days up to this one; 0 when it did not fail.
    strike: int
    case_id: int | None


@dataclass(frozen=True, slots=True)
class Trend:
    """Counts of one step of time."""

    at: float
    by_outcome: Mapping[str, int]
    duration_sum_s: float


@dataclass(frozen=True, slots=True)
class Counts:
    """Store-wide counts, as the exporter serves them."""

    cases_by_state: Mapping[str, int]
    #: By channel, then by verdict.
    runs: Mapping[str, Mapping[str, int]]
    failures_by_status: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What clearing a person from the store touched."""

    generations: int = 0
    failures: int = 0
    recordings: int = 0
    samples: int = 0
    #: Cases that were made from this person's recordings: made anew from others', or emptied.
    cases: int = 0
    counters: int = 0
