"""An automatic step from its request to its end, and the only part of the recorder that adapters use.

A change of the recorder changes this module and no adapter.
"""

from __future__ import annotations

import asyncio
import weakref
from threading import get_ident
from typing import Any, ClassVar, Final

from opentelemetry.context import _SUPPRESS_INSTRUMENTATION_KEY, attach, detach, get_current
from opentelemetry.trace import SpanKind, set_span_in_context

from genmon_otel import conventions as names
from genmon_otel.capture import patches
from genmon_otel.capture.carried import here
from genmon_otel.capture.endpoints import endpoint_of, is_ignored, is_telemetry, label_of
from genmon_otel.capture.exchanged import Exchanged, StatusFault
from genmon_otel.capture.holding import HoldingStage
from genmon_otel.capture.ledger import Ledger
from genmon_otel.capture.sites import call_site, site_of_messages
from genmon_otel.capture.spans import has_span, inference_span
from genmon_otel.capture.usage import COUNTS_IN_HEADERS, answering_model, tokens_of
from genmon_otel.capture.wire import Headers, Sent, is_stream, plain, type_and_packing
from genmon_otel.exchanges import FIRST_FAULT, tells_error
from genmon_otel.ports import Answer, ProgramStart, StepPlayer
from genmon_otel.recorder.facts import Exchange, StageFacts
from genmon_otel.recorder.generation import Generation
from genmon_otel.recorder.runtime import Runtime, suppress_and_count
from genmon_otel.recorder.scope import current
from genmon_otel.recorder.stage import Stage
from genmon_otel.records import NOTHING, Outcome

#: Levels of nested scopes that are searched for a step.
_MAX_NESTED: Final = 100


def recording(*, with_tokens: bool = False) -> Generation | None:
    """Return the generation that a call made here is a step of; None where it is none.

    It is none outside an open generation, within a decorated or another automatic step, with
    capture off, and where OpenTelemetry's instrumentation is suppressed, as in exporters.

    Args:
        with_tokens: whether a call within a decorated step may have tokens, which :func:`begin` decides.
    """
    scope = here() if patches.is_active else None
    if scope is None:
        return None
    generation: Generation = scope.generation
    if generation.id not in generation.runtime.running or generation.capture == "off":
        return None
    step = _surrounding_step(scope)
    if step is not None and (step.automatic or not with_tokens):
        return None
    if get_current().get(_SUPPRESS_INSTRUMENTATION_KEY):
        return None
    return generation


def _surrounding_step(scope: Any) -> Stage | None:
    """The step that surrounds a scope and that a replay serves as a whole; a block's code runs there."""
    for _ in range(_MAX_NESTED):
        if not isinstance(scope, Stage):
            return None  # the generation itself, or nothing
        if scope.is_served:
            break
        scope = scope.outer
    return scope if isinstance(scope, Stage) else None


class AutomaticCall(HoldingStage):
    """One attempt of an outbound call, as a step of the generation.

    An adapter makes one with :func:`begin`, enters it, and then calls :meth:`answered` and
    :meth:`given` for each chunk until :meth:`finished`, or :meth:`failed`, or :meth:`closed`.
    None of them raises anything but an interruption (see :mod:`genmon_otel.interruption`).
    """

    noun: ClassVar[str] = "automatic_step"
    automatic = True

    #: In a replay of a program, how it would be started.
    program: ProgramStart | None = None
    #: Of the answer; None while there is none. Headers as the library has them.
    status: int | None = None
    _headers: Headers = NOTHING
    _content_type: str = ""
    _encoding: str = ""
    _head_s: float = 0.0

    def __init__(
        self, generation: Generation, name: str, adapter: str, sent: Sent, is_async: bool
    ) -> None:
        self.adapter = adapter
        self.sent = sent
        self.endpoint = endpoint_of(sent.method, sent.host, sent.path, sent.agent)
        # In a thread that was given none of OpenTelemetry's context it is below the generation.
        below = None
        scope = current()
        if scope is None:
            below = attach(set_span_in_context(generation.span))
        super().__init__(generation, "step", name or self.endpoint.name, is_async)
        if below is not None:
            detach(below)
        site, self.frames = call_site(4, is_innermost=scope is generation)
        self.site = site or site_of_messages(sent.body)
        self.parts: list[tuple[float, bytes]] = []
        self.now = generation.runtime.clock.monotonic
        self._ledger = ledger = ledger_of(generation)
        self._task = _current_task() if is_async else None
        self.context = get_ident() if self._task is None else id(self._task())
        self.call, sent.number = ledger.note(self)
        if sent.body:
            self._hold_request(sent)

    def start_span(self, runtime: Runtime, name: str, *_: Any) -> None:
        """Start the span that :mod:`genmon_otel.capture.spans` describes, where there is none yet."""
        api = self.endpoint.api
        if has_span(self.adapter, api, self.generation.span, self.generation.id, self.sent):
            self.start_no_span()
        elif api is not None:
            super().start_span(runtime, *inference_span(self.endpoint, self.sent), SpanKind.CLIENT)
        else:
            super().start_span(runtime, name)

    @property
    def is_packed(self) -> bool:
        """Whether the body of its answer is still compressed as its content encoding says."""
        return bool(self._encoding)

    @property
    def is_over(self) -> bool:
        """Whether the task that made it is done."""
        task = None if self._task is None else self._task()
        return self._task is not None and (task is None or task.done())

    def set_began(self, at: float) -> None:
        """Count it from an earlier reading of the monotonic clock: it was not known to be a step yet."""
        self._began = at

    @property
    def player(self) -> StepPlayer | None:
        """The player that answers in a replay; None where the call is really made."""
        return self.generation.runtime.player

    def request(self) -> Answer:
        """Ask the player; raises what was recorded."""
        assert self.player is not None
        return self.player.answer(
            self.name, self.adapter, self.site, self.sent.tree(), self.program
        )

    async def request_async(self) -> Answer:
        """As :meth:`request`, in a task."""
        assert self.player is not None
        return await self.player.answer_async(
            self.name, self.adapter, self.site, self.sent.tree(), self.program
        )

    # --- called by adapters

    def answered(self, status: int, headers: Headers, *, is_packed: bool = True) -> None:
        """The head of the answer has arrived; whatever is read from now on is the body.

        Args:
            status: of the answer.
            headers: as the library has them; they are read where the call is recorded.
            is_packed: whether the body is still compressed as its content encoding says.
        """
        try:
            self.leave()
            self._given_at = at = self.now()
            self._head_s = at - self._began
            self._headers = headers
            self._content_type, encoding = type_and_packing(headers)
            if is_packed:
                self._encoding = encoding
            self.status = status
            self._answer = "stream"
        except BaseException:
            suppress_and_count("capture", self.generation.runtime)

    def facts(self, now: float) -> StageFacts:
        """Return what is known of it, with the part of the answer that has arrived so far."""
        self._look()
        return super().facts(now)

    def _look(self) -> None:
        if self.parts:
            self._given_at = self.parts[-1][0]
        if self.reader is not None:
            self.is_asked = getattr(self.reader, "gi_running", False)

    def finished(self) -> None:
        """The answer is complete, or its head says that there is no body."""
        try:
            if self.outcome is None:
                if self._answer == "stream" and not is_stream(self._content_type):
                    self._answer = "value"
                self._settle(self.generation.runtime.clock.monotonic())
        except BaseException:
            suppress_and_count("capture", self.generation.runtime)

    def failed(self, error: BaseException) -> None:
        """The call raised, before its head or while its body was read."""
        if self.outcome is None:
            if self.status is None:
                self.raised(error)
            else:
                self.fail(error, len(self.parts))

    def closed(self) -> None:
        """The consumer stopped reading."""
        try:
            if self.outcome is not None:
                return
            self._look()
            if self.is_done:
                self.finished()
            elif self._is_fault():  # whose body is usually not read
                self._closed_early = True
                self._settle(self._given_at or self._began)
            else:
                self.fail(GeneratorExit(), len(self.parts))
        except BaseException:
            suppress_and_count("capture", self.generation.runtime)

    # --- its end

    def generation_ended(self) -> None:
        """End a model's stream that nobody waits for: its consumer left without closing it."""
        try:
            if self.outcome is None and self._answer == "stream" and self.endpoint.api is not None:
                self._look()
                if self.is_done:
                    self.finished()
                elif not self.is_asked:
                    self._closed_early = True
                    self._end(Outcome.CANCELLED, self._given_at or self._began)
        except BaseException:
            suppress_and_count("capture", self.generation.runtime)

    def _is_fault(self) -> bool:
        return self.status is not None and self.status >= FIRST_FAULT

    def _settle(self, ended: float) -> None:
        self.count()
        is_fault = self._is_fault()
        if self._answer == "stream" and not is_fault:
            is_fault = tells_error(iter(self._exchanged().end()))
        if is_fault:
            fault = StatusFault(self.adapter, self.status or 0, self._exchanged().body())
            self.generation.note_error(fault, self)
            self._sign(fault)
            self._end(Outcome.FAILURE, ended, fault)
        else:
            self._end(Outcome.SUCCESS, ended)

    def _end(self, outcome: Outcome, ended: float, error: BaseException | None = None) -> None:
        if self.endpoint.api is not None and self.outcome is None and self.status is not None:
            try:
                self._account()
            except BaseException:
                suppress_and_count("capture", self.generation.runtime)
        is_left = self._closed_early and not self._is_fault()
        if self.outcome is None and outcome is not Outcome.SUCCESS and not is_left:
            self._ledger.note_fault(self)
        super()._end(outcome, ended, error)

    def _account(self) -> None:
        """Set the answer's model and usage on the span; add its tokens to the generation's."""
        body = self._end_of_body or plain(self.parts, self._encoding)
        api = self.endpoint.api
        is_bedrock = api is not None and api[0] == COUNTS_IN_HEADERS
        tokens = tokens_of(body, self._headers if is_bedrock else ())
        if tokens:
            self.generation.count_tokens(tokens)
        if self.span.is_recording():
            said: dict[str, Any] = {names.GEN_AI_USAGE[kind]: n for kind, n in tokens.items()}
            if model := answering_model(body):
                said[names.GEN_AI_RESPONSE_MODEL] = model
            if is_stream(self._content_type):
                said[names.GEN_AI_REQUEST_STREAM] = True
            if said:
                self.span.set_attributes(said)

    def _label(self) -> str:
        return label_of(self.name)

    def _error_type(self, error: BaseException) -> str:
        return str(self.status) if type(error) is StatusFault else super()._error_type(error)

    def _exchange(self) -> Exchange:
        return self._exchanged()

    def _exchanged(self) -> Exchanged:
        if self.outcome is None:
            self.count()
        return Exchanged(  # in the order of its fields: by name it takes longer
            self.adapter,
            self.site,
            self.call,
            self.frames,
            self.sent,
            self.status,
            self._is_fault(),
            self._headers,
            self._content_type,
            self._encoding,
            self._began,
            self._head_s,
            self._size,
            "" if self._digest is None else self._digest.hexdigest(),
            tuple(self.parts),
        )


class TokensCall(AutomaticCall):
    """A model's call within a decorated step: no step of its own, but its tokens count."""

    def start_span(self, *_: Any) -> None:
        """Start none: the step around has one."""
        self.start_no_span()

    @property
    def player(self) -> None:
        """None: a replay lets the code of a decorated step run only to ask for real."""

    def _settle(self, ended: float) -> None:
        self._end(Outcome.SUCCESS, ended)

    def _fail(self, error: BaseException, items: int | None) -> None:
        self._end(Outcome.FAILURE, self._began)

    def _end(self, outcome: Outcome, ended: float, error: BaseException | None = None) -> None:
        if self.outcome is None:
            self.outcome = outcome
            try:
                if self.status is not None:
                    self._account()
            finally:
                self.release()


#: The ledger of each running generation.
_ledgers: Final[weakref.WeakKeyDictionary[Generation, Ledger]] = weakref.WeakKeyDictionary()


def ledger_of(generation: Generation) -> Ledger:
    """Return the ledger that the automatic steps of a generation share."""
    ledger = _ledgers.get(generation)
    if ledger is not None:
        return ledger
    metrics = generation.runtime.metrics  # not the generation, which the ledger would keep alive
    return _ledgers.setdefault(generation, Ledger(lambda: metrics.internal_error("step_dropped")))


def _current_task() -> weakref.ref[Any] | None:
    try:
        task = asyncio.current_task()
    except RuntimeError:  # another kind of event loop
        return None
    return None if task is None else weakref.ref(task)


def begin(
    generation: Generation,
    adapter: str,
    sent: Sent,
    *,
    is_async: bool,
    name: str = "",
    kind: type[AutomaticCall] = AutomaticCall,
) -> AutomaticCall | None:
    """Begin a step; None for an endpoint that the application ignores, or that only takes telemetry.

    Args:
        generation: what :func:`recording` returned.
        adapter: the name of the adapter.
        sent: the request.
        is_async: whether its answer is awaited.
        name: of the step; empty: as its endpoint is called.
        kind: what is made.
    """
    if is_ignored(sent.host, sent.path):
        return None
    if generation.runtime.player is None and is_telemetry(sent.host, sent.path):
        return None
    if _surrounding_step(here()) is not None:
        is_model = endpoint_of(sent.method, sent.host, sent.path, sent.agent).api is not None
        return TokensCall(generation, name, adapter, sent, is_async) if is_model else None
    call = kind(generation, name, adapter, sent, is_async)
    generation.add_stage(call)
    return call
