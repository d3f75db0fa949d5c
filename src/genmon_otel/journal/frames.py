"""The format of a frame, and finding intact frames among damaged bytes.

A frame is ``magic | crc32 | length | seq | kind | payload``, little-endian. The
checksum covers everything behind it. The magic begins with a byte that no ASCII
JSON holds, so after damage the next intact frame is found by searching for it.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

MAGIC: Final = b"\xf7GJ1"
_CRC: Final = struct.Struct("<I")
#: Length of the payload, sequence number, kind.
_HEAD: Final = struct.Struct("<IQB")
_CRC_AT: Final = len(MAGIC)
_HEAD_AT: Final = _CRC_AT + _CRC.size
OVERHEAD: Final = _HEAD_AT + _HEAD.size
#: Bytes. Longer payloads are not written; a longer length that is read is damage.
MAX_PAYLOAD: Final = 8 * 2**20


class Kind(IntEnum):
    """What a frame holds. A newer version of the package may write others."""

    #: First frame of a segment: who writes it, for which store.
    HEADER = 1
    #: A finished generation.
    RECORD = 2
    #: Inputs and step outcomes of a failing generation, redacted.
    RECORDING = 3
    #: A generation that is still running.
    RUNNING = 4
    #: A generation noted as running that ended, where its record itself could not be noted.
    ENDED = 5


@dataclass(frozen=True, slots=True)
class Frame:
    """One intact frame. ``kind`` is an ``int`` because a newer writer may know more kinds."""

    seq: int
    kind: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class Scan:
    """What was found in a stretch of bytes."""

    frames: tuple[Frame, ...]
    #: Bytes that need not be read again; behind them a frame may begin whose end was not read yet.
    consumed: int
    #: Bytes that belong to no intact frame.
    skipped: int
    #: Whether some of these are the last ones: a frame was cut off.
    is_cut_off: bool = False


def pack(seq: int, kind: int, payload: bytes) -> bytes:
    """Return the bytes of one frame."""
    body = _HEAD.pack(len(payload), seq, kind) + payload
    return MAGIC + _CRC.pack(zlib.crc32(body)) + body


def scan(data: bytes, *, final: bool = True) -> Scan:
    """Find every intact frame; damage is skipped and counted, never an error.

    Args:
        data: bytes of a segment.
        final: whether nothing follows. If something does, an unfinished frame at
            the end is left unconsumed rather than skipped.
    """
    frames: list[Frame] = []
    at = skipped = 0
    while True:
        found = data.find(MAGIC, at)
        if found < 0:
            rest = len(data) - at
            unread = 0 if final else _partial_magic(data, at)
            skipped += rest - unread
            return Scan(tuple(frames), len(data) - unread, skipped, rest > unread)
        skipped += found - at
        at = found
        end = _end(data, at)
        if end is not None and end > len(data) and not final:
            return Scan(tuple(frames), at, skipped)
        if end is None or end > len(data) or not _is_intact(data, at, end):
            at += 1  # not a frame, or a damaged one: search on behind this magic
            skipped += 1
            continue
        _, seq, kind = _HEAD.unpack_from(data, at + _HEAD_AT)
        frames.append(Frame(seq, kind, data[at + OVERHEAD : end]))
        at = end


def _end(data: bytes, at: int) -> int | None:
    """Return where the frame at ``at`` should end; None when its length is impossible."""
    if at + OVERHEAD > len(data):
        return at + OVERHEAD
    length = int(_HEAD.unpack_from(data, at + _HEAD_AT)[0])
    return at + OVERHEAD + length if length <= MAX_PAYLOAD else None


def _is_intact(data: bytes, at: int, end: int) -> bool:
    (crc,) = _CRC.unpack_from(data, at + _CRC_AT)
    return bool(zlib.crc32(memoryview(data)[at + _HEAD_AT : end]) == crc)


def _partial_magic(data: bytes, at: int) -> int:
    """Return how many of the last bytes may be the beginning of a magic."""
    return next(
        (size for size in range(len(MAGIC) - 1, 0, -1) if data[at:].endswith(MAGIC[:size])), 0
    )
