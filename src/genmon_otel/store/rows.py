"""Frozen values that the store returns. Times are Unix seconds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from genmon_otel.policy import CaseState, Verdict
from genmon_otel.records import Recording, Tree


@dataclass(frozen=True, slots=True)
class FailureRow:
    """One failure: all failing generations with the same fingerprint."""

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
    #: Details of the newest occurrence: generation_id, trace_id, stage, file, line, context and others.
    context: Mapping[str, Tree] = field(repr=False)
    #: The person who set category and severity, and when; None where the rules set them.
    relabelled_by: str | None = None
    relabelled_at: float | None = None
    #: Category and severity of a relabelled failure's newest occurrence by the rules.
    rules_category: str | None = None
    rules_severity: str | None = None

    @property
    def place(self) -> str:
        """The phase or step that failed, else the function that raised; empty when neither is known."""
        return str(self.context.get("stage") or self.context.get("function") or "")


@dataclass(frozen=True, slots=True)
class Impact:
    """How many users and projects a failure hit."""

    #: Distinct users and projects of the last 90 days (or since the failure began).
    users: int
    projects: int
    #: In the seven days up to the last occurrence: users that it hit, and active users.
    users_week: int
    active_week: int

    @property
    def share(self) -> float | None:
        """Share of that week's active users that it hit, 0 to 1; None when no active user is known."""
        return min(1.0, self.users_week / self.active_week) if self.active_week else None


@dataclass(frozen=True, slots=True)
class CaseRow:
    """A regression case."""

    id: int
    failure_id: int
    #: Handle of the failure that it was created from.
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
class CaseSummary:
    """A regression case as lists show it: without its content, which may be large."""

    id: int
    handle: str
    operation: str
    category: str
    state: CaseState
    state_reason: str
    created_at: float
    #: The step failed each time it was asked, or nothing was recorded: a retry cannot help.
    unfixable: bool
    #: The failure's message, which distinguishes cases of one category.
    error_message: str
    confidence_score: float
    run_count: int
    pass_count: int
    fail_count: int
    inconclusive_count: int
    last_run_at: float | None


@dataclass(frozen=True, slots=True)
class OperationHealth:
    """The attempts of one operation in the last hour."""

    operation: str
    attempts: int
    failures: int
    healthy: bool


@dataclass(frozen=True, slots=True)
class FailureDetail:
    """Everything that ``genmon failures show`` prints."""

    row: FailureRow
    impact: Impact
    recordings: tuple[Recording, ...]
    case: CaseRow | None
    #: Handle of another failure with this signature whose case was rejected, which is why this one
    #: has no case; None otherwise.
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
    #: What a pass counts for in the confidence.
    weight: float = 1.0
    #: The first step that was asked otherwise than recorded, and how; empty: none.
    drift: str = ""


@dataclass(frozen=True, slots=True)
class DecisionRow:
    """One decision about a failure or its case."""

    at: float
    #: None: the reproduction check.
    reviewer: str | None
    #: The state or status that was set, or ``relabelled``.
    decision: str
    detail: str


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One generation that failed, as the page lists it."""

    generation_id: str
    at: float
    trace_id: str | None
    code_version: str | None
    user_id: str | None


@dataclass(frozen=True, slots=True)
class FailureHistory:
    """When, and on which versions, a failure happened. Generations older than 90 days are gone."""

    #: Count of each day that has one, by days since 1970.
    by_day: Mapping[int, int]
    #: Version, first and last time, count; the version that had it first comes first.
    versions: tuple[tuple[str | None, float, float, int], ...]
    #: The newest ones.
    newest: tuple[Occurrence, ...]
    #: How many of the newest ``by_day`` and ``versions`` count; None where they count all.
    counted: int | None
    #: Version of the oldest generation, whatever is counted.
    began_on: str | None


@dataclass(frozen=True, slots=True)
class GenerationRow:
    """One generation, as ``genmon tail`` prints it."""

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
    #: Of its failure; None for a generation that did not fail.
    handle: str | None
    category: str | None
    severity: str | None
    error_type: str | None
    error_message: str | None
    #: The phase or step that failed, else the function that raised; empty when it did not fail.
    place: str
    #: Distinct strikes of its failure in the seven days up to its end; 0 when it did not fail.
    strike: int
    case_id: int | None


@dataclass(frozen=True, slots=True)
class TrendPoint:
    """Counts of one time step, which begins at ``at``."""

    at: float
    by_outcome: Mapping[str, int]
    duration_sum_s: float


@dataclass(frozen=True, slots=True)
class Counts:
    """Counts over the whole store, as ``genmon exporter`` serves them."""

    cases_by_state: Mapping[str, int]
    #: By channel, then by verdict.
    runs: Mapping[str, Mapping[str, int]]
    failures_by_status: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Forgotten:
    """How many rows :meth:`SqlStore.forget` changed or deleted."""

    generations: int = 0
    failures: int = 0
    recordings: int = 0
    samples: int = 0
    #: Cases built from this person's recordings: built again from others', or emptied.
    cases: int = 0
    #: Rows that count this person as hit or active.
    counters: int = 0
