"""What the packages ask of each other: structural types, no behaviour."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from genmon_otel.corrections import Correction, Corrections
from genmon_otel.records import (
    Batch,
    Category,
    GenerationRecord,
    Health,
    InFlight,
    Recording,
    Severity,
    StageEnd,
    SuccessSample,
    Tree,
    WriteResult,
)


class Clock(Protocol):
    """Time. ``now`` is Unix seconds and may jump; ``monotonic`` never goes back."""

    def now(self) -> float: ...

    def monotonic(self) -> float: ...


class Sink(Protocol):
    """Where finished generations go. No method raises or waits for the store."""

    @property
    def is_started(self) -> bool:
        """Whether :meth:`start` has nothing to do. A plain attribute: each generation asks."""

    @property
    def corrections(self) -> Corrections:
        """Categories and severities that people set for failures; read once for each failure."""

    def deliver(
        self,
        record: GenerationRecord,
        recording: Recording | None = None,
        sample: SuccessSample | None = None,
    ) -> None:
        """Take a finished generation. A failure is in the journal when this returns."""

    def start(self) -> None:
        """A generation begins: be at work in this process."""

    def watch(self, in_flight: Callable[[], Iterable[InFlight]]) -> None:
        """Say how to list the generations that are running (polled off the hot path)."""

    def flush(self, timeout_s: float) -> bool:
        """Wait until everything delivered so far is stored; False when time ran out."""

    def close(self, timeout_s: float) -> bool:
        """Flush and stop. Later deliveries are still journalled, never an error."""


class Metrics(Protocol):
    """The instruments of :mod:`genmon_otel.conventions`. No method raises."""

    def declare(
        self, operation: str, frameworks: Iterable[str] = (), severity: Severity | None = None
    ) -> None:
        """Create every series that can be known of an operation, at 0.

        ``severity`` is that of each of its failures; None: as classified.
        """

    def declare_failure(
        self, operation: str, framework: str, category: Category, severity: Severity, /
    ) -> None:
        """Create one series of FAILURES at 0, where the operation is one of this process's."""

    def count_starts(self, operations: Iterator[str], /) -> None:
        """Count a generation of each operation that is left in the iterator, which is empty then.

        A second call with the same iterator counts nothing: an interrupted one can be repeated.
        """

    def count_ends(self, ends: Iterator[tuple[GenerationRecord, str | None]], /) -> None:
        """Count each finished generation that is left in the iterator, as :meth:`count_starts` does.

        With each record comes the id of its trace if that is sampled, for an exemplar; else None.
        """

    def ended(self, record: GenerationRecord, /) -> None:
        """Count a finished generation that this process did not run."""

    def stage(self, ended: tuple[str, StageEnd], /) -> None:
        """Time a stage of an operation."""

    def resources(self, operation: str, cpu_s: float | None, peak_bytes: int | None) -> None: ...

    def reopened(self, operation: str, category: str) -> None: ...

    def written(self, count: int) -> None: ...

    def retried(self, count: int) -> None: ...

    def dropped(self, reason: str, count: int = 1) -> None: ...

    def queue_depth(self, depth: int) -> None: ...

    def journal_bytes(self, size: int) -> None: ...

    def store_up(self, up: bool) -> None: ...

    def batch_seconds(self, duration_s: float) -> None: ...

    def internal_error(self, where: str) -> None: ...

    def watch(self, report: Callable[[], None]) -> None:
        """Register ``report``, which sets the gauges, to be called before metrics are read."""

    def count_pending(self) -> None:
        """Count all pending events; called now and then, on the writer's thread."""

    def count_if_many_pending(self) -> None:
        """Count some pending events if there are too many, because the writer's thread lags."""


class Answer(Protocol):
    """The recorded answer of an automatic step, its body still to be read."""

    @property
    def status(self) -> int: ...

    @property
    def headers(self) -> Mapping[str, str]: ...

    @property
    def reason(self) -> str:
        """The status in words."""

    @property
    def head(self) -> Mapping[str, Tree]:
        """Everything recorded except the body; of a program also its output."""

    @property
    def took_s(self) -> float:
        """Seconds until it was over."""

    @property
    def is_stream(self) -> bool:
        """Whether its chunks came, and are given, one by one."""

    def parts(self) -> Iterator[bytes]:
        """The body, chunk by chunk, each when it came; then how it ended."""

    def parts_async(self) -> AsyncIterator[bytes]:
        """As :meth:`parts`, for a task."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramStart:
    """How a replayed program would be started; shows which files it would read. Not part of a recording."""

    #: Its name and arguments, or a command of the shell.
    words: tuple[str, ...]
    #: Folder in which it would run; None: the process's own.
    cwd: str | None
    #: Whether it would be written to while it runs.
    is_fed: bool


class StepPlayer(Protocol):
    """Serves recorded step outcomes in a replay instead of calling anything.

    ``play`` is asked with a decorated step's name, the callable it wraps (None for a
    block) and its bound arguments; ``answer`` with an automatic step's name, its adapter, call
    site and request (see :mod:`genmon_otel.exchanges`), for a program also with how it would be
    started. They return or raise what was recorded.
    """

    def play(
        self, name: str, call: Callable[..., Any] | None, arguments: Mapping[str, Any]
    ) -> Any: ...

    async def play_async(
        self, name: str, call: Callable[..., Any] | None, arguments: Mapping[str, Any]
    ) -> Any: ...

    def answer(
        self, name: str, adapter: str, site: str, request: Tree, program: ProgramStart | None = None
    ) -> Answer: ...

    def runs_for_real(self, program: str) -> bool:
        """Whether a program is started in the replay, too."""

    async def answer_async(
        self, name: str, adapter: str, site: str, request: Tree, program: ProgramStart | None = None
    ) -> Answer: ...


class Propose(Protocol):
    """Builds a case (JSON-able) from a failure and its recordings, inside the strike's transaction."""

    def __call__(
        self, failure: Mapping[str, Any], recordings: Sequence[Recording]
    ) -> Mapping[str, Tree]: ...


class Store(Protocol):
    """What the writer needs of a store. :class:`genmon_otel.store.SqlStore` offers much more.

    Raises ``StoreUnavailable`` where trying again may help, ``StoreRefused`` where not.
    """

    def open(self) -> None:
        """Connect, create or upgrade the schema. Called once in each process that uses it."""

    def write(self, batch: Batch) -> WriteResult:
        """Store a batch in one transaction, exactly once (compare-and-swap on its producer)."""

    def producer_position(self, producer: str) -> tuple[int, int]:
        """``(position, journal_seq)`` of a producer; ``(0, 0)`` when it never wrote."""

    def prune_step(self, limit: int) -> int:
        """Delete at most ``limit`` rows that outlived their retention; how many went."""

    def corrections(self) -> Sequence[Correction]:
        """Return the categories and severities that people set for failures."""

    def health(self, window_s: float, now: float) -> Health: ...

    def close(self) -> None: ...
