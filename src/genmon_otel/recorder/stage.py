"""One phase or step inside a generation, from its beginning to its end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Final, Protocol

from opentelemetry.trace import Span, StatusCode

from genmon_otel import conventions as names
from genmon_otel.payload import encode_exception
from genmon_otel.recorder.arguments import HeldArguments, HeldValue
from genmon_otel.recorder.diagnosis.messages import READ, Subject, grouping_text, said_by
from genmon_otel.recorder.facts import Exchange, StageFacts
from genmon_otel.recorder.options import Spec
from genmon_otel.recorder.runtime import Runtime, suppress_and_count
from genmon_otel.recorder.scope import Scope
from genmon_otel.records import Capture, Outcome, StageKind, StepKind, Tree

if TYPE_CHECKING:
    from genmon_otel.classification import Classification

#: Chunks of one stream that are kept.
MAX_CHUNKS: Final = 10_000
_SUCCESS: Final = Outcome.SUCCESS


class Owner(Subject, Protocol):
    """The part of a generation that its stages use."""

    id: str
    spec: Spec
    runtime: Runtime
    capture: Capture
    span: Span

    def note_error(self, error: BaseException, stage: Stage) -> None: ...

    def count_tokens(self, counts: Mapping[str, int]) -> None: ...


class Stage(Scope):
    """A phase or a step. Only its own methods change it; :meth:`facts` returns what is known of it."""

    noun: ClassVar[str] = "stage"

    #: None while it runs.
    outcome: Outcome | None = None
    _ended: float | None = None
    #: How a step answered; ``hang`` until it does.
    _answer: StepKind = "hang"
    #: Of the exception it ended with, if that was a failure.
    _classification: Classification | None = None
    _signature: str = ""
    #: Recorded at a client library, without a decorator: its name enters no fingerprint.
    automatic: bool = False
    #: Whether the consumer of the stream closed it before its end.
    _closed_early: bool = False
    #: What it returned; the tree of what it raised.
    _value: HeldValue | Tree = None
    _chunks: list[HeldValue] | None = None
    _stream_error: Tree = None
    #: When a stream yielded its latest chunk, and whether the consumer has requested another since.
    _given_at: float | None = None
    is_asked: bool = False

    def __init__(
        self,
        generation: Owner,
        kind: StageKind,
        name: str,
        is_async: bool = False,
        arguments: HeldArguments | None = None,
    ) -> None:
        self.generation: Owner = generation
        self.kind = kind
        self.name = name
        self.is_async = is_async
        self._arguments = arguments
        runtime = generation.runtime
        self._began = runtime.clock.monotonic()
        self.start_span(runtime, name)

    def facts(self, now: float) -> StageFacts:
        """Return the facts that are known now.

        Args:
            now: a reading of the monotonic clock, seconds.
        """
        outcome, ended = self.outcome, self._ended
        is_paused = self._closed_early or (outcome is None and not self.is_asked)
        return StageFacts(  # in the order of its fields: by name it takes ten times as long
            self.kind,
            self.name,
            outcome,
            self._began,
            ended,
            max(0.0, (now if ended is None else ended) - self._began),
            self.is_async,
            self._answer,
            self._arguments,
            self._value,
            self._chunks or (),
            self._stream_error,
            self._given_at if is_paused else None,
            self._closed_early,
            self._classification,
            self._signature,
            self.automatic,
            self._exchange(),
        )

    def _exchange(self) -> Exchange | None:
        """Return request and answer of an automatic step."""
        return None

    @property
    def is_served(self) -> bool:
        """Whether a replay serves its outcome; a block's code is executed instead."""
        return self.kind == "step" and (self.automatic or self._arguments is not None)

    # --- what the wrappers ask

    @property
    def is_open(self) -> bool:
        return self.outcome is None

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
        self.is_asked = True
        super().resume()

    def _item(self, item: Any) -> None:
        runtime = self.generation.runtime
        try:
            self.is_asked = False
            self._given_at = runtime.clock.monotonic()
            if self._chunks is None:
                self._chunks = []
                self._answer = "stream"
            if len(self._chunks) < MAX_CHUNKS:
                self._chunks.append(HeldValue(item))
        except BaseException:
            suppress_and_count("chunk", runtime)

    # --- its end

    def generation_ended(self) -> None:
        """End it because its generation ends while it runs. Never raises."""

    def _succeed(self, result: Any, items: int | None) -> None:
        ended = (
            self.generation.runtime.clock.monotonic()
        )  # before the outcome is encoded, which takes time
        if self.kind == "step":
            if items is not None:
                self._answer = "stream"
            else:
                self._answer = "value"
                if self.generation.capture != "off":
                    self._value = HeldValue(result)
        self._end(_SUCCESS, ended)

    def _fail(self, error: BaseException, items: int | None) -> None:
        from genmon_otel.control_flow import (
            outcome_of,  # see genmon_otel.recorder.diagnosis.diagnose
        )

        generation = self.generation
        ended = generation.runtime.clock.monotonic()
        outcome = Outcome.FAILURE
        try:  # as for a generation: it ends, whatever its exception's class says
            # An expected step's exception is still a fault that a replay serves.
            expected = generation.spec.expected if self.kind == "phase" else ()
            outcome, _ = outcome_of(error, expected)
            generation.note_error(error, self)
            if self.kind == "step":
                self._keep_error(error, outcome)
        except BaseException:
            suppress_and_count("stage", generation.runtime)
        self._end(outcome, ended, error)

    def _keep_error(self, error: BaseException, outcome: Outcome) -> None:
        streaming = self._answer == "stream"
        if isinstance(error, GeneratorExit):
            self._closed_early = streaming
        elif isinstance(error, asyncio.CancelledError):
            pass  # it did not answer: under wait_for a step only sees this cancellation
        else:
            tree = encode_exception(error) if self._is_recorded else None
            if streaming:
                self._stream_error = tree
            else:
                self._answer, self._value = "exception", tree
        if outcome is Outcome.FAILURE:
            self._sign(error)

    def _sign(self, error: BaseException) -> None:
        from genmon_otel.classification import classify
        from genmon_otel.fingerprint import signature

        generation = self.generation
        found = self._classification = classify(error)
        said = generation.runtime.redactor.text(said_by(found.decided_by or error, found), READ)
        self._signature = signature(
            operation=generation.spec.operation,
            category=found.category,
            error_type=found.error_type,
            message=grouping_text(said, generation).grouped,
            stage="" if self.automatic else self.name,
            environment=found.is_environment,
        )

    def _end(self, outcome: Outcome, ended: float, error: BaseException | None = None) -> None:
        if self.outcome is not None:
            return
        generation = self.generation
        self._ended = ended
        self.outcome = outcome
        try:
            end = (self._label(), self.kind, ended - self._began, outcome)
            generation.runtime.metrics.stage((generation.spec.operation, end))
            if error is not None and outcome is Outcome.FAILURE:
                self.span.set_attribute(names.ERROR_TYPE, self._error_type(error))
                self.span.set_status(StatusCode.ERROR)
        finally:
            span = self.span
            self.release()
            span.end()

    def _label(self) -> str:
        """Return its name as a label of metrics."""
        return self.name

    def _error_type(self, error: BaseException) -> str:
        """Return ``error.type`` for its span."""
        from genmon_otel.classification import dotted_name

        return dotted_name(error)
