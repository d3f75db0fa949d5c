"""Answer the automatic steps of a replay: choose the recorded answer and serve it chunk by chunk."""

from __future__ import annotations

import asyncio
import http.client
import json
import threading
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final, NoReturn, Protocol

from genmon_otel.capture.endpoints import is_credentials, is_telemetry
from genmon_otel.capture.mcp_setup import setup_body
from genmon_otel.capture.wire import encoded
from genmon_otel.errors import PayloadError
from genmon_otel.exchanges import Keys, is_fault_status, keys_of, redacted_request
from genmon_otel.payload import Opaque, decode, decode_exception
from genmon_otel.ports import ProgramStart
from genmon_otel.records import StepRecord, Tree
from genmon_otel.redaction import Redactor
from genmon_otel.regression.cases.case import Case
from genmon_otel.regression.judging.extra_answers import ExtraAnswers, remedy_for
from genmon_otel.regression.judging.matching import Matching
from genmon_otel.regression.judging.observation import Reason
from genmon_otel.regression.replaying import model_answers
from genmon_otel.regression.replaying.program_files import digest_of
from genmon_otel.regression.replaying.virtual_time import VirtualTime

#: Answer to requests for credentials; it contains no real ones.
_CREDENTIALS: Final = {
    "access_token": "genmon-replay-no-key",
    "token_type": "Bearer",
    "expires_in": 86_400,
    "scope": "",
}
_JSON: Final = {"content-type": "application/json"}
#: Seconds between chunks that came at once.
_AT_ONCE_S: Final = 0.001


class Player(Protocol):
    """The part of a replay's player that this module uses: its clock and its notes."""

    clock: VirtualTime
    notes: list[str]
    extra: ExtraAnswers
    #: A stream was read further than its consumer had read when it was recorded.
    read_on: bool

    def check_open(self) -> None: ...

    def note_asked(self, name: str) -> None: ...

    def refuse(self, reason: Reason, detail: str) -> NoReturn: ...

    def serve(self, record: StepRecord, otherwise: Tree, keys: Keys, files: str = "") -> None: ...

    def met(self, record: StepRecord) -> None: ...

    def was_cut_short(self, record: StepRecord) -> bool: ...

    def until_over(self) -> float: ...

    def delay(self, record: StepRecord) -> float: ...

    def is_at_once(self, record: StepRecord) -> bool: ...

    def outcome(self, record: StepRecord) -> Any: ...

    def hang(self, record: StepRecord) -> None: ...

    async def hang_async(self, record: StepRecord) -> None: ...


class Answers:
    """Serves the automatic steps of a case, in the recorded form and at the recorded times.

    Args:
        player: serves the case's other steps; has the clock and the notes of the run.
        case: what is replayed.
        redactor: makes requests comparable with recorded ones.
        left: by their index the steps that were not asked for yet.
    """

    def __init__(
        self, player: Player, case: Case, redactor: Redactor, left: dict[int, StepRecord]
    ) -> None:
        self._player = player
        self._case = case
        self._redactor = redactor
        self._matching = Matching(case, redactor, left)
        self._lock = threading.Lock()

    def serve(
        self,
        name: str,
        adapter: str,
        site: str,
        request: Mapping[str, Any],
        program: ProgramStart | None,
    ) -> ReplayedAnswer:
        """Return the recorded answer to a request made in plain code, or raise what was raised."""
        player = self._player
        record = self._choose(name, adapter, site, request, program)
        if record.kind == "hang" and player.was_cut_short(record):
            player.clock.sleep(player.until_over())
            record = self._instead_of(record)
        elif record.kind == "hang":
            player.met(record)
            player.hang(record)
        found = self._rebuilt(record)
        player.clock.sleep(self._until_head(record, found))
        return player.outcome(record) if found is None else found.with_head_given()

    async def serve_async(
        self,
        name: str,
        adapter: str,
        site: str,
        request: Mapping[str, Any],
        program: ProgramStart | None,
    ) -> ReplayedAnswer:
        """As :meth:`serve`, in a task."""
        player = self._player
        record = self._choose(name, adapter, site, request, program)
        if record.kind == "hang" and player.was_cut_short(record):
            await asyncio.sleep(player.until_over())
            record = self._instead_of(record)
        elif record.kind == "hang":
            player.met(record)
            await player.hang_async(record)
        found = self._rebuilt(record)
        if not player.is_at_once(record):
            await asyncio.sleep(self._until_head(record, found))
        return player.outcome(record) if found is None else found.with_head_given()

    def _choose(
        self,
        name: str,
        adapter: str,
        site: str,
        request: Mapping[str, Any],
        program: ProgramStart | None,
    ) -> StepRecord:
        if (own := unrecorded(request)) is not None:
            return own
        self._player.check_open()
        files = digest_of(program) if program is not None else ""
        with self._lock:
            self._player.note_asked(name)
            record, keys, is_other = self._matching.choose(request, site)
            if program is not None and program.is_fed:
                files = self._player.extra.with_answers_so_far(files)
            if record is None:
                return self._extra_answer(name, adapter, keys, site, request, files=files)
            self._player.extra.note_files(record, files)
            self._player.serve(record, request if is_other else None, keys, files)
            return record

    def _extra_answer(
        self,
        name: str,
        adapter: str,
        keys: Keys,
        site: str,
        request: Mapping[str, Any],
        *,
        files: str = "",
    ) -> StepRecord:
        """Find what to serve where the failing generation recorded nothing more."""
        player = self._player
        redacted = redacted_request(request, self._redactor)
        found = player.extra.find(name, site, keys, redacted, automatic=True, files=files)
        if found is not None:
            record, note = found
            player.notes += [f"{name}: {note}"] if note else []
            player.serve(record, None, keys, files)
            return record if record.adapter else self._reviewers(record, adapter, redacted)
        if (body := setup_body(request)) is not None:
            return _by_itself(body)
        place = f" from {site}" if site else ""
        if adapter == "program":
            player.refuse(
                "subprocess",
                f"The code tried to run a program{place}: {name}, and no such run was recorded.",
            )
        player.refuse(
            "unrecorded",
            f"{name} ({redacted.get('method')} {redacted.get('path')}) was asked{place}, and no such "
            "call was recorded. "
            f"{remedy_for(self._case, name)}",
        )

    def _reviewers(
        self, record: StepRecord, adapter: str, request: Mapping[str, Any]
    ) -> StepRecord:
        """A reviewer's outcome as an answer to the request."""
        value = decode(record.outcome)
        if adapter == "program":
            return record
        try:
            content_type, body = model_answers.answer(request, record.name, value)
        except PayloadError as problem:
            self._player.refuse("payload", str(problem))
        outcome: Tree = {"status": 200, "headers": {"content-type": content_type}, "body": body}
        return replace(record, outcome=outcome, adapter=adapter)

    def _instead_of(self, record: StepRecord) -> StepRecord:
        with self._lock:
            keys = keys_of(record.arguments)
            return self._extra_answer(
                record.name, record.adapter, keys, record.site, record.arguments
            )

    def _rebuilt(self, record: StepRecord) -> ReplayedAnswer | None:
        """The answer that a record holds; None where it holds an exception."""
        if record.kind == "exception":
            return None
        try:
            error = None if record.stream_error is None else decode_exception(record.stream_error)
            return ReplayedAnswer(self._player, record, error)
        except (PayloadError, AssertionError, TypeError, ValueError) as problem:
            self._player.refuse("payload", f"Step {record.name!r}: {problem}")

    def _until_head(self, record: StepRecord, answer: ReplayedAnswer | None) -> float:
        """Seconds until the head of an answer comes: where its chunks have times, its own."""
        if answer is not None and answer.head_s is not None:
            return answer.head_s
        return self._player.delay(record)


class ReplayedAnswer:
    """A recorded answer. Implements :class:`genmon_otel.ports.Answer`."""

    def __init__(self, player: Player, record: StepRecord, error: BaseException | None) -> None:
        self._player = player
        self._record = record
        self._error = error
        self._began = player.clock.monotonic()
        head, self._chunks = _laid_out(record)
        status = head.get("status")
        self.status = status if type(status) is int else 200
        headers = decode(head.get("headers")) or {}
        self.headers: dict[str, str] = {str(k): str(v) for k, v in headers.items()}
        self.head = head if record.adapter else {"body": self._chunks[0][1]}
        self.took_s = max(0.0, (record.ended_s or record.started_s) - record.started_s)
        self.reason = http.client.responses.get(self.status, "")
        self.is_stream = record.kind == "stream"
        #: Seconds after which its head comes; None: as the step's own delay says.
        self.head_s: float | None = head.get("at")
        if any(isinstance(text, Opaque) for _, text in self._chunks):
            why = head.get("body") or {}
            reason = why.get("why") if isinstance(why, Mapping) else "payload"
            player.refuse(
                "size" if reason == "size" else "payload",
                f"The answer of step {record.name!r} ({self.headers.get('content-type', '?')}, "
                f"{head.get('length', '?')} bytes) was not kept: {reason}. Decorate the function "
                "that asks for it with @step, and return only what is needed.",
            )
        self._correct_length()

    def _correct_length(self) -> None:
        """Correct the length in the headers: the body was kept unpacked, and redaction may have changed it."""
        if self._error is not None or self.is_stream or "content-encoding" in self.headers:
            self.headers.pop("content-length", None)
        elif "content-length" in self.headers and self._chunks:
            size = sum(len(self._bytes(text)) for _, text in self._chunks)
            self.headers["content-length"] = str(size)

    def with_head_given(self) -> ReplayedAnswer:
        """Note that the head is given, which is all that many read of a fault."""
        if is_fault_status(self._record.adapter, self.status):
            self._player.met(self._record)
        return self

    def parts(self) -> Iterator[bytes]:
        """The body, chunk by chunk."""
        record, player = self._record, self._player
        for at, text in self._chunks:
            player.clock.sleep(self._wait(at))
            self._given(text is self._chunks[-1][1])
            yield self._bytes(text)
        if self._ended():
            return
        if self._error is not None:
            player.clock.sleep(self._rest())
            raise self._error
        player.hang(record)

    async def parts_async(self) -> AsyncIterator[bytes]:
        """As :meth:`parts`, for a task."""
        record, player = self._record, self._player
        for at, text in self._chunks:
            if wait := self._wait(at):
                await asyncio.sleep(wait)
            self._given(text is self._chunks[-1][1])
            yield self._bytes(text)
        if self._ended():
            return
        if self._error is not None:
            await asyncio.sleep(self._rest())
            raise self._error
        await player.hang_async(record)

    def _bytes(self, text: str) -> bytes:
        return encoded(text, self.headers.get("content-type", ""))

    def _wait(self, at: float) -> float:
        return max(0.0, self._began + at - self._player.clock.monotonic())

    def _rest(self) -> float:
        record = self._record
        took = record.ended_s - record.started_s if record.ended_s is not None else 0.0
        return self._wait(took)

    def _given(self, is_last: bool) -> None:
        """Note that a chunk was given; the last one of a complete stream meets the trigger."""
        if is_last and self._error is None and self._record.ended_s is not None:
            self._player.met(self._record)

    def _ended(self) -> bool:
        """Whether the body is complete, now that all chunks were given."""
        self._player.met(self._record)
        if self._record.cut:
            self._player.read_on = True
        return self._error is None and self._record.ended_s is not None


def _laid_out(record: StepRecord) -> tuple[Mapping[str, Any], list[tuple[float, Any]]]:
    """The head of a recorded answer, and its chunks with the seconds after which each came."""
    outcome = record.outcome
    if not record.adapter:  # a reviewer's: what the body is
        value = decode(outcome)
        text = value if isinstance(value, str) else json.dumps(value)
        return {"status": 200, "headers": _JSON}, [(0.0, text)]
    if record.kind == "stream" and isinstance(outcome, list) and outcome:
        head = outcome[0]
        if "body" in head:
            return head, [(0.0, decode(head["body"]))]
        return head, list(_together((float(at), decode(text)) for at, text in outcome[1:]))
    assert isinstance(outcome, Mapping)
    body = decode(outcome.get("body"))
    return outcome, [(0.0, body)] if body else []


def _together(chunks: Iterable[tuple[float, Any]]) -> Iterator[tuple[float, Any]]:
    """Give chunks that arrived together the time of the first one: their consumer may read them as one."""
    first = -_AT_ONCE_S
    for at, text in chunks:
        if at - first >= _AT_ONCE_S:
            first = at
        yield first, text


def unrecorded(request: Mapping[str, Any]) -> StepRecord | None:
    """Return what is answered where a request asks for credentials or sends telemetry: neither is a step."""
    host, path = str(request.get("host", "")), str(request.get("path", ""))
    if is_credentials(host, path):
        return _by_itself(json.dumps(_CREDENTIALS))
    return _by_itself("{}") if is_telemetry(host, path) else None


def _by_itself(body: str) -> StepRecord:
    """What a replay answers without a recording."""
    outcome: Tree = {"status": 200, "headers": _JSON, "body": body}
    return StepRecord("set-up", {}, "value", outcome, ended_s=0.0, adapter="replay")
