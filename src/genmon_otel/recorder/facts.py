"""What is known of one generation, as a frozen value from which record, span and metrics are built.

:class:`~genmon_otel.recorder.generation.Generation` makes it, once at its end and on each look
of the writer while it runs. To add a field: declare it here, fill it in
``Generation.facts`` (or ``Stage.facts``), and read it where it is needed.

Both are tuples: each call makes one, and a frozen dataclass takes six times as long. Compare
stages with ``is``: their values are the application's, whose ``==`` may do anything.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

from genmon_otel.recorder.arguments import HeldArguments, HeldValue, texts_in
from genmon_otel.recorder.options import Spec
from genmon_otel.records import Capture, Outcome, StageKind, StepKind, Tree

if TYPE_CHECKING:
    from genmon_otel.classification import Classification


class Exchange(Protocol):
    """Request and answer of an automatic step. Immutable."""

    @property
    def adapter(self) -> str: ...

    @property
    def site(self) -> str:
        """Where in the application the call was made."""

    @property
    def call(self) -> int:
        """The number, from 1, of the call that it is an attempt of."""

    @property
    def frames(self) -> tuple[int, ...]:
        """Identities of the application's frames that made the call, innermost first."""

    @property
    def number(self) -> int:
        """The number of the attempt in its generation."""

    @property
    def status(self) -> int | None:
        """Of the answer; None while there is none."""

    @property
    def is_fault_status(self) -> bool:
        """Whether its status makes the answer a fault."""

    def request(self, places: Mapping[int, int] | None = None) -> Tree:
        """Return the tree of what was sent.

        Args:
            places: by the number of an attempt its index in a recording, to which a long request may refer; None:
                the request is whole.
        """

    def outcome(self, kind: StepKind) -> Tree:
        """Return the tree of the answer, a ``value`` or a ``stream``."""

    def request_texts(self) -> Iterator[str]:
        """Return the strings of the request."""

    def answer_texts(self) -> Iterator[str]:
        """Return the strings of the answer."""


class StageFacts(NamedTuple):
    """One phase or step. Times are readings of the monotonic clock, in seconds."""

    kind: StageKind
    name: str
    #: None: it has not ended.
    outcome: Outcome | None
    began: float
    #: None: it has not ended.
    ended: float | None
    #: Seconds until it ended, or until now.
    duration_s: float
    is_async: bool
    #: How a step answered; ``hang`` where it did not.
    answer: StepKind
    #: What it was called with; None for a block, and where nothing is captured.
    arguments: HeldArguments | None
    #: What it returned; the tree of what it raised.
    value: HeldValue | Tree
    #: What a stream gave.
    chunks: Sequence[HeldValue]
    #: Tree of the exception that a stream ended with; None: it ended with none.
    stream_error: Tree
    #: When a stream whose consumer is not waiting for more yielded its latest chunk; None otherwise.
    paused_at: float | None
    #: Whether the consumer of the stream closed it before its end.
    closed_early: bool
    #: Of the exception it ended with, if that was a failure.
    classification: Classification | None
    signature: str
    #: Recorded at a client library, without a decorator: its name enters no fingerprint.
    automatic: bool
    #: Of an automatic step: what was sent and answered; None for another.
    exchange: Exchange | None = None

    @property
    def place(self) -> str:
        """The name in fingerprints; empty for an automatic step."""
        return "" if self.automatic else self.name

    @property
    def answered_at(self) -> float | None:
        """When it returned, or gave the chunk that its consumer is at; None if it did neither."""
        if self.is_fault:
            return None
        return self.ended if self.outcome is Outcome.SUCCESS else self.paused_at

    @property
    def frames(self) -> tuple[int, ...]:
        """Identities of the application's frames that made an automatic step; empty for another."""
        return () if self.exchange is None else self.exchange.frames

    @property
    def has_failed(self) -> bool:
        """Whether it ended, in a fault or an exception."""
        return self.outcome is Outcome.FAILURE

    @property
    def is_fault(self) -> bool:
        """Whether it ended in a fault that is no exception: an automatic step's status or event."""
        return (
            self.exchange is not None
            and self.outcome is Outcome.FAILURE
            and self.answer in ("value", "stream")
        )

    @property
    def status_of_fault(self) -> int | None:
        """The status that makes an automatic step's answer a fault; None for any other."""
        return self.exchange.status if self.exchange is not None and self.is_fault else None

    @property
    def hung(self) -> bool:
        """Whether it is a step that has not answered, or was cancelled before it did."""
        return (
            self.kind == "step"
            and self.outcome in (None, Outcome.CANCELLED)
            and self.answer in ("hang", "stream")
            and not self.closed_early
            and self.paused_at is None
            and not (self.exchange is not None and self.exchange.is_fault_status)
        )

    def answer_texts(self) -> Iterator[str]:
        """Return the strings that it answered with."""
        if self.exchange is not None:
            yield from self.exchange.answer_texts()
        for answer in (self.value, *self.chunks):
            if isinstance(answer, HeldValue):
                yield from texts_in(answer.tree())


class GenerationFacts(NamedTuple):
    """One generation, as it is at its end or while it runs."""

    #: 32 hex digits.
    id: str
    #: What the decorator was given.
    spec: Spec
    capture: Capture
    framework: str
    user_id: str | None
    project_id: str | None
    #: What was asked for, bounded; redacted only where it is on the span.
    request: str | None
    #: None for a block, and with capture off.
    arguments: HeldArguments | None
    #: None: it runs.
    outcome: Outcome | None
    #: Unix seconds; the end is now where it runs.
    started_at: float
    ended_at: float
    #: A reading of the monotonic clock, seconds.
    began: float
    duration_s: float
    file_count: int | None
    tokens: Mapping[str, int]
    #: Trees of what ``set(**context)`` was given, not redacted.
    context: Mapping[str, Tree]
    #: In the order in which they began.
    stages: tuple[StageFacts, ...]
    #: Exceptions that stages ended with, oldest first, each with the one of ``stages``.
    errors: Sequence[tuple[BaseException, StageFacts]]
    #: Hex; None where OpenTelemetry gave no valid ids.
    trace_id: str | None
    span_id: str | None
    is_sampled: bool
    code_version: str | None
    #: Of the Celery task that runs it; None elsewhere.
    task_id: str | None

    @property
    def operation(self) -> str:
        """The low-cardinality name of what is generated."""
        return self.spec.operation
