"""The records of the domain: what is kept of one generation.

Times are Unix seconds (UTC) as ``float``; names in ``_s`` are seconds of the monotonic clock.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any, ClassVar, Final, Literal, NamedTuple, Self

from genmon_otel.errors import ConfigurationError

Tree = Any
"""Tagged JSON data: dict, list, str, int, float, bool or None all the way down."""

NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


class Outcome(StrEnum):
    """How a generation ended. Attempts, for health and alert, are successes + failures."""

    SUCCESS = "success"
    FAILURE = "failure"
    CANCELLED = "cancelled"
    REJECTED = "rejected"

    @property
    def is_attempt(self) -> bool:
        """Whether it counts for health and the alert."""
        return self in (Outcome.SUCCESS, Outcome.FAILURE)


class Severity(StrEnum):
    """How severe a failure is."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


class Category(str):
    """Why a generation failed: one of the built-in categories or a declared one.

    A ``str`` rather than an enum because an application may declare its own at
    start-up with :meth:`declare`; each one is a label value, so they are few.
    """

    __slots__ = ()
    _severities: ClassVar[dict[Category, Severity]] = {}

    AI_TIMEOUT: ClassVar[Category]
    RATE_LIMIT: ClassVar[Category]
    VALIDATION_ERROR: ClassVar[Category]
    DEPENDENCY_ERROR: ClassVar[Category]
    SYNTAX_ERROR: ClassVar[Category]
    PROVIDER_ERROR: ClassVar[Category]
    UNKNOWN: ClassVar[Category]

    @classmethod
    def declare(cls, name: str, severity: Severity | str = Severity.MEDIUM) -> Category:
        """Declare a category of your application. Call it at start-up.

        Args:
            name: lower-case words joined by ``_``, at most 40 characters; it becomes a label value.
            severity: of its failures, unless a rule sets another.

        Raises:
            ConfigurationError: the name or the severity is not allowed, or the name is
                taken with another severity.
        """
        if not cls.is_name(name):
            raise ConfigurationError(
                f"Category name {name!r} is not allowed. Use lower-case letters, digits and '_', "
                "at most 40, for example 'prompt_injection'."
            )
        try:
            level = Severity(severity)
        except ValueError:
            raise ConfigurationError(
                f"Severity {severity!r} is not known. Allowed: {', '.join(Severity)}."
            ) from None
        category = cls(name)
        if cls._severities.setdefault(category, level) != level:
            raise ConfigurationError(
                f"Category {name!r} exists already with severity {cls._severities[category]}; "
                "declare another name, or give the severity in a rule."
            )
        return category

    @staticmethod
    def is_name(name: object) -> bool:
        """Whether a value is allowed as the name of a category."""
        return (isinstance(name, str) and name.isascii() and name.isidentifier()
                and name == name.lower() and len(name) <= 40)  # fmt: skip

    @classmethod
    def known(cls) -> tuple[Category, ...]:
        """All categories, built-in ones first."""
        return tuple(cls._severities)

    @property
    def default_severity(self) -> Severity:
        """The severity of this category's failures unless a rule or a person sets another."""
        return self._severities.get(self, Severity.MEDIUM)

    def __repr__(self) -> str:
        return f"Category({str(self)!r})"


Category.AI_TIMEOUT = Category.declare("ai_timeout", Severity.HIGH)
Category.RATE_LIMIT = Category.declare("rate_limit", Severity.MEDIUM)
Category.VALIDATION_ERROR = Category.declare("validation_error", Severity.HIGH)
Category.DEPENDENCY_ERROR = Category.declare("dependency_error", Severity.HIGH)
Category.SYNTAX_ERROR = Category.declare("syntax_error", Severity.MEDIUM)
Category.PROVIDER_ERROR = Category.declare("provider_error", Severity.HIGH)
Category.UNKNOWN = Category.declare("unknown", Severity.MEDIUM)

#: Failures caused by the environment: their fingerprint has no frames and no variables of messages.
ENVIRONMENT_CATEGORIES: Final = frozenset(
    {Category.AI_TIMEOUT, Category.RATE_LIMIT, Category.PROVIDER_ERROR}
)

#: Prefix of fingerprints and signatures. Those of another version never match.
FINGERPRINT_VERSION: Final = "v2"


def is_of_other_version(name: str) -> bool:
    """Whether a fingerprint or signature has another version, so that no new failure can match it."""
    version, colon, _ = name.partition(":")
    is_version = bool(colon) and version[:1] == "v" and version[1:].isdecimal()
    return is_version and version != FINGERPRINT_VERSION


#: Characters kept of a request.
MAX_REQUEST: Final = 1000

StageKind = Literal["phase", "step"]
Trigger = Literal["fault", "content", "input"]
Origin = Literal["generation", "foreign_span", "process_died"]
#: Origin and error type of the failure of a generation whose process died.
PROCESS_DIED: Final = "process_died"
StepKind = Literal["value", "exception", "hang", "stream"]
Capture = Literal["off", "failures", "all"]


@dataclass(frozen=True, slots=True)
class Frame:
    """The parts of a traceback's frame that a fingerprint uses."""

    module: str
    function: str
    in_app: bool


class Stage(NamedTuple):
    """One phase or step that ran inside a generation."""

    name: str
    kind: StageKind
    duration_s: float
    outcome: Outcome


StageEnd = tuple[str, StageKind, float, Outcome]
"""The fields of a :class:`Stage` as a plain tuple, which is cheaper to create during a call."""


@dataclass(frozen=True, slots=True)
class StepFault:
    """A step that raised or hung during a generation, whatever the generation's outcome.

    Of successes, too: the live channel compares ``trigger_signature`` with guarding cases'.
    """

    step: str
    trigger_signature: str
    #: The most times in a row that the step had this fault.
    consecutive: int


class Failure(NamedTuple):
    """The failure of one generation: classified, fingerprinted, redacted, bounded."""

    category: Category
    severity: Severity
    error_type: str
    error_message: str
    stack_trace: str
    fingerprint: str
    signature: str
    #: Signature of the step outcome that caused it; None without a step, or where its content did.
    trigger_signature: str | None = None
    trigger: Trigger = "input"
    #: Name of the step or phase that failed; empty when none was open.
    stage: str = ""
    function: str = ""
    file: str = ""
    line: int = 0
    origin: Origin = "generation"
    #: Step whose result was read last before it, empty where a step failed; whether the error quotes it.
    answer_of: str = ""
    answer_quoted: bool = False
    #: Automatic step whose fault it came from, empty for none; the fault's status or exit code.
    failed_step: str = ""
    failed_status: int | None = None
    #: Evidence for the category (``status:429``) and the redacted line that it is; see ``explain``.
    rule: str = ""
    words: str = ""
    #: Category and severity that a person set; not journalled, because the store has the newest.
    corrected: tuple[Category, Severity] | None = None

    @property
    def label(self) -> tuple[Category, Severity]:
        """Category and severity that a person set, else the rules'."""
        return self.corrected or (self.category, self.severity)


class GenerationRecord(NamedTuple):
    """One finished generation, as it is journalled and stored.

    A tuple like :class:`Stage`: every call creates one, and a frozen dataclass takes six times as long.
    """

    #: Unique: 32 hex digits, of 8 bytes of time and 8 of ``os.urandom``.
    generation_id: str
    operation: str
    framework: str
    outcome: Outcome
    started_at: float
    ended_at: float
    duration_s: float
    user_id: str | None = None
    project_id: str | None = None
    #: Bounded; None with capture off. Redacted by the writer's thread before it is stored or sent
    #: anywhere; not journalled.
    user_request: str | None = None
    #: Hex, or None where OpenTelemetry gave no valid id.
    trace_id: str | None = None
    span_id: str | None = None
    code_version: str | None = None
    file_count: int | None = None
    tokens: Mapping[str, int] = NOTHING
    #: Values of ``current_generation().set(**context)``: JSON-able, bounded.
    context: Mapping[str, Tree] = NOTHING
    stages: tuple[Stage, ...] = ()
    step_faults: tuple[StepFault, ...] = ()
    failure: Failure | None = None
    #: Strikes with equal keys count once: the id of a retried task. None: the generation's id.
    strike_key: str | None = None

    @property
    def last_step(self) -> str:
        """Name of the step that began last; empty when there is none."""
        return next((s.name for s in reversed(self.stages) if s.kind == "step"), "")


@dataclass(frozen=True, slots=True)
class StepRecord:
    """One call of a step and its outcome, for a replay."""

    name: str
    #: Tree of the bound arguments.
    arguments: Tree
    kind: StepKind
    #: Tree of the value or the exception; of a stream the list of its chunks; of a hang None.
    outcome: Tree
    #: Tree of the exception of a stream that failed; None otherwise.
    stream_error: Tree = None
    #: Seconds since the generation's start. ``ended_s`` is None where the step never returned.
    started_s: float = 0.0
    ended_s: float | None = None
    digest: str = ""  # of the redacted canonical arguments; the writer fills it in
    is_async: bool = False  # it, or its chunks, were awaited
    #: Whether a stream's consumer raised or stopped reading, so that later chunks are unknown.
    cut: bool = False
    #: Of an automatic step: its adapter (:mod:`genmon_otel.exchanges`), and who called it; else "".
    adapter: str = ""
    site: str = ""
    call: int = 0  # of an automatic step: the number, from 1, of the call it is an attempt of


@dataclass(frozen=True, slots=True)
class Recording:
    """Inputs and step outcomes of one failing generation, in order."""

    generation_id: str
    fingerprint: str
    operation: str
    #: Import path of the decorated callable, ``package.module:Class.method``; empty for a block.
    target: str
    #: Tree of the bound arguments by name (``self`` left out; see ``factories``).
    inputs: Tree
    steps: tuple[StepRecord, ...]
    #: Index in ``steps`` of the outcome that caused the failure; None where the input did.
    trigger_step: int | None
    duration_s: float
    code_version: str | None = None
    #: Folder from which the target was imported, relative to the working directory; may be empty.
    root: str = ""
    #: Why it cannot be replayed; empty where it can.
    unreplayable: str = ""
    redacted: bool = False


@dataclass(frozen=True, slots=True)
class SuccessSample:
    """The shape of a successful result, the names of its steps, and maybe their outcomes."""

    generation_id: str
    operation: str
    ended_at: float
    code_version: str | None
    #: ``{"type": "dict", "keys": [...], "non_empty": [...]}``.
    shape: Tree
    steps: tuple[StepRecord, ...] = ()
    asked: tuple[str, ...] = ()  # names of the steps in order; one that follows itself stands once


@dataclass(frozen=True, slots=True)
class InFlight:
    """A generation that is still running, as written to the journal."""

    generation_id: str
    operation: str
    framework: str
    started_at: float
    user_id: str | None = None
    project_id: str | None = None
    trace_id: str | None = None
    span_id: str | None = None
    last_step: str = ""
    code_version: str | None = None

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Create it from the result of :func:`dataclasses.asdict`; unknown (newer) keys are ignored."""
        names = cls.__dataclass_fields__
        return cls(**{key: value for key, value in data.items() if key in names})


@dataclass(frozen=True, slots=True)
class Batch:
    """What one transaction stores for one producer.

    ``position`` is the compare-and-swap token: the ``producers`` row must hold it, and holds
    ``position + 1`` afterwards. ``journal_seq`` is the highest journal frame that this batch covers.
    """

    producer: str
    position: int
    journal_seq: int
    records: tuple[GenerationRecord, ...] = ()
    recordings: tuple[Recording, ...] = ()
    samples: tuple[SuccessSample, ...] = ()
    #: Of dropped rows: minute (Unix seconds // 60), operation, framework, outcome, count, seconds.
    counts: tuple[tuple[int, str, str, str, int, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Strike:
    """The store's answer for one failing record: its failure, its strike and perhaps a case."""

    generation_id: str
    handle: str
    operation: str
    category: str
    #: Distinct strikes of this failure within the window, this one included.
    strikes: int
    case_id: int | None = None
    reopened: bool = False


@dataclass(frozen=True, slots=True)
class WriteResult:
    """The store's answer to a batch."""

    written: int
    strikes: tuple[Strike, ...] = ()
    #: Whether an earlier transaction had committed the batch, whose COMMIT's answer was lost.
    duplicate: bool = False


@dataclass(frozen=True, slots=True)
class Health:
    """Health over a window of time (see :func:`genmon_otel.policy.is_healthy`)."""

    window_s: float
    attempts: int
    successes: int
    failures: int
    failure_rate: float
    by_category: Mapping[str, int]
    healthy: bool
