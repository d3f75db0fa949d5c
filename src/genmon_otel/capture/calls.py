"""An automatic step from its request to its end: all that adapters know of the recorder.

Whoever changes the recorder changes this module, and no adapter.
"""

from __future__ import annotations

import asyncio
import hashlib
import threading
import weakref
from collections.abc import Mapping
from typing import Any, ClassVar, Final

from opentelemetry.context import _SUPPRESS_INSTRUMENTATION_KEY, attach, detach, get_current
from opentelemetry.trace import SpanKind, set_span_in_context

from genmon_otel import conventions as names
from genmon_otel.capture import patches
from genmon_otel.capture.carried import here
from genmon_otel.capture.endpoints import api_of, is_ignored, label_of, name_of
from genmon_otel.capture.exchanged import Exchanged, StatusFault
from genmon_otel.capture.ledger import Ledger
from genmon_otel.capture.sites import call_site, site_of_messages
from genmon_otel.capture.spans import has_span, inference_span
from genmon_otel.capture.usage import answering_model, counted_in, tokens_of
from genmon_otel.capture.wire import MAX_BYTES, Sent, is_stream, kept_headers
from genmon_otel.exchanges import is_fault_status, tells_error
from genmon_otel.ports import Answer, StepPlayer
from genmon_otel.recorder.facts import Exchange
from genmon_otel.recorder.generation import Generation
from genmon_otel.recorder.runtime import Runtime, suppress_and_count
from genmon_otel.recorder.scope import current
from genmon_otel.recorder.stage import Stage
from genmon_otel.records import NOTHING, Outcome

#: Bytes at the end of a large answer that are kept to read its usage.
_USAGE_BYTES: Final = 8192
#: Bytes of a stream after which its bounds are looked at.
_LOOK_BYTES: Final = 16 * 1024
#: Scopes within each other that are looked at for a step.
_MAX_NESTED: Final = 100


def recording() -> Generation | None:
    """Return the generation that a call made here is a step of; None where it is none.

    It is none outside an open generation, within a decorated or another automatic step, with
    capture off, and where OpenTelemetry's instrumentation is suppressed, as in exporters.
    """
    scope = here() if patches.is_active else None
    if scope is None:
        return None
    generation: Generation = scope.generation
    if generation.id not in generation.runtime.running or generation.capture == "off":
        return None
    if _within_step(scope):
        return None
    if get_current().get(_SUPPRESS_INSTRUMENTATION_KEY):
        return None
    return generation


def _within_step(scope: Any) -> bool:
    """Whether a step that a replay serves as a whole surrounds a scope; a block's code runs there."""
    for _ in range(_MAX_NESTED):
        if not isinstance(scope, Stage):
            return False  # the generation itself, or nothing
        if scope.is_served:
            return True
        scope = scope.outer
    return True


class AutomaticCall(Stage):
    """One attempt of an outbound call, as a step of the generation.

    An adapter makes one with :func:`begin`, enters it, and then says :meth:`answered` and
    :meth:`given` for each chunk until :meth:`finished`, or :meth:`failed`, or :meth:`closed`.
    None of them raises but for what strikes from outside.
    """

    noun: ClassVar[str] = "automatic_step"
    automatic = True

    #: Of the answer; None while there is none.
    status: int | None = None
    _headers: Mapping[str, str] = NOTHING
    _content_type: str = ""
    _encoding: str = ""
    _head_s: float = 0.0
    _size: int = 0
    #: Bytes given since the last look at the bounds, and how many may be.
    uncounted, unlooked = 0, _LOOK_BYTES
    #: Of an answer that was too large: its digest so far.
    _digest: Any = None
    #: Of an answer that was too large: its end, which tells of usage.
    _end_of_body: bytes = b""
    #: Counts of tokens that its headers tell.
    _told: Mapping[str, int] = NOTHING

    def __init__(
        self, generation: Generation, name: str, adapter: str, sent: Sent, is_async: bool
    ) -> None:
        self.adapter = adapter
        self.sent = sent
        #: Provider and operation of a model's call; None for another.
        self.api = api_of(sent.method, sent.host, sent.path)
        # In a thread that was given none of OpenTelemetry's context it is below the generation.
        below = None
        if current() is None:
            below = attach(set_span_in_context(generation.span))
        super().__init__(generation, "step", name, is_async)
        if below is not None:
            detach(below)
        site, self.frames = call_site(4)
        self.site = site or site_of_messages(sent.body)
        self.parts: list[tuple[float, bytes]] = []
        self.now = generation.runtime.clock.monotonic
        #: Bytes that it holds, as its generation's ledger counts them.
        self._held = 0
        self._ledger = ledger_of(generation)
        self._task = _current_task() if is_async else None
        self.context = threading.get_ident() if self._task is None else id(self._task())
        self.attempt_key = adapter, self.site, sent.key()
        self.call = self._ledger.note(self)
        self._ledger.attempts += 1
        sent.number = self._ledger.attempts
        if sent.body:
            if len(sent.body) > MAX_BYTES:
                sent.let_go()
            elif self.player is None:
                self._ledger.share(sent)
            self._hold(len(sent.body or b""))

    def start_span(self, runtime: Runtime, name: str, *_: Any) -> None:
        """Start the span that :mod:`genmon_otel.capture.spans` describes, where there is none yet."""
        if has_span(self.adapter, self.api):
            self.start_no_span()
        elif self.api is not None:
            super().start_span(runtime, *inference_span(self.api, self.sent), SpanKind.CLIENT)
        else:
            super().start_span(runtime, name)

    def __del__(self) -> None:
        if self.__dict__.get("_held"):
            self._ledger.give_back(self._held)

    def _hold(self, size: int) -> None:
        """Hold more bytes; the oldest of the generation go where that is too much."""
        self._held += size
        self._ledger.take(size)

    def _let_go(self, size: int) -> None:
        self._held -= size
        self._ledger.give(size)

    def let_go_request(self) -> bool:
        """Keep nothing but length and digest of the request; whether there was one to let go."""
        size = len(self.sent.body or b"")
        if not self.sent.let_go():
            return False
        self._ledger.forget(self.sent)
        self._let_go(size)
        return True

    def let_go_answer(self) -> bool:
        """Keep nothing but length and digest of the answer; whether there was one to let go."""
        if not self.parts:
            return False
        parts = self.parts[:]
        del self.parts[: len(parts)]  # another thread may add one
        body = b"".join([data for _, data in parts])
        self._digest = hashlib.sha256(body)
        self._end_of_body = body[-_USAGE_BYTES:]
        uncounted, self.uncounted, self.unlooked = self.uncounted, 0, 0
        self._size += uncounted
        self._let_go(len(body) - uncounted)
        return True

    @property
    def is_over(self) -> bool:
        """Whether the task that made it is done."""
        task = None if self._task is None else self._task()
        return self._task is not None and (task is None or task.done())

    @property
    def player(self) -> StepPlayer | None:
        """What answers in a replay; None where the call is to be made."""
        return self.generation.runtime.player

    def request(self) -> Answer:
        """Ask the player; raises what was recorded."""
        assert self.player is not None
        return self.player.answer(self.name, self.adapter, self.site, self.sent.tree())

    async def request_async(self) -> Answer:
        """As :meth:`request`, in a task."""
        assert self.player is not None
        return await self.player.answer_async(self.name, self.adapter, self.site, self.sent.tree())

    # --- what adapters say

    def answered(self, status: int, headers: Any) -> None:
        """The head of the answer is there; what is read of it from now on is the body."""
        try:
            self.leave()
            self._given_at = at = self.generation.runtime.clock.monotonic()
            self._head_s = at - self._began
            self._headers, self._encoding = kept_headers(headers)
            self._content_type = self._headers.get("content-type", "")
            if self.api is not None:
                self._told = counted_in(headers)
            self.status = status
            self._answer = "stream"
        except BaseException:
            suppress_and_count("capture", self.generation.runtime)

    def asked(self) -> None:
        """The consumer waits for more."""
        self._asked = True

    def given(self, part: bytes) -> None:
        """The consumer is given a chunk."""
        self._asked = False
        self._given_at = at = self.now()
        self.parts.append((at - self._began, part))
        self.uncounted += len(part)
        if self.uncounted > self.unlooked:
            self.count()

    def count(self) -> None:
        """Count what was given since the last look, and bound what is held."""
        try:
            size, self.uncounted = self.uncounted, 0
            self._size += size
            if self._digest is None:
                self._hold(size)
                if self._size > MAX_BYTES and self.let_go_answer():
                    self._ledger.dropped()
            else:
                data = b"".join([part for _, part in self.parts])
                self.parts.clear()
                self._digest.update(data)
                self._end_of_body = (self._end_of_body + data)[-_USAGE_BYTES:]
        except BaseException:
            suppress_and_count("capture", self.generation.runtime)

    def finished(self) -> None:
        """The answer has ended, or the head says that there is no body."""
        try:
            if self.outcome is None:
                if self._answer == "stream" and not is_stream(self._content_type):
                    self._answer = "value"
                self._settle(self.generation.runtime.clock.monotonic())
        except BaseException:
            suppress_and_count("capture", self.generation.runtime)

    def failed(self, error: BaseException) -> None:
        """The call raised, before its head or amidst its body."""
        if self.outcome is None:
            if self.status is None:
                self.raised(error)
            else:
                self.fail(error, len(self.parts))

    def closed(self) -> None:
        """The consumer wants no more."""
        try:
            if self.outcome is not None:
                return
            if self._is_fault():  # of which nobody reads the body
                self._closed_early = True
                self._settle(self._given_at or self._began)
            else:
                self.fail(GeneratorExit(), len(self.parts))
        except BaseException:
            suppress_and_count("capture", self.generation.runtime)

    # --- what came of it

    def _is_fault(self) -> bool:
        return self.status is not None and is_fault_status(self.adapter, self.status)

    def _settle(self, ended: float) -> None:
        if self.uncounted:
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
        if self.api is not None and self.outcome is None and self.status is not None:
            try:
                self._account()
            except BaseException:
                suppress_and_count("capture", self.generation.runtime)
        if self.outcome is None and outcome is not Outcome.SUCCESS and not self._closed_early:
            self._ledger.note_fault(self)
        super()._end(outcome, ended, error)

    def _account(self) -> None:
        """Put on the span what the answer says beside its text; add its tokens to the generation's."""
        body = self._end_of_body or self._exchanged().plain()
        tokens = tokens_of(body, self._told)
        self.generation.count_tokens(tokens)
        if self.span.is_recording():
            said: dict[str, Any] = {names.GEN_AI_USAGE[kind]: n for kind, n in tokens.items()}
            if model := answering_model(body):
                said[names.GEN_AI_RESPONSE_MODEL] = model
            if is_stream(self._content_type):
                said[names.GEN_AI_REQUEST_STREAM] = True
            self.span.set_attributes(said)

    def _label(self) -> str:
        return label_of(self.name)

    def _error_type(self, error: BaseException) -> str:
        return str(self.status) if type(error) is StatusFault else super()._error_type(error)

    def _exchange(self) -> Exchange:
        return self._exchanged()

    def _exchanged(self) -> Exchanged:
        if self.uncounted:
            self.count()
        return Exchanged(
            adapter=self.adapter,
            site=self.site,
            call=self.call,
            frames=self.frames,
            sent=self.sent,
            status=self.status,
            is_fault_status=self._is_fault(),
            headers=self._headers,
            content_type=self._content_type,
            encoding=self._encoding,
            head_s=self._head_s,
            size=self._size,
            sha256="" if self._digest is None else self._digest.hexdigest(),
            parts=tuple(self.parts),
        )


#: By generation that runs: what its automatic steps hold.
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
    """Begin a step; None where the application wants none of this endpoint.

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
    name = name or name_of(sent.method, sent.host, sent.path)
    call = kind(generation, name, adapter, sent, is_async)
    generation.add_stage(call)
    return call
