"""The journal on a real folder: written, held, rotated, deleted; never an error."""

from __future__ import annotations

import os
import shutil
import stat
import threading
from pathlib import Path

import pytest

from genmon_otel.journal import Journal, default_journal_dir, forget, store_identity
from genmon_otel.journal.frames import Frame, Kind
from genmon_otel.journal.segments import claim, list_producers, read_all, remove_unfinished
from genmon_otel.settings import Settings
from tests.writer_kit import MemoryStore, failure, recording, writer_by_hand

STORE = "0" * 12


def journal(folder: Path, **options: int) -> Journal:
    return Journal(folder, store=STORE, **options)


def seqs(frames: list[Frame]) -> list[int]:
    return [frame.seq for frame in frames if frame.kind != Kind.HEADER]


def test_frames_are_read_back_in_order_across_segments(tmp_path: Path) -> None:
    """Rotation is invisible to the reader, and each frame is given once."""
    it = journal(tmp_path, segment_bytes=500)
    written = [it.append(Kind.RECORD, b'{"n":%d}' % n) for n in range(100)]
    assert written == list(range(1, 101))
    assert len(list(tmp_path.iterdir())) > 3
    assert seqs(it.read(30)) == list(range(1, 31))
    assert seqs(it.read(1000)) == list(range(31, 101))
    assert it.read(1000) == []
    it.append(Kind.RECORD, b"{}")
    assert seqs(it.read(1000)) == [101]


def test_only_the_owner_may_read_it(tmp_path: Path) -> None:
    """Folder 0700, files 0600: failures quote what users typed."""
    it = journal(tmp_path / "deep" / "journal")
    it.append(Kind.RECORD, b"{}")
    (path,) = it.directory.iterdir() if it.directory else ()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_segments_go_once_covered(tmp_path: Path) -> None:
    """What the store holds is deleted, the current segment and what is still needed is not."""
    it = journal(tmp_path, segment_bytes=500)
    for _ in range(100):
        it.append(Kind.RECORD, b'{"some":"thing"}')
    before = len(list(tmp_path.iterdir()))
    assert it.cover(50) == 50
    assert it.pending_records == 50
    it.discard(before=1)
    assert len(list(tmp_path.iterdir())) == before
    it.discard(before=10**6)
    assert 1 < len(list(tmp_path.iterdir())) < before
    assert it.waiting_bytes == sum(path.stat().st_size for path in tmp_path.iterdir())
    it.cover(100)
    it.discard(before=10**6)
    assert len(list(tmp_path.iterdir())) == 1
    assert it.waiting_bytes == 0
    assert it.close() == 0
    assert list(tmp_path.iterdir()) == []


def test_closing_leaves_what_waits(tmp_path: Path) -> None:
    """An uncovered journal stays for an adopter; what comes later has a new producer."""
    it = journal(tmp_path)
    first = it.producer
    it.append(Kind.RECORD, b"{}")
    assert it.close() == 1
    it.append(Kind.RECORD, b"{}")
    assert it.producer != first
    assert set(list_producers(tmp_path, STORE)) == {first, it.producer}
    orphans = claim(list_producers(tmp_path, STORE)[first])
    assert orphans is not None
    assert seqs(list(read_all(orphans[0]))) == [1]


def test_claiming_is_all_or_nothing(tmp_path: Path) -> None:
    """With one segment held by somebody else, none of the others stays claimed."""
    it = journal(tmp_path, segment_bytes=100)
    for _ in range(10):
        it.append(Kind.RECORD, b'{"some":"thing"}')
    paths = list_producers(tmp_path, STORE)[it.producer]
    it.close()
    last = claim(paths[-1:])
    assert last is not None
    assert claim(paths) is None
    last[0].release(delete=False)
    assert claim(paths) is not None


def test_journals_of_other_stores_are_not_listed(tmp_path: Path) -> None:
    """A folder may be shared; a password does not change whose store it is."""
    one, other = store_identity("sqlite:////a.db"), store_identity("sqlite:////b.db")
    assert one != other
    assert store_identity("postgresql://u:x@h/d") == store_identity("postgresql://u:y@h/d")
    Journal(tmp_path, store=one).append(Kind.RECORD, b"{}")
    (tmp_path / "notes.txt").write_text("not ours")
    assert list_producers(tmp_path, other) == {}
    assert len(list_producers(tmp_path, one)) == 1


def test_no_folder_is_no_error(tmp_path: Path) -> None:
    """An unwritable place answers None, is counted, and is tried again later."""
    (tmp_path / "file").write_text("in the way")
    errors: list[str] = []
    it = Journal(tmp_path / "file" / "journal", store=STORE, on_error=errors.append)
    assert [it.append(Kind.RECORD, b"{}") for _ in range(100)] == [None] * 100
    assert errors == ["journal"]
    assert Journal(None, store=STORE).append(Kind.RECORD, b"{}") is None
    (tmp_path / "file").unlink()
    it._retry_at = 0.0
    assert it.append(Kind.RECORD, b"{}") == 1


def test_room_is_bounded_and_shared_out(tmp_path: Path) -> None:
    """Frames that are cheap to lose stop first, so that failures find room."""
    it = journal(tmp_path, max_bytes=2000)
    payload = b'"' + b"x" * 98 + b'"'
    while it.append(Kind.RECORDING, payload, share=0.5) is not None:
        pass
    assert it.append(Kind.RECORD, payload) is not None
    while it.append(Kind.RECORD, payload) is not None:
        pass
    assert 2000 <= sum(path.stat().st_size for path in tmp_path.iterdir()) < 2300
    assert it.append(Kind.RECORD, b"x" * (9 << 20)) is None


def test_threads_get_every_number_once(tmp_path: Path) -> None:
    """Appends from many threads neither tear frames nor repeat a number."""
    it = journal(tmp_path, segment_bytes=20_000)
    got: list[int | None] = []
    threads = [
        threading.Thread(
            target=lambda: got.extend(it.append(Kind.RECORD, b'{"a":1}') for _ in range(500))
        )
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(filter(None, got)) == list(range(1, 4001))
    assert seqs(it.read(10_000)) == list(range(1, 4001))


def test_damage_inside_our_own_journal_is_skipped(tmp_path: Path) -> None:
    """A reader goes on behind a damaged frame; the damage is counted."""
    errors: list[str] = []
    it = Journal(tmp_path, store=STORE, on_error=errors.append)
    for n in range(3):
        it.append(Kind.RECORD, b'{"n":%d}' % n)
    (path,) = tmp_path.iterdir()
    data = path.read_bytes()
    with path.open("r+b") as file:
        file.seek(data.index(b'{"n":1}') + 2)
        file.write(b"!")
    assert seqs(it.read(10)) == [1, 3]
    assert errors == ["journal_damage"]


def test_a_deleted_folder_costs_nothing(tmp_path: Path) -> None:
    """Somebody cleans up under us: what is open goes on, the next segment makes the folder."""
    it = journal(tmp_path / "j", segment_bytes=200)
    it.append(Kind.RECORD, b"{}")
    for path in (tmp_path / "j").iterdir():
        path.unlink()
    (tmp_path / "j").rmdir()
    for _ in range(20):
        assert it.append(Kind.RECORD, b'{"a":1}') is not None
    assert len(seqs(it.read(100))) == 21


def test_a_deleted_folder_is_written_again(tmp_path: Path) -> None:
    """What a process holds of segments that somebody deleted survives it after all."""
    folder, errors = tmp_path / "j", []
    it = Journal(folder, store=STORE, on_error=errors.append, segment_bytes=200)
    for n in range(10):
        it.append(Kind.RECORD, b'{"n":%d}' % n)
    shutil.rmtree(folder)
    it.append(Kind.RECORD, b'{"n":10}')
    it.restore_deleted()
    it.append(Kind.RECORD, b'{"n":11}')
    it.restore_deleted()
    assert errors == ["journal"]
    assert claim(sorted(folder.iterdir())) is None
    assert len(seqs(it.read(100))) == 12
    it.close()
    segments = claim(sorted(folder.iterdir()))
    assert segments is not None
    frames = [frame for segment in segments for frame in read_all(segment)]
    assert [f.payload for f in frames if f.kind == Kind.RECORD] == [
        b'{"n":%d}' % n for n in range(12)
    ]


def test_half_made_segments_are_swept(tmp_path: Path) -> None:
    """What a process left that died while making a segment goes after a minute, not before."""
    old, young = tmp_path / "a.unfinished", tmp_path / "b.unfinished"
    for path in (old, young):
        path.write_bytes(b"")
    os.utime(old, (1, 1))
    remove_unfinished(tmp_path)
    assert list(tmp_path.iterdir()) == [young]


def test_where_the_journal_lies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As set; else beside the SQLite file; else in the state directory."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    given = Settings(store="postgresql://h/d", journal_dir=tmp_path / "here")
    beside = Settings(store=f"sqlite:///{tmp_path}/x/genmon.db")
    neither = Settings(store="postgresql://h/d")
    assert default_journal_dir(given) == tmp_path / "here"
    assert default_journal_dir(beside) == tmp_path / "x" / "journal"
    assert default_journal_dir(neither) == tmp_path / "state" / "genmon" / "journal"


def test_a_person_is_forgotten(tmp_path: Path) -> None:
    """Who and what was asked go, the count stays; other people's frames are untouched."""
    store = MemoryStore()
    writer = writer_by_hand(tmp_path, store)
    theirs, other = failure("a" * 32, user_id="u-1"), failure("b" * 32, user_id="u-2")
    for record in (theirs, other):
        writer.deliver(record, recording(record, f"from {record.user_id}"))
    store.down = True
    writer.turns()
    assert forget(tmp_path, "u-1") == 0  # it runs: its own process brings it to the store
    writer.crash()
    assert forget(tmp_path, "u-1") == 2
    assert forget(tmp_path, "u-1") == 0
    assert b"u-1" not in b"".join(path.read_bytes() for path in tmp_path.iterdir())
    store.down = False
    writer_by_hand(tmp_path, store).drain()
    assert [(r.generation_id, r.user_id, r.user_request) for r in store.records] == [
        ("a" * 32, None, None),
        ("b" * 32, "u-2", None),  # what was asked died with its process
    ]
    assert [r.generation_id for r in store.recordings] == ["b" * 32]


def test_a_person_is_forgotten_among_what_was_put_aside(tmp_path: Path) -> None:
    """The file of refused rows is cleaned, too."""
    store = MemoryStore()
    store.refuse = lambda batch: bool(batch.records)
    writer = writer_by_hand(tmp_path, store)
    for user in ("u-1", "u-2"):
        writer.deliver(failure(user_id=user))
    writer.drain()
    assert forget(tmp_path, "u-1") == 1
    assert "u-1" not in (tmp_path / "refused.jsonl").read_text()
    assert "u-2" in (tmp_path / "refused.jsonl").read_text()
