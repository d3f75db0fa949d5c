"""Request and answer of an automatic step, as far as they are known at one moment."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from itertools import accumulate, takewhile
from typing import Any, Final, NamedTuple

from genmon_otel.bodies import strings
from genmon_otel.capture.wire import (
    DATA,
    FRAMED,
    REPACKED,
    BodyDigest,
    Headers,
    NoText,
    Sent,
    decoded,
    kept_headers,
    opaque_body,
    text_tree,
)
from genmon_otel.recorder.stage import MAX_CHUNKS
from genmon_otel.records import StepKind, Tree

#: Bytes at a stream's end that are searched for an event that reports an error.
_END_BYTES: Final = 1 << 16


class StatusFault(Exception):
    """A fault status as an exception, so that it is classified like a client library's error."""

    def __init__(self, adapter: str, status: int, body: Any) -> None:
        super().__init__(f"{'exit code' if adapter == 'program' else 'HTTP'} {status}")
        if adapter != "program":
            self.status_code = status
            self.body = body


class ExchangeRequest:
    """The request of an exchange, read from ``sent``; shared by calls and programs."""

    __slots__ = ()
    sent: Sent

    @property
    def number(self) -> int:
        """The number of the attempt in its generation."""
        return self.sent.number

    def request(self, places: Mapping[int, int] | None = None) -> Tree:
        """Return the tree of the request."""
        return self.sent.tree(places)

    def request_texts(self) -> Iterator[str]:
        """Return the strings of the request."""
        body = self.sent.tree().get("body")
        return strings(body) if isinstance(body, str) else iter(())


class _Fields(NamedTuple):
    """A tuple: each call makes one, and a frozen dataclass takes six times as long."""

    adapter: str
    site: str
    call: int
    frames: tuple[int, ...]
    sent: Sent
    status: int | None
    is_fault_status: bool
    #: As the library has them.
    headers: Headers
    content_type: str
    encoding: str
    #: When the call began; seconds until the head of the answer was there.
    began: float
    head_s: float
    #: Bytes of the answer.
    size: int
    #: Of an answer that was too large, in hex; empty for another.
    sha256: str
    #: Chunks of the answer, each with when it came.
    parts: tuple[tuple[float, bytes], ...]


class Exchanged(ExchangeRequest, _Fields):
    """Request and answer of a call. Implements :class:`genmon_otel.recorder.facts.Exchange`."""

    __slots__ = ()

    def answer_texts(self) -> Iterator[str]:
        """Return the strings of the answer, those of a stream put together."""
        return strings("".join(self.texts()[0]))

    def body(self) -> Any:
        """Return the body where it is JSON; None for another."""
        try:
            return json.loads("".join(self.texts()[0]))
        except (ValueError, RecursionError):
            return None

    def texts(self) -> tuple[list[str], str]:
        """Return the answer's chunks as texts, and why there are none; "" where there are."""
        if self.sha256:
            return [], "size"
        try:
            parts = [data for _, data in self.parts]
            return decoded(parts, self.content_type, self.encoding), ""
        except NoText as why:
            return [], str(why)

    def end(self) -> list[str]:
        """Return the texts of the answer; of a long plain text only its end, because this runs on the caller's thread."""
        if self.encoding or self.content_type.startswith(FRAMED) or self.sha256:
            return self.texts()[0]
        sizes = accumulate(map(len, map(DATA, reversed(self.parts))))
        enough = 1 + len(tuple(takewhile(_END_BYTES.__ge__, sizes)))
        return [b"".join(map(DATA, self.parts[-enough:])).decode("utf-8", "replace")]

    def _kept_headers(self) -> dict[str, str]:
        """The headers that are kept: with the packing where the application itself unpacks."""
        kept = kept_headers(self.headers)
        if self.adapter == "urllib" and self.encoding in REPACKED:
            kept["content-encoding"] = self.encoding
        return kept

    def outcome(self, kind: StepKind) -> Tree:
        """Return the tree of the answer."""
        head: dict[str, Tree] = {"status": self.status, "headers": dict(self._kept_headers())}
        texts, why = self.texts()
        if why:
            if self.sha256:
                body = opaque_body(why, self.size, self.sha256[:32])
            else:
                digest = BodyDigest()
                for _, data in self.parts:
                    digest.update(data)
                body = opaque_body(why, digest.length, digest.hex())
            return head | body if kind == "value" else [head | body]
        if kind == "value":
            return head | {"body": text_tree("".join(texts))}
        times = [round(at - self.began, 6) for at, _ in self.parts]
        if len(texts) > MAX_CHUNKS:  # the rest comes with the last of them
            texts[MAX_CHUNKS - 1 :] = ["".join(texts[MAX_CHUNKS - 1 :])]
        chunks = zip(times, texts, strict=False)
        return [
            head | {"at": round(self.head_s, 6)},
            *([at, text_tree(text)] for at, text in chunks),
        ]
