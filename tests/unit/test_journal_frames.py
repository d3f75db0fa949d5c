"""Frames: whatever happens to the bytes, intact frames come back and nothing is invented."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genmon_otel.journal.frames import MAGIC, OVERHEAD, Frame, pack, scan

FRAMES = st.lists(
    st.builds(
        Frame,
        seq=st.integers(0, 2**64 - 1),
        kind=st.integers(0, 255),
        # Payloads of bytes, magics included: harsher than the ASCII JSON they are.
        payload=st.binary(max_size=60) | st.just(MAGIC * 3) | st.just(pack(7, 2, b"inner")),
    ),
    max_size=6,
)


def packed(frames: list[Frame]) -> bytes:
    return b"".join(pack(frame.seq, frame.kind, frame.payload) for frame in frames)


@given(FRAMES)
def test_what_is_packed_is_found(frames: list[Frame]) -> None:
    """Every frame of an undamaged segment comes back, in order, nothing skipped."""
    data = packed(frames)
    found = scan(data)
    assert (list(found.frames), found.consumed, found.skipped) == (frames, len(data), 0)


@given(FRAMES, st.data())
def test_any_prefix(frames: list[Frame], data: st.DataObject) -> None:
    """A torn end loses the torn frame only; more bytes may still complete it."""
    whole = packed(frames)
    cut = data.draw(st.integers(0, len(whole)))
    intact, size = 0, 0
    for frame in frames:
        if size + OVERHEAD + len(frame.payload) > cut:
            break
        size += OVERHEAD + len(frame.payload)
        intact += 1
    live = scan(whole[:cut], final=False)
    assert list(live.frames) == frames[:intact]
    rest = scan(whole[live.consumed :])
    assert [*live.frames, *rest.frames] == frames


@given(
    st.lists(st.binary(max_size=60).map(lambda text: text.hex().encode()), min_size=1, max_size=6),
    st.data(),
)
def test_any_flipped_byte(payloads: list[bytes], data: st.DataObject) -> None:
    """A damaged byte loses the frame it is in, no other, and makes up none."""
    frames = [Frame(seq, 2, payload) for seq, payload in enumerate(payloads)]
    whole = bytearray(packed(frames))
    at = data.draw(st.integers(0, len(whole) - 1))
    whole[at] ^= data.draw(st.integers(1, 255))
    ends, size = [], 0
    for frame in frames:
        size += OVERHEAD + len(frame.payload)
        ends.append(size)
    hit = next(number for number, end in enumerate(ends) if at < end)
    found = scan(bytes(whole))
    assert list(found.frames) == frames[:hit] + frames[hit + 1 :]
    assert found.consumed == len(whole)
    assert found.skipped == OVERHEAD + len(frames[hit].payload)


@given(FRAMES, st.binary(max_size=80), st.data())
def test_foreign_bytes_in_between(frames: list[Frame], noise: bytes, data: st.DataObject) -> None:
    """Bytes of no frame are skipped; the frames around them come back."""
    where = data.draw(st.integers(0, len(frames)))
    found = scan(packed(frames[:where]) + noise + packed(frames[where:]))
    assert [f for f in found.frames if f in frames] == frames


@given(st.binary(max_size=400))
def test_any_bytes(data: bytes) -> None:
    """No bytes whatever break the parser, and it always gets to their end."""
    found = scan(data)
    assert found.consumed == len(data)
    assert sum(OVERHEAD + len(f.payload) for f in found.frames) + found.skipped == len(data)


@pytest.mark.parametrize("length", [2**32 - 1, 2**31, 8 * 2**20 + 1])
def test_an_impossible_length_does_not_hide_what_follows(length: int) -> None:
    """A length beyond any frame is damage at once: nobody waits for gigabytes."""
    bad = bytearray(pack(1, 2, b"{}"))
    bad[8:12] = (length).to_bytes(4, "little")
    found = scan(bytes(bad) + pack(2, 2, b"{}"), final=False)
    assert [frame.seq for frame in found.frames] == [2]
