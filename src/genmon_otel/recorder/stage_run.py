"""One run of a phase or step inside a live generation, and what a replay needs of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, ClassVar, Final

from opentelemetry.trace import StatusCode

from genmon_otel import conventions as names
from genmon_otel.payload import encode, encode_exception
from genmon_otel.recorder.binding import Parameters
from genmon_otel.recorder.held import Held, HeldArguments
from genmon_otel.recorder.naming import wording
from genmon_otel.recorder.runtime import suppress_and_count
from genmon_otel.recorder.scope import Scope
from genmon_otel.records import (
    Category,
    Outcome,
    Severity,
    StageEnd,
    StageKind,
    StepKind,
    StepRecord,
    Tree,
)

if TYPE_CHECKING:
    from genmon_otel.classification import Classification
    from genmon_otel.recorder.live_generation import Generation

#: Chunks of one stream that are kept.
MAX_CHUNKS: Final = 10_000
#: Type under which a call that never answered is known.
HUNG_TYPE: Final = "TimeoutError"

#: Stages of one generation that are kept; all are timed.
MAX_STAGES: Final = 1000
_SUCCESS: Final = Outcome.SUCCESS


class StageRun(Scope):
    """A phase or a step from its beginning to its end."""

    noun: ClassVar[str] = "stage"

    #: None while it runs.
    outcome: Outcome | None = None
    #: How a step answered; ``hang`` until it does.
    shape: StepKind = "hang"
    ended: float | None = None
    #: Of the error it ended with, if that was a failure.
    classification: Classification | None = None
    signature: str = ""
    #: Recorded at a client library, without a decorator: its name enters no fingerprint.
    automatic: bool = False
    #: Whether whoever consumed the stream wanted no more of it.
    closed_early: bool = False
    #: What it returned, a text as it is; the tree of what it raised.
    _value: Held | Tree = None
    _chunks: list[Held] | None = None
    #: What it was called with: those that are immutable and in order as they are.
    _arguments: HeldArguments | tuple[Any, ...] | None = None
    _parameters: Parameters | None = None
    _told: StageEnd | None = None
    _stream_error: Tree = None
    #: When a stream gave its latest chunk, and whether it was asked for another since.
    _given_at: float | None = None
    _asked: bool = False

    def __init__(  # noqa: PLR0917 - by name they would cost each call of a step
        self,
        generation: Generation,
        kind: StageKind,
        name: str,
        is_async: bool = False,
        parameters: Parameters | None = None,
        arguments: HeldArguments | tuple[Any, ...] | None = None,
    ) -> None:
        self.generation = generation
        self.kind = kind
        self.name = name
        self.is_async = is_async
        if arguments is not None:
            self._parameters, self._arguments = parameters, arguments
        under = generation.under
        self.began = under.clock.monotonic()
        self.start_span(under, name)
        stages = generation.stages
        if len(stages) < MAX_STAGES:
            stages.append(self)

    @property
    def is_served(self) -> bool:
        """Whether a replay serves it as a whole: no block, whose code runs there."""
        return self.kind == "step" and (self.automatic or self._arguments is not None)

    # --- what the generation asks

    @property
    def is_open(self) -> bool:
        return self.outcome is None

    @property
    def place(self) -> str:
        """What fingerprints call it; empty for an automatic step."""
        return "" if self.automatic else self.name

    @property
    def answered_at(self) -> float | None:
        """When it returned, or gave the chunk that its consumer is at; None if it did neither."""
        return self.ended if self.outcome is Outcome.SUCCESS else self._held_at

    @property
    def _held_at(self) -> float | None:
        """When a stream that nobody asks for more gave its latest chunk; None for another."""
        held = self.closed_early or (self.outcome is None and not self._asked)
        return self._given_at if held else None

    @property
    def hung(self) -> bool:
        """Whether it is a step that has not answered, or was cancelled before it did."""
        return (
            self.kind == "step"
            and self.outcome in (None, Outcome.CANCELLED)
            and self.shape in ("hang", "stream")
            and not self.closed_early
            and self._held_at is None
        )

    @property
    def signature_of_hang(self) -> str | None:
        """Signature of the fault "never answered"; None if it did answer."""
        from genmon_otel.fingerprint import signature  # see genmon_otel.recorder.diagnosis

        if not self.hung:
            return None
        return signature(
            operation=self.generation.spec.operation,
            category=Category.AI_TIMEOUT,
            error_type=HUNG_TYPE,
            message="",
            stage=self.place,
            environment=True,
        )

    def pending_s(self) -> float:
        """Seconds it has been, or was, running."""
        end = self.ended if self.ended is not None else self.generation.under.clock.monotonic()
        return max(0.0, end - self.began)

    def summary(self) -> StageEnd:
        """It as the generation's record keeps it."""
        return self._told or (self.name, self.kind, self.pending_s(), Outcome.CANCELLED)

    @property
    def arguments(self) -> HeldArguments | None:
        """What it was called with; None for a block, and where nothing is captured."""
        kept = self._arguments
        if isinstance(kept, tuple):
            assert self._parameters is not None
            return HeldArguments(self._parameters, kept, {})
        return kept

    def record(self) -> StepRecord:
        """It as a replay needs it."""
        outcome: Tree = None
        if self.shape == "stream":
            outcome = [chunk.tree() for chunk in self._chunks or ()]
        elif self.shape == "value":
            outcome = self._value.tree() if isinstance(self._value, Held) else encode(self._value)
        elif self.shape == "exception":
            outcome = self._value
        ended = self.ended if self.ended is not None else self._held_at
        if self.hung:  # whether it never began to answer, or stopped midway
            ended = None
        return StepRecord(
            name=self.name,
            arguments=arguments.tree() if (arguments := self.arguments) is not None else {},
            kind=self.shape,
            outcome=outcome,
            stream_error=self._stream_error,
            started_s=self.generation.offset_s(self.began),
            ended_s=None if ended is None else self.generation.offset_s(ended),
            is_async=self.is_async,
            cut=self.shape == "stream" and self._held_at is not None,
        )

    def texts(self) -> Iterator[str]:
        """The strings it was given, and those it answered with."""
        if (arguments := self.arguments) is not None:
            yield from arguments.texts()
        yield from self.answer_texts()

    def answer_texts(self) -> Iterator[str]:
        """The strings that it answered with."""
        for answer in (self._value, *(self._chunks or ())):
            if isinstance(answer, Held):
                yield from answer.texts()
            elif isinstance(answer, str) and self.shape == "value":
                yield answer

    @property
    def status_of_fault(self) -> int | None:
        """Of an automatic step the status that makes its answer a fault; None for any other."""
        return None

    # --- what the wrappers ask

    @property
    def follows_iterators(self) -> bool:
        return True

    @property
    def on_item(self) -> Callable[[Any], None] | None:
        return self._item if self._is_recorded else None

    @property
    def _is_recorded(self) -> bool:
        return self.kind == "step" and self.generation.capture != "off"

    def resume(self) -> None:
        self._asked = True
        self.enter()

    def _item(self, item: Any) -> None:
        try:
            self._asked = False
            self._given_at = self.generation.under.clock.monotonic()
            if self._chunks is None:
                self._chunks = []
                self.shape = "stream"
            if len(self._chunks) < MAX_CHUNKS:
                self._chunks.append(Held(item))
        except BaseException:
            suppress_and_count("chunk", self.generation.under)

    def _succeed(self, result: Any, items: int | None) -> None:
        ended = self.generation.under.clock.monotonic()  # not with what keeping it takes
        if self.kind == "step":
            if items is not None:
                self.shape = "stream"
            else:
                self.shape = "value"
                if self.generation.capture != "off":
                    self._value = result if type(result) is str else Held(result)
        self._end(_SUCCESS, ended)

    def _fail(self, error: BaseException, items: int | None) -> None:
        from genmon_otel.control_flow import outcome_of  # see genmon_otel.recorder.diagnosis

        ended = self.generation.under.clock.monotonic()
        outcome = Outcome.FAILURE
        try:  # as for a generation: it ends, whatever its error's class says
            # An expected step's error is still a fault that a replay serves.
            expected = self.generation.spec.expected if self.kind == "phase" else ()
            outcome, _ = outcome_of(error, expected)
            self.generation.note_error(error, self)
            if self.kind == "step":
                self._keep_error(error, outcome)
        except BaseException:
            suppress_and_count("stage", self.generation.under)
        self._end(outcome, ended, error)

    def _keep_error(self, error: BaseException, outcome: Outcome) -> None:
        streaming = self.shape == "stream"
        if isinstance(error, GeneratorExit):
            self.closed_early = streaming
        elif isinstance(error, asyncio.CancelledError):
            pass  # it answered no more: under wait_for that is all a step gets to see
        else:
            tree = encode_exception(error) if self._is_recorded else None
            if streaming:
                self._stream_error = tree
            else:
                self.shape, self._value = "exception", tree
        if outcome is Outcome.FAILURE:
            self._sign(error)

    def _sign(self, error: BaseException) -> None:
        from genmon_otel.classification import classify
        from genmon_otel.fingerprint import signature

        generation = self.generation
        found = self.classification = classify(error)
        self.signature = signature(
            operation=generation.spec.operation,
            category=found.category,
            error_type=found.error_type,
            message=wording(generation, found.decided_by or error).named,
            stage=self.place,
            environment=found.is_environment,
        )

    def _end(self, outcome: Outcome, ended: float, error: BaseException | None = None) -> None:
        if self.outcome is not None:
            return
        generation = self.generation
        under = generation.under
        self.ended = ended
        self.outcome = outcome
        self._told = told = (self.name, self.kind, ended - self.began, outcome)
        operation = generation.spec.operation
        try:
            under.metrics.stage((operation, told))
            if error is not None and outcome is Outcome.FAILURE:
                from genmon_otel.classification import dotted_name

                self.span.set_attribute(names.ERROR_TYPE, dotted_name(error))
                self.span.set_status(StatusCode.ERROR)
        finally:
            span = self.span
            self.release()
            span.end()


def hung_classification() -> Classification:
    """What a call that never answered is classified as."""
    from genmon_otel.classification import Classification

    return Classification(
        category=Category.AI_TIMEOUT,
        severity=Severity.HIGH,
        decided_by=None,
        error_type=HUNG_TYPE,
        rule="pending",
        certain=True,
    )
