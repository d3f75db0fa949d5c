"""AWS event streams: taken apart as they come, put together with checksums that botocore accepts."""

from __future__ import annotations

import base64
import json
from itertools import pairwise
from typing import Any

import pytest
from botocore.eventstream import EventStreamBuffer
from hypothesis import given
from hypothesis import strategies as st
from integration.capture_server import frame

from genmon_otel.capture.event_stream import BadFrame, Frames, framed
from genmon_otel.redaction import Redactor
from genmon_otel.redaction.bodies import redact_chunks

SECRET = "sk-proj-abcdefghijklmnopqrstuvwxyz0123456789"


def events(data: bytes) -> list[tuple[dict[str, Any], bytes]]:
    """What botocore reads."""
    buffer = EventStreamBuffer()
    buffer.add_data(data)
    return [(event.headers, event.payload) for event in buffer]


def delta(text: str) -> bytes:
    payload = {"contentBlockIndex": 0, "delta": {"text": text}, "p": "abc"}
    return frame(
        json.dumps(payload, separators=(",", ":"), ensure_ascii=False).encode(),
        event_type="contentBlockDelta", content_type="application/json", message_type="event",
    )  # fmt: skip


@given(
    texts=st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=20), max_size=5),
    cuts=st.lists(st.integers(0, 400), max_size=6),
)
def test_any_stream_survives_however_it_is_cut(texts: list[str], cuts: list[int]) -> None:
    """Whatever the chunks, the lines are those of the whole, and botocore reads the same events."""
    stream = b"".join(map(delta, texts))
    places = sorted({0, len(stream), *(min(cut, len(stream)) for cut in cuts)})
    frames = Frames()
    lines = [frames.lines(stream[a:b]) for a, b in pairwise(places)]
    assert "".join(lines) == Frames().lines(stream)
    assert events(b"".join(map(framed, lines))) == events(stream)


@pytest.mark.parametrize(
    "payload",
    [b"", b"plain", b"\xff\x00", b"[1]", b'{"bytes":"not base64"}',
     json.dumps({"bytes": base64.b64encode(b'{"a":"b"}').decode()}, separators=(",", ":")).encode()],
)  # fmt: skip
def test_any_payload_survives(payload: bytes) -> None:
    """Text, bytes, a model's JSON in base64: what botocore reads is the same."""
    stream = frame(payload, event_type="chunk")
    assert events(framed(Frames().lines(stream))) == events(stream)


def test_other_headers_survive() -> None:
    """Headers that are no text are kept by type and value."""
    stream = frame(b"{}", event_type="x")
    line = json.loads(Frames().lines(stream))
    line["headers"] |= {
        "a": {"type": 4, "hex": "00000007"}, "b": {"type": 0, "hex": ""}, "c": {"type": 6, "hex": "ff00"},
    }  # fmt: skip
    data = framed(json.dumps(line))
    ((headers, _),) = events(data)
    assert (headers["a"], headers["b"], headers["c"]) == (7, True, b"\xff\x00")
    assert framed(Frames().lines(data)) == data


@pytest.mark.parametrize("packed", [False, True])
def test_a_secret_that_comes_piece_by_piece_is_hidden(packed: bool) -> None:
    """Also where a model's JSON is base64; the frames stay valid."""
    pieces = [SECRET[at : at + 7] for at in range(0, len(SECRET), 7)]
    if packed:
        inner = [json.dumps({"completion": piece}).encode() for piece in pieces]
        stream = [
            frame(json.dumps({"bytes": base64.b64encode(x).decode()}).encode(), event_type="chunk")
            for x in inner
        ]
    else:
        stream = [delta(piece) for piece in pieces]
    frames = Frames()
    redacted = redact_chunks([frames.lines(part) for part in stream], Redactor())
    read = events(b"".join(map(framed, redacted)))
    assert len(read) == len(pieces)
    payloads = [json.loads(payload) for _, payload in read]
    if packed:
        texts = [json.loads(base64.b64decode(p["bytes"]))["completion"] for p in payloads]
    else:
        texts = [p["delta"]["text"] for p in payloads]
    assert SECRET[8:20] not in "".join(texts)
    assert "redacted" in "".join(texts).lower()


@pytest.mark.parametrize("at", [0, 9, 20, -1])
def test_damage_is_noticed(at: int) -> None:
    """A byte that changed makes it no event stream; a tail that is missing only ends it early."""
    stream = bytearray(delta("a") + delta("b"))
    assert Frames().lines(bytes(stream[:-5])).count("\n") == 1
    stream[at] ^= 1
    with pytest.raises(BadFrame):
        Frames().lines(bytes(stream))
