"""AWS event streams as lines of JSON, one a frame, and back with checksums anew.

A line is ``{"headers": {...}, "payload": ...}``: so what knows lines of JSON (redaction, texts of an
answer, tokens) knows these streams. Source: the AWS SDKs' "Amazon event stream encoding".
"""

from __future__ import annotations

import base64
import binascii
import json
import struct
import zlib
from collections.abc import Iterator
from typing import Any, Final

from genmon_otel.bodies import dumps

#: Lengths of a frame and of its headers, and their checksum.
_PRELUDE: Final = struct.Struct("!III")
_CHECKSUM: Final = struct.Struct("!I")
#: Bytes of the values of headers, by type; of 6 and 7 their length comes first.
_SIZES: Final = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}
_BYTES: Final = 6
_TEXT: Final = 7
#: Bedrock's streams of invoke carry a model's own JSON as base64 below this key.
_PACKED: Final = "bytes"


class BadFrame(Exception):
    """The bytes are no event stream."""


class Frames:
    """Takes an event stream apart as it comes."""

    def __init__(self) -> None:
        self._rest = b""

    def lines(self, data: bytes) -> str:
        """Return the frames that end in these bytes, a line each.

        Raises:
            BadFrame: it is no event stream, or a checksum is wrong.
        """
        self._rest += data
        return "".join(map(_line, self._frames()))

    def _frames(self) -> Iterator[bytes]:
        data, at = self._rest, 0
        while len(data) - at >= _PRELUDE.size:
            total, headers, checksum = _PRELUDE.unpack_from(data, at)
            if zlib.crc32(data[at : at + 8]) != checksum or total < headers + 16:
                raise BadFrame
            if len(data) - at < total:
                break
            frame = data[at : at + total]
            if zlib.crc32(frame[:-4]) != _CHECKSUM.unpack(frame[-4:])[0]:
                raise BadFrame
            at += total
            yield frame
        self._rest = data[at:]


def framed(lines: str) -> bytes:
    """Return the frames that :meth:`Frames.lines` made lines of, or of redacted lines."""
    return b"".join(_frame(json.loads(line)) for line in lines.split("\n") if line.strip())


def _line(frame: bytes) -> str:
    _, length, _ = _PRELUDE.unpack_from(frame)
    end = _PRELUDE.size + length
    headers = dict(_headers(frame[_PRELUDE.size : end]))
    return dumps({"headers": headers, **_payload(frame[end:-4])}) + "\n"


def _headers(data: bytes) -> Iterator[tuple[str, Any]]:
    at = 0
    try:
        while at < len(data):
            name = data[at + 1 : at + 1 + data[at]].decode()
            at += 1 + data[at]
            kind = data[at]
            at += 1
            if kind in (_BYTES, _TEXT):
                size = int.from_bytes(data[at : at + 2], "big")
                at += 2
            else:
                size = _SIZES[kind]
            value, at = data[at : at + size], at + size
            yield name, value.decode() if kind == _TEXT else {"type": kind, "hex": value.hex()}
    except (IndexError, KeyError, UnicodeError):
        raise BadFrame from None


def _payload(data: bytes) -> dict[str, Any]:
    """The payload of a frame under a name that says how it is written."""
    try:
        text = data.decode()
    except UnicodeError:
        return {"hex": data.hex()}
    value = _parsed(text)
    if value is None:
        return {"text": text}
    if isinstance(packed := value.get(_PACKED), str):
        try:
            inner = _parsed(base64.b64decode(packed, validate=True).decode())
        except (binascii.Error, UnicodeError):
            inner = None
        if inner is not None:
            return {"packed": value | {_PACKED: inner}}
    return {"payload": value}


def _parsed(text: str) -> dict[str, Any] | None:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _frame(line: dict[str, Any]) -> bytes:
    headers = b"".join(_header(name, value) for name, value in line["headers"].items())
    if "hex" in line:
        payload = bytes.fromhex(line["hex"])
    elif "text" in line:
        payload = line["text"].encode()
    elif "packed" in line:
        inner = base64.b64encode(dumps(line["packed"][_PACKED]).encode()).decode()
        payload = dumps(line["packed"] | {_PACKED: inner}).encode()
    else:
        payload = dumps(line["payload"]).encode()
    lengths = struct.pack("!II", len(headers) + len(payload) + 16, len(headers))
    frame = lengths + _CHECKSUM.pack(zlib.crc32(lengths)) + headers + payload
    return frame + _CHECKSUM.pack(zlib.crc32(frame))


def _header(name: str, value: Any) -> bytes:
    head = bytes([len(name.encode())]) + name.encode()
    if isinstance(value, str):
        data = value.encode()
        return head + bytes([_TEXT]) + len(data).to_bytes(2, "big") + data
    data = bytes.fromhex(value["hex"])
    size = len(data).to_bytes(2, "big") if value["type"] == _BYTES else b""
    return head + bytes([value["type"]]) + size + data
