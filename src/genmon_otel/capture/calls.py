"""An automatic step from its request to its end: all that adapters know of the recorder.

Whoever changes the recorder changes this module, and no adapter.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from typing import Any, ClassVar, Final

from opentelemetry.context import _SUPPRESS_INSTRUMENTATION_KEY

from genmon_otel.bodies import strings
from genmon_otel.capture import patches
from genmon_otel.capture.endpoints import is_ignored, name_of
from genmon_otel.capture.sites import call_site
from genmon_otel.capture.wire import (
    MAX_BYTES,
    NoText,
    Sent,
    decoded,
    is_stream,
    opaque_body,
    text_tree,
)
from genmon_otel.exchanges import is_fault_status, tells_error
from genmon_otel.payload.web import allowed_headers
from genmon_otel.ports import Answer, StepPlayer
from genmon_otel.recorder.live_generation import Generation
from genmon_otel.recorder.otel_context import around
from genmon_otel.recorder.runtime import suppress_and_count
from genmon_otel.recorder.scope import current
from genmon_otel.recorder.stage_run import MAX_CHUNKS, StageRun
from genmon_otel.records import Outcome, StepKind, StepRecord, Tree

#: Scopes within each other that are looked at for a step.
_MAX_NESTED: Final = 100


def recording() -> Generation | None:
    """Return the generation that a call made here is a step of; None where it is none.

    It is none outside an open generation, within a decorated or another automatic step, with
    capture off, and where OpenTelemetry's instrumentation is suppressed, as in exporters.
    """
    scope = current()
    if scope is None or not patches.is_active:
        return None
    generation = scope.generation
    if generation.id not in generation.under.running or generation.capture == "off":
        return None
    if scope is not generation and _within_step(scope):
        return None
    if around().get(_SUPPRESS_INSTRUMENTATION_KEY):
        return None
    return generation


def _within_step(scope: Any) -> bool:
    """Whether a step that a replay serves as a whole surrounds a scope; a block's code runs there."""
    for _ in range(_MAX_NESTED):
        if not isinstance(scope, StageRun):
            return False  # the generation itself, or nothing
        if scope.is_served:
            return True
        scope = scope.outer
    return True


class StatusFault(Exception):
    """Stands for an answer that is a fault by its status: read as a client's error is."""

    def __init__(self, adapter: str, status: int, body: Any) -> None:
        super().__init__(f"{'exit code' if adapter == 'program' else 'HTTP'} {status}")
        if adapter != "program":
            self.status_code = status
            self.body = body


class AutomaticCall(StageRun):
    """One attempt of an outbound call, as a step of the generation.

    An adapter makes one with :func:`begin`, enters it, and then says :meth:`answered` and
    :meth:`given` for each chunk until :meth:`finished`, or :meth:`failed`, or :meth:`closed`.
    None of them raises but for what strikes from outside.
    """

    noun: ClassVar[str] = "automatic_step"
    automatic = True

    #: Of the answer; None while there is none.
    status: int | None = None
    _headers: Mapping[str, str]
    _content_type: str = ""
    _encoding: str = ""
    _head_s: float = 0.0
    _size: int = 0
    #: Of an answer that was too large: its digest so far.
    _digest: Any = None

    def __init__(
        self, generation: Generation, name: str, adapter: str, sent: Sent, is_async: bool
    ) -> None:
        super().__init__(generation, "step", name, is_async)
        self.adapter = adapter
        self.sent = sent
        self.site = call_site(4)
        self._parts: list[tuple[float, bytes]] = []

    @property
    def player(self) -> StepPlayer | None:
        """What answers in a replay; None where the call is to be made."""
        return self.generation.under.player

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
            self._given_at = at = self.generation.under.clock.monotonic()
            self._head_s = at - self.began
            self._headers = allowed_headers(headers)
            self._content_type = self._headers.get("content-type", "")
            self._encoding = str(headers.get("content-encoding") or "")
            self.status = status
            self.shape = "stream"
        except BaseException:
            suppress_and_count("capture", self.generation.under)

    def asked(self) -> None:
        """The consumer waits for more."""
        self._asked = True

    def given(self, part: bytes) -> None:
        """The consumer is given a chunk."""
        try:
            self._asked = False
            self._given_at = at = self.generation.under.clock.monotonic()
            self._size += len(part)
            if self._digest is not None:
                self._digest.update(part)
            elif self._size <= MAX_BYTES:
                self._parts.append((at - self.began, bytes(part)))
            else:
                self._digest = hashlib.sha256(b"".join(data for _, data in self._parts) + part)
                self._parts = []
        except BaseException:
            suppress_and_count("capture", self.generation.under)

    def finished(self) -> None:
        """The answer has ended, or the head says that there is no body."""
        try:
            if self.outcome is None:
                if self.shape == "stream" and not is_stream(self._content_type):
                    self.shape = "value"
                self._settle(self.generation.under.clock.monotonic())
        except BaseException:
            suppress_and_count("capture", self.generation.under)

    def failed(self, error: BaseException) -> None:
        """The call raised, before its head or amidst its body."""
        if self.outcome is None:
            if self.status is None:
                self.raised(error)
            else:
                self.broke(error, len(self._parts))

    def closed(self) -> None:
        """The consumer wants no more."""
        try:
            if self.outcome is not None:
                return
            if self._is_fault():  # of which nobody reads the body
                self.closed_early = True
                self._settle(self._given_at or self.began)
            else:
                self.broke(GeneratorExit(), len(self._parts))
        except BaseException:
            suppress_and_count("capture", self.generation.under)

    # --- what came of it

    def _is_fault(self) -> bool:
        return self.status is not None and is_fault_status(self.adapter, self.status)

    def _settle(self, ended: float) -> None:
        if self.shape == "stream" and not self._is_fault():
            texts, _ = self._texts()
            error = tells_error(iter(texts))
        else:
            error = False
        if self._is_fault() or error:
            fault = StatusFault(self.adapter, self.status or 0, self._said())
            self.generation.note_error(fault, self)
            self._sign(fault)
            self._end(Outcome.FAILURE, ended, fault)
        else:
            self._end(Outcome.SUCCESS, ended)

    def _said(self) -> Any:
        """The body of a fault, where it is JSON."""
        try:
            return json.loads("".join(self._texts()[0]))
        except (ValueError, RecursionError):
            return None

    def _texts(self) -> tuple[list[str], str]:
        """The answer's chunks as texts, and why there are none; "" where there are."""
        if self._digest is not None:
            return [], "size"
        try:
            parts = [data for _, data in self._parts]
            return decoded(parts, self._content_type, self._encoding), ""
        except NoText as why:
            return [], str(why)

    @property
    def is_fault(self) -> bool:
        """Whether it ended in a fault that is no exception: a status, an event."""
        return self.outcome is Outcome.FAILURE and self.shape in ("value", "stream")

    @property
    def status_of_fault(self) -> int | None:
        return self.status if self.is_fault else None

    @property
    def answered_at(self) -> float | None:
        return None if self.is_fault else super().answered_at

    @property
    def hung(self) -> bool:
        return not self._is_fault() and super().hung

    # --- what a replay needs

    def record(self) -> StepRecord:
        """It as a replay needs it."""
        kind: StepKind = self.shape
        outcome: Tree = None
        if kind == "exception":
            outcome = self._value
        elif kind in ("value", "stream"):
            outcome = self._answer(kind)
        ended = self.ended if self.ended is not None else self._held_at
        if self.hung:
            ended = None
        offset = self.generation.offset_s
        return StepRecord(
            name=self.name,
            arguments=self.sent.tree(),
            kind=kind,
            outcome=outcome,
            stream_error=self._stream_error,
            started_s=offset(self.began),
            ended_s=None if ended is None else offset(ended),
            is_async=self.is_async,
            cut=kind == "stream" and self._held_at is not None,
            adapter=self.adapter,
            site=self.site,
        )

    def _answer(self, kind: StepKind) -> Tree:
        head: dict[str, Tree] = {"status": self.status, "headers": dict(self._headers)}
        texts, why = self._texts()
        if why:
            if self._digest is not None:
                body = opaque_body(b"", why)
                body |= {"length": self._size, "sha256": self._digest.hexdigest()[:32]}
            else:
                body = opaque_body(b"".join(data for _, data in self._parts), why)
            return head | body if kind == "value" else [head | body]
        if kind == "value":
            return head | {"body": text_tree("".join(texts))}
        times = [round(at, 6) for at, _ in self._parts]
        if len(texts) > MAX_CHUNKS:  # the rest comes with the last of them
            texts[MAX_CHUNKS - 1 :] = ["".join(texts[MAX_CHUNKS - 1 :])]
        chunks = zip(times, texts, strict=False)
        return [
            head | {"at": round(self._head_s, 6)},
            *([at, text_tree(text)] for at, text in chunks),
        ]

    def texts(self) -> Iterator[str]:
        """The strings of the request and of the answer."""
        body = self.sent.tree().get("body")
        if isinstance(body, str):
            yield from strings(body)
        yield from self.answer_texts()

    def answer_texts(self) -> Iterator[str]:
        """The strings of the answer, those of a stream put together."""
        return strings("".join(self._texts()[0]))


def begin(
    generation: Generation, adapter: str, sent: Sent, *, is_async: bool, name: str = ""
) -> AutomaticCall | None:
    """Begin a step; None where the application wants none of this endpoint.

    Args:
        generation: what :func:`recording` returned.
        adapter: the name of the adapter.
        sent: the request.
        is_async: whether its answer is awaited.
        name: of the step; empty: as its endpoint is called.
    """
    if is_ignored(sent.host, sent.path):
        return None
    name = name or name_of(sent.method, sent.host, sent.path)
    return AutomaticCall(generation, name, adapter, sent, is_async)


class Parts:
    """An answer's chunks on their way to the consumer: iterates, and tells the call."""

    __slots__ = ("_call", "_next")

    def __init__(self, call: AutomaticCall, chunks: Iterator[bytes]) -> None:
        self._call = call
        self._next: Callable[[], bytes] = chunks.__next__

    def __iter__(self) -> Parts:
        return self

    def __next__(self) -> bytes:
        call = self._call
        call.asked()
        try:
            part = self._next()
        except StopIteration:
            call.finished()
            raise
        except BaseException as error:
            call.failed(error)
            raise
        call.given(part)
        return part


class AsyncParts:
    """As :class:`Parts`, where each chunk is awaited."""

    __slots__ = ("_call", "_next")

    def __init__(self, call: AutomaticCall, chunks: AsyncIterator[bytes]) -> None:
        self._call = call
        self._next: Callable[[], Any] = chunks.__anext__

    def __aiter__(self) -> AsyncParts:
        return self

    async def __anext__(self) -> bytes:
        call = self._call
        call.asked()
        try:
            part: bytes = await self._next()
        except StopAsyncIteration:
            call.finished()
            raise
        except BaseException as error:
            call.failed(error)
            raise
        call.given(part)
        return part
