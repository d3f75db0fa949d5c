"""The writer, turn by turn, over a store that fails on command."""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from genmon_otel.journal import Journal
from genmon_otel.journal.frames import Kind, pack
from genmon_otel.policy import NEW_FAILURES_A_MINUTE, OVERFLOW_FINGERPRINT
from genmon_otel.records import Batch, GenerationRecord, InFlight, Outcome, SuccessSample
from genmon_otel.redaction import Redactor
from genmon_otel.writer import Writer
from genmon_otel.writer.memory_queue import MAX_RECORDS
from genmon_otel.writer.running_notes import RunningNotes
from tests.writer_kit import (
    ByHand,
    CountingMetrics,
    FakeClock,
    MemoryStore,
    failure,
    journals,
    only_once,
    recording,
    running,
    settings_for,
    success,
    writer_by_hand,
)


def test_a_failure_is_in_the_journal_when_deliver_returns(tmp_path: Path) -> None:
    """Before the store knows anything; a success waits in memory."""
    writer = writer_by_hand(tmp_path, MemoryStore())
    writer.deliver(failure("f" * 32))
    writer.deliver(success("5" * 32))
    (path,) = journals(tmp_path)
    assert b"f" * 32 in path.read_bytes()
    assert b"5" * 32 not in path.read_bytes()
    account = writer.account()
    assert (account.delivered, account.journalled, account.in_memory) == (2, 1, 1)
    assert account.balanced


def test_all_reaches_the_store_once_and_whole(tmp_path: Path) -> None:
    """One batch, then the journal is gone with a close; the stack is not the shortened one."""
    store = MemoryStore()
    writer = writer_by_hand(tmp_path, store)
    failed = [failure() for _ in range(5)]
    for record in (*failed, success(), success()):
        writer.deliver(record)
    writer.drain()
    assert len(store.batches) == 1
    assert store.records[:5] == failed
    assert writer.account().stored == 7
    assert writer.account().balanced
    assert writer.close(1)
    assert journals(tmp_path) == []
    assert store.closed


def test_a_lost_answer_is_no_second_count(tmp_path: Path) -> None:
    """The same batch goes again, the store says it was there, everything is counted once."""
    store, clock, metrics = MemoryStore(), FakeClock(), CountingMetrics()
    writer = writer_by_hand(tmp_path, store, clock, metrics)
    store.lose_answers = 1
    for _ in range(3):
        writer.deliver(failure())
        writer.deliver(success())
    writer.drain()
    assert writer.account().stored == 0
    writer.deliver(success())
    clock.advance(60)
    writer.drain()
    assert len(store.ids()) == 7
    assert only_once(store.ids())
    assert metrics.stored == writer.account().stored == 7
    assert metrics.again == 6
    assert writer.account().balanced


@pytest.mark.parametrize("bad", [0, 1, 7, 15])
def test_one_bad_row_never_loses_its_batch(tmp_path: Path, bad: int) -> None:
    """It is found, put aside and counted; the rest is stored, in order."""
    store, metrics = MemoryStore(), CountingMetrics()
    writer = writer_by_hand(tmp_path, store, metrics=metrics)
    records = [failure() if n % 2 else success() for n in range(16)]
    poison = records[bad].generation_id
    store.refuse = lambda batch: any(r.generation_id == poison for r in batch.records)
    for record in records:
        writer.deliver(record)
    writer.drain()
    assert sorted(store.ids()) == sorted(r.generation_id for r in records if r is not records[bad])
    assert metrics.drops == {"refused": 1}
    assert writer.account().balanced
    assert poison in (tmp_path / "refused.jsonl").read_text()
    assert writer.close(1)
    assert journals(tmp_path) == []


def test_a_refused_recording_does_not_take_its_record_along(tmp_path: Path) -> None:
    """The record may be fine without what came with it."""
    store = MemoryStore()
    writer = writer_by_hand(tmp_path, store)
    store.refuse = lambda batch: bool(batch.recordings)
    record = failure()
    writer.deliver(record, recording(record))
    writer.drain()
    assert store.records == [record]
    assert writer.account().dropped == {}
    assert writer.account().balanced


def test_an_unforeseen_error_is_no_end(tmp_path: Path) -> None:
    """A store that raises what it should not: tried again, then taken for poisoned, never fatal."""
    store, clock, metrics = MemoryStore(), FakeClock(), CountingMetrics()
    writer = writer_by_hand(tmp_path, store, clock, metrics)
    store.broken = RuntimeError("surprise")
    record = failure()
    writer.deliver(record)
    writer.turns()
    clock.advance(60)
    writer.turns()
    store.broken = None
    clock.advance(60)
    writer.drain()
    assert store.ids() == [record.generation_id]
    assert metrics.errors["store"] == 2


def test_an_unforeseen_error_is_redacted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Neither the log nor a file next to the journal quotes the secret in a broken store's error."""
    store, clock = MemoryStore(), FakeClock()
    writer = writer_by_hand(tmp_path, store, clock)
    store.broken = RuntimeError("surprise at https://u:hunter2hunter2@h/x")
    writer.deliver(failure())
    for _ in range(6):
        writer.turns()
        clock.advance(60)
    files = [path.read_text("utf-8", "replace") for path in tmp_path.rglob("*") if path.is_file()]
    assert any("surprise at" in text for text in files)
    assert "surprise at" in caplog.text
    assert "hunter2hunter2" not in "".join([*files, caplog.text])


def test_memory_is_bounded_oldest_success_first(tmp_path: Path) -> None:
    """Without journal and store: failures stay, the oldest successes go and are counted."""
    (tmp_path / "j").write_text("in the way")
    store, metrics = MemoryStore(), CountingMetrics()
    store.down = True
    writer = writer_by_hand(tmp_path / "j", store, metrics=metrics)
    failures = [failure() for _ in range(100)]
    for record in failures:
        writer.deliver(record)
    successes = [success() for _ in range(MAX_RECORDS)]
    for record in successes:
        writer.deliver(record)
    account = writer.account()
    assert account.in_memory == MAX_RECORDS
    assert account.dropped == {"memory_full": 100} == metrics.drops
    assert account.balanced
    store.down = False
    writer.retry_at_once()
    writer.drain()
    kept = {r.generation_id for r in (*failures, *successes[100:])}
    assert set(store.ids()) == kept
    assert only_once(store.ids())


def test_a_flood_of_new_failures_ends_in_one_row(tmp_path: Path) -> None:
    """10,000 fingerprints: a hundred get through, the rest is one failure; the next minute is new."""
    store, clock, metrics = MemoryStore(), FakeClock(), CountingMetrics()
    writer = writer_by_hand(tmp_path, store, clock, metrics)
    for n in range(10_000):
        writer.deliver(failure(fingerprint=f"v2:{n:032x}"))
    writer.drain()
    overflow = OVERFLOW_FINGERPRINT + "build_app"
    names = [r.failure.fingerprint for r in store.records if r.failure]
    assert len(names) == 10_000
    assert len(set(names)) == NEW_FAILURES_A_MINUTE + 1
    assert names.count(overflow) == 10_000 - NEW_FAILURES_A_MINUTE
    assert metrics.errors["fingerprint_overflow"] == 10_000 - NEW_FAILURES_A_MINUTE
    writer.deliver(failure(fingerprint=f"v2:{0:032x}"))
    writer.drain()
    assert store.records[-1].failure.fingerprint == f"v2:{0:032x}"  # known: no newcomer
    clock.advance(61)
    writer.deliver(failure(fingerprint="v2:" + "e" * 32))
    writer.drain()
    assert store.records[-1].failure.fingerprint == "v2:" + "e" * 32


def test_recordings_come_with_the_strike_that_makes_the_case(tmp_path: Path) -> None:
    """Even when a burst of failures fills more than one batch before any recording."""
    store = MemoryStore()
    writer = writer_by_hand(tmp_path, store)
    records = [failure() for _ in range(1200)]
    for record in records:
        writer.deliver(record, recording(record))
    writer.drain()
    (fingerprint,) = store.strikes
    assert store.recordings_at_strike[fingerprint] >= 3
    assert all(r.redacted for r in store.recordings)
    assert only_once(r.generation_id for r in store.recordings)
    assert len(store.ids()) == 1200


def test_turns_whose_time_is_up_still_store_all_with_its_recordings(tmp_path: Path) -> None:
    """Each turn makes progress, and a failure takes its recording along though that is still raw."""
    store = MemoryStore()
    writer = writer_by_hand(tmp_path, store)
    writer.limit_turns()
    failures = [failure() for _ in range(60)]
    for record in failures:
        writer.deliver(record, recording(record))
    successes = [success(user_request="a page") for _ in range(120)]
    for record in successes:
        writer.deliver(record)
    writer.drain()
    assert sorted(store.ids()) == sorted(r.generation_id for r in (*failures, *successes))
    assert len(store.batches) > 2
    (fingerprint,) = store.strikes
    assert store.recordings_at_strike[fingerprint] >= 3
    assert only_once(r.generation_id for r in store.recordings)
    assert writer.account().balanced


def test_recordings_of_one_failure_are_enough_at_some_point(tmp_path: Path) -> None:
    """Redacting costs time: nine an hour of one fingerprint, then again."""
    store, clock = MemoryStore(), FakeClock()
    writer = writer_by_hand(tmp_path, store, clock)
    for _ in range(2):
        for _ in range(50):
            record = failure()
            writer.deliver(record, recording(record))
        writer.drain()
        clock.advance(3601)
    assert len(store.recordings) == 18


def test_recordings_are_redacted_before_they_touch_the_disk(tmp_path: Path) -> None:
    """Nor does the request of a success reach the store or the journal unredacted."""
    store = MemoryStore()
    secret = "sk-proj-" + "Ab3" * 16
    writer = writer_by_hand(tmp_path, store)
    record = failure()
    writer.deliver(record, recording(record, f"my key is {secret}"))
    writer.deliver(success(user_request=f"use {secret}"))
    store.down = True
    writer.turns()
    assert secret not in "".join(path.read_text("latin-1") for path in journals(tmp_path))
    store.down = False
    writer.retry_at_once()
    writer.drain()
    assert len(store.recordings) == 1
    assert secret not in repr(store.records) + repr(store.recordings)


def test_samples_arrive_newest_few(tmp_path: Path) -> None:
    """Success samples are redacted and bounded: three an operation a turn."""
    store = MemoryStore()
    writer = writer_by_hand(tmp_path, store)
    for n in range(10):
        record = success()
        sample = SuccessSample(record.generation_id, "build_app", float(n), None, {"type": "dict"})
        writer.deliver(record, None, sample)
    writer.drain()
    assert [sample.ended_at for sample in store.samples] == [7.0, 8.0, 9.0]


def test_strikes_are_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """One line a strike up to the third; the hundredth is no news."""
    caplog.set_level(logging.INFO, "genmon_otel")
    writer = writer_by_hand(tmp_path, MemoryStore())
    for _ in range(10):
        writer.deliver(failure())
    writer.drain()
    lines = [r.message for r in caplog.records if "strike" in r.message]
    assert lines == [f"genmon: F-TEST strike {n} of 3" for n in (1, 2, 3)]


def test_an_idle_writer_prunes_in_steps(tmp_path: Path) -> None:
    """Retention has its turn only when nothing else is to do, and not all the time."""
    store, clock = MemoryStore(), FakeClock()
    writer = writer_by_hand(tmp_path, store, clock)
    writer.deliver(success())
    writer.turns()
    assert store.pruned == 0
    writer.drain()
    writer.turns(5)
    assert store.pruned == 1
    clock.advance(601)
    writer.turns(5)
    assert store.pruned == 2


def test_deliver_never_raises(tmp_path: Path) -> None:
    """Not for records that nobody should deliver; it is counted."""
    metrics = CountingMetrics()
    writer = writer_by_hand(tmp_path, MemoryStore(), metrics=metrics)
    writer.deliver(None)  # type: ignore[arg-type]
    assert metrics.errors["deliver"] == 1


def test_a_finaliser_may_deliver_inside_deliver(tmp_path: Path) -> None:
    """A generation that ends in the middle of another's delivery neither hangs nor is lost."""
    store = MemoryStore()
    writer = writer_by_hand(tmp_path, store)
    journal = writer.journal
    write = journal._write

    def interrupted(*args: object) -> None:
        journal._write = write  # type: ignore[method-assign]
        writer.deliver(failure("b" * 32))
        write(*args)  # type: ignore[arg-type]

    journal._write = interrupted  # type: ignore[method-assign]
    writer.deliver(failure("a" * 32))
    writer.drain()
    assert sorted(store.ids()) == ["a" * 32, "b" * 32]
    assert writer.account().balanced


# --- in flight ------------------------------------------------------------------


def test_what_dies_in_flight_is_a_failure_once(tmp_path: Path) -> None:
    """Naming the last step, critical, at the time of the last sign of life."""
    store, clock, metrics = MemoryStore(), FakeClock(), CountingMetrics()
    writer = writer_by_hand(tmp_path, store, clock)
    writer.watch(
        lambda: [running("d" * 32, clock.now() - 5, "chat"), running("e" * 32, clock.now())]
    )
    writer.turns()
    writer.crash()
    clock.wall = time.time()
    other = writer_by_hand(tmp_path, store, clock, metrics)
    other.drain()
    (dead,) = store.records
    assert dead.generation_id == "d" * 32
    assert dead.outcome is Outcome.FAILURE
    assert dead.failure is not None
    assert (dead.failure.error_type, dead.failure.severity) == ("process_died", "critical")
    assert dead.failure.stage == "chat"
    assert "chat" in dead.failure.error_message
    assert dead.failure.origin == "process_died"
    assert abs(dead.ended_at - clock.wall) < 60
    assert metrics.ends == [dead]
    assert journals(tmp_path) == []
    writer_by_hand(tmp_path, store, clock).drain()
    assert len(store.records) == 1


def test_a_success_that_was_noted_is_no_death(tmp_path: Path) -> None:
    """Its end goes to the journal with its record, so that a kill right after counts it right."""
    store, clock = MemoryStore(), FakeClock()
    writer = writer_by_hand(tmp_path, store, clock)
    flying = [running("d" * 32, clock.now() - 5)]
    writer.watch(lambda: flying)
    writer.turns()
    flying.clear()
    writer.deliver(success("d" * 32))
    assert writer.account().journalled == 1
    writer.crash()
    writer_by_hand(tmp_path, store, clock).drain()
    assert [r.outcome for r in store.records] == [Outcome.SUCCESS]


def test_no_note_follows_its_end(tmp_path: Path) -> None:
    """A generation delivered while the list of running ones is being read is not noted."""
    store, clock = MemoryStore(), FakeClock()
    writer = writer_by_hand(tmp_path, store, clock)

    def racing() -> list[object]:
        writer.deliver(success("d" * 32))
        return [running("d" * 32, clock.now() - 5)]

    writer.watch(racing)  # type: ignore[arg-type]
    writer.turns()
    writer.watch(tuple)
    writer.crash()
    writer_by_hand(tmp_path, store, clock).drain()
    assert [r for r in store.records if r.failure] == []


def test_notes_outlive_the_segments_they_began_in(tmp_path: Path) -> None:
    """A long generation beside thousands of stored failures is still known when it dies."""
    store, clock = MemoryStore(), FakeClock()
    writer = writer_by_hand(tmp_path, store, clock)
    writer.watch(lambda: [running("d" * 32, 1.0)])
    for _ in range(8):
        for _ in range(1000):
            writer.deliver(failure())
        clock.advance(1)
        writer.drain()
    assert len(journals(tmp_path)) <= 2
    writer.crash()
    writer_by_hand(tmp_path, store, clock).drain()
    assert [r.generation_id for r in store.records if r.failure.origin == "process_died"] == [
        "d" * 32
    ]


def test_a_note_that_cannot_be_renewed_keeps_its_segment(tmp_path: Path) -> None:
    """The disk is full for notes: the segment with the only note of a generation stays."""
    store, clock = MemoryStore(), FakeClock()
    writer = writer_by_hand(tmp_path, store, clock)
    writer.watch(lambda: [running("d" * 32, 1.0)])
    writer.turns()
    journal = writer.journal
    append = journal.append
    journal.append = lambda kind, payload, share=1.0: (  # type: ignore[method-assign]
        None if kind == Kind.RUNNING else append(kind, payload, share=share)
    )
    for _ in range(4):
        for _ in range(1500):
            writer.deliver(failure())
        clock.advance(1)
        writer.drain()
    writer.crash()
    writer_by_hand(tmp_path, store, clock).drain()
    assert store.records[-1].generation_id == "d" * 32


def test_the_clock_may_jump(tmp_path: Path) -> None:
    """Back an hour: still noted within two seconds of running; forward: no death of the living."""
    store, clock = MemoryStore(), FakeClock()
    writer = writer_by_hand(tmp_path, store, clock)
    begun = clock.now()
    clock.wall -= 3600
    writer.watch(lambda: [running("d" * 32, begun)])
    for _ in range(3):
        writer.turns()
        clock.advance(1)
    writer.deliver(success())
    writer.drain()
    clock.wall += 7200
    writer.turns()
    assert len(store.records) == 1
    writer.crash()
    writer_by_hand(tmp_path, store, clock).drain()
    dead = store.records[-1]
    assert dead.generation_id == "d" * 32
    assert dead.duration_s >= 0


def test_an_orderly_end_is_no_death(tmp_path: Path) -> None:
    """Closing makes what is in flight cancelled, and nobody mourns it."""
    store, clock = MemoryStore(), FakeClock()
    writer = writer_by_hand(tmp_path, store, clock)
    writer.watch(lambda: [running("d" * 32, clock.now() - 5)])
    writer.turns()
    store.down = True
    writer.close(0)
    store.down = False
    writer_by_hand(tmp_path, store, clock).drain()
    assert [(r.generation_id, r.outcome) for r in store.records] == [("d" * 32, Outcome.CANCELLED)]


@pytest.mark.parametrize("end", [success, failure])
@pytest.mark.parametrize("up", [True, False])
@pytest.mark.parametrize("noted", [True, False])
def test_what_close_cancelled_is_told_once(
    tmp_path: Path, end: Callable[[str], GenerationRecord], up: bool, noted: bool
) -> None:
    """A generation that was running at close and ends after it does not count a second time."""
    store, clock = MemoryStore(), FakeClock()
    writer = writer_by_hand(tmp_path, store, clock)
    writer.watch(lambda: [running("d" * 32, clock.now() - (5 if noted else 0))])
    writer.turns()
    store.down = not up
    writer.close(0)
    writer.watch(list)
    writer.deliver(end("d" * 32))
    writer.deliver(end("e" * 32))
    account = writer.account()
    assert account.delivered == 2
    assert account.balanced
    writer.close(0)
    store.down = False
    writer_by_hand(tmp_path, store, clock).drain()
    assert sorted(store.ids()) == ["d" * 32, "e" * 32]
    outcomes = {record.generation_id: record.outcome for record in store.records}
    assert outcomes["d" * 32] is Outcome.CANCELLED


def test_what_ends_while_close_looks_is_told_once(tmp_path: Path) -> None:
    """By itself if it ended before it could see that close cancels it, else by close."""
    for ends_itself in (True, False):
        notes = RunningNotes(Journal(tmp_path, store="0" * 12))
        looks = iter([[running("d" * 32, 0.0)], []])

        def look(
            notes: RunningNotes = notes, looks: Any = looks, sees: bool = not ends_itself
        ) -> list[InFlight]:
            found: list[InFlight] = next(looks)
            if not found and sees:
                assert notes.was_cancelled("d" * 32)
            return found

        cancelled = [note.generation_id for note, _ in notes.cancel(look)]
        assert cancelled == ([] if ends_itself else ["d" * 32])
        assert not notes.was_cancelled("d" * 32)


def test_no_note_follows_what_close_told(tmp_path: Path) -> None:
    """What close has cancelled runs on while it flushes: its journal would tell of a death."""
    journal = Journal(tmp_path, store="0" * 12)
    notes = RunningNotes(journal)

    def flying() -> list[InFlight]:
        return [running("d" * 32, 0.0)]

    notes.tick(flying, 5.0, 5.0)
    before = journal.last_seq
    assert before
    assert [needs_end for _, needs_end in notes.cancel(flying)] == [True]
    for second in range(6, 10):
        notes.tick(flying, second, second)
    assert journal.last_seq == before


def test_what_is_being_loaded_while_close_looks_is_journalled(tmp_path: Path) -> None:
    """The thread has taken it out of memory, and put it on its way only after the end."""
    store, clock = MemoryStore(), FakeClock()
    writer = writer_by_hand(tmp_path, store, clock)

    def amidst(text: str) -> str:
        batches._redactor = Redactor()
        writer.close(0)
        return text

    batches = writer._process._loop._batches
    batches._redactor = Redactor(amidst)
    for name in "ab":
        writer.deliver(success(name * 32)._replace(user_request="a page"))
    writer.turns()
    account = writer.account()
    assert (account.journalled, account.in_memory) == (2, 0)
    assert account.balanced
    writer.close(0)
    writer_by_hand(tmp_path, store, clock).drain()
    assert sorted(store.ids()) == ["a" * 32, "b" * 32]


def test_what_is_delivered_while_close_runs_is_journalled(tmp_path: Path) -> None:
    """A success that found the writer open, and its memory emptied for good right after."""
    store, clock = MemoryStore(), FakeClock()
    writer = writer_by_hand(tmp_path, store, clock)
    put = writer.queue.put

    def late(record: GenerationRecord, seq: int | None) -> bool:
        writer.close(0)
        return put(record, seq)

    writer.queue.put = late  # type: ignore[method-assign]
    writer.deliver(success("a" * 32))
    assert writer.account().in_memory == 0
    writer.close(0)
    writer_by_hand(tmp_path, store, clock).drain()
    assert store.ids() == ["a" * 32]


# --- adoption -------------------------------------------------------------------


def test_a_dead_process_is_adopted_once(tmp_path: Path) -> None:
    """What it stored is not stored again, what it did not is; racing adopters change nothing."""
    store, clock = MemoryStore(), FakeClock()
    writer = writer_by_hand(tmp_path, store, clock)
    records = [failure() for _ in range(1500)]
    for record in records[:700]:
        writer.deliver(record)
    writer.drain()
    for record in records[700:]:
        writer.deliver(record, recording(record))
    writer.crash()
    heirs = [writer_by_hand(tmp_path, store, clock) for _ in range(3)]
    for _ in range(30):
        for heir in heirs:
            heir.turns()
    assert sorted(store.ids()) == sorted(r.generation_id for r in records)
    assert journals(tmp_path) == []
    assert sum(heir.account().adopted for heir in heirs) == 800
    assert all(heir.account().balanced for heir in heirs)


def test_a_journal_that_was_deleted_under_us(tmp_path: Path) -> None:
    """Somebody cleans up while the store is away; a kill afterwards loses no failure."""
    store, clock, folder = MemoryStore(), FakeClock(), tmp_path / "journal"
    writer = writer_by_hand(folder, store, clock)
    store.down = True
    records = [failure() for _ in range(6)]
    for record in records[:3]:
        writer.deliver(record)
    writer.turns()
    shutil.rmtree(folder)
    writer.deliver(records[3])
    clock.advance(1)
    writer.turns()
    for record in records[4:]:
        writer.deliver(record)
    writer.crash()
    store.down = False
    writer_by_hand(folder, store, clock).drain()
    assert sorted(store.ids()) == sorted(record.generation_id for record in records)
    assert journals(folder) == []


def test_an_adopter_that_dies_is_followed_by_another(tmp_path: Path) -> None:
    """At any batch: whoever comes next goes on where the store is."""
    store, clock = MemoryStore(), FakeClock()
    writer = writer_by_hand(tmp_path, store, clock)
    writer.watch(lambda: [running("d" * 32, 1.0)])
    writer.turns()
    records = [failure() for _ in range(2600)]
    for record in records:
        writer.deliver(record)
    writer.crash()
    for turns in range(1, 8):
        heir = writer_by_hand(tmp_path, store, clock)
        heir.turns(turns)
        heir.crash()
    writer_by_hand(tmp_path, store, clock).drain()
    assert sorted(store.ids()) == sorted([*(r.generation_id for r in records), "d" * 32])
    assert journals(tmp_path) == []


def test_adoption_survives_a_lost_answer(tmp_path: Path) -> None:
    """The adopter's COMMIT may be lost, too."""
    store, clock = MemoryStore(), FakeClock()
    writer = writer_by_hand(tmp_path, store, clock)
    for _ in range(3):
        writer.deliver(failure())
    writer.crash()
    store.lose_answers = 1
    heir = writer_by_hand(tmp_path, store, clock)
    heir.drain()
    heir.crash()
    second = writer_by_hand(tmp_path, store, clock)
    second.drain()
    assert len(store.ids()) == 3
    assert only_once(store.ids())
    assert journals(tmp_path) == []


@pytest.mark.parametrize("arrived", [False, True])
def test_the_exit_with_an_unanswered_batch(tmp_path: Path, arrived: bool) -> None:
    """Successes of a batch whose fate is unknown at exit are stored once, whichever it was."""
    store, clock = MemoryStore(), FakeClock()
    writer = writer_by_hand(tmp_path, store, clock)
    records = [success() for _ in range(5)]
    for record in records:
        writer.deliver(record)
    store.down, store.lose_answers = not arrived, int(arrived)
    writer.turns()
    store.down = True
    writer.deliver(success("9" * 32))
    assert writer.close(0) is False
    account = writer.account()
    assert (account.journalled, account.in_memory) == (6, 0)
    assert account.balanced
    store.down = False
    heir = writer_by_hand(tmp_path, store, clock)
    heir.turns(1)
    heir.crash()
    writer_by_hand(tmp_path, store, clock).drain()
    assert sorted(store.ids()) == sorted([*(r.generation_id for r in records), "9" * 32])
    assert journals(tmp_path) == []


def test_the_exit_before_the_store_was_put_back(tmp_path: Path) -> None:
    """What was unanswered at exit is stored though the store forgot how far the process was."""
    store, clock = MemoryStore(), FakeClock()
    writer = writer_by_hand(tmp_path, store, clock)
    writer.deliver(success())
    writer.drain()
    records = [success() for _ in range(5)]
    for record in records:
        writer.deliver(record)
    store.down = True
    writer.turns()
    assert writer.close(0) is False
    store.down = False
    store.producers.clear()
    store.records.clear()
    writer_by_hand(tmp_path, store, clock).drain()
    assert sorted(store.ids()) == sorted(record.generation_id for record in records)
    assert journals(tmp_path) == []


def test_what_comes_after_the_end_is_journalled(tmp_path: Path) -> None:
    """Deliveries after close are for the next process; none raises."""
    store, clock = MemoryStore(), FakeClock()
    writer = writer_by_hand(tmp_path, store, clock)
    writer.drain()
    assert writer.close(1)
    writer.deliver(failure("a" * 32))
    writer.deliver(success("b" * 32))
    assert writer.account().balanced
    writer.close(1)
    writer_by_hand(tmp_path, store, clock).drain()
    assert sorted(store.ids()) == ["a" * 32, "b" * 32]


def test_a_writer_whose_lock_did_not_hold(tmp_path: Path) -> None:
    """Adopted alive (a file system without locks): every record is still stored once."""
    store, clock = MemoryStore(), FakeClock()
    writer = writer_by_hand(tmp_path, store, clock)
    first = [failure() for _ in range(3)]
    for record in first:
        writer.deliver(record)
    producer = writer.journal.producer
    # Somebody replayed our journal as an adopter would.
    store.write(Batch(producer, 0, 3, records=tuple(first)))
    later = [failure() for _ in range(3)]
    for record in later:
        writer.deliver(record)
    writer.deliver(success("5" * 32))
    writer.drain()
    assert store.ids() == [*(r.generation_id for r in (*first, *later)), "5" * 32]
    assert writer.account().balanced


def test_a_newer_version_is_left_alone_or_kept_aside(tmp_path: Path) -> None:
    """Two versions on one store: unknown frames go to a file, unknown layouts stay."""
    store, clock, metrics = MemoryStore(), FakeClock(), CountingMetrics()
    writer = writer_by_hand(tmp_path, store, clock)
    writer.deliver(failure("a" * 32))
    writer.crash()
    (path,) = journals(tmp_path)
    known = path.read_bytes()
    path.write_bytes(known + pack(2, 77, b'{"generation_id":"x","new":"thing"}'))
    newer = path.with_name(path.name.replace(path.name.split(".")[1], "c" * 32))
    newer.write_bytes(pack(0, 1, b'{"format":2,"package":"9.0"}') + pack(1, 2, b"{}"))
    heir = writer_by_hand(tmp_path, store, clock, metrics)
    heir.drain()
    assert store.ids() == ["a" * 32]
    assert '"new' in (tmp_path / "refused.jsonl").read_text().replace("\\", "")
    assert metrics.errors["journal_not_understood"] == 1
    assert journals(tmp_path) == [newer]
    assert metrics.errors["adoption"] == 1


def test_another_stores_journal_is_not_adopted(tmp_path: Path) -> None:
    """A shared folder does not mix two stores."""
    writer = writer_by_hand(tmp_path, MemoryStore())
    writer.deliver(failure())
    writer.crash()
    other = MemoryStore()
    ByHand(
        other,
        settings=settings_for(tmp_path, "postgresql://h/other"),
        metrics=CountingMetrics(),
        redactor=Redactor(),
        clock=FakeClock(),
    ).drain()
    assert other.ids() == []
    assert len(journals(tmp_path)) == 1


# --- the thread -----------------------------------------------------------------


def test_flush_waits_for_all_that_was_delivered(tmp_path: Path) -> None:
    """Records, recordings and samples; at once when there is nothing to wait for."""
    store = MemoryStore()
    writer = Writer(
        store, settings=settings_for(tmp_path), metrics=CountingMetrics(), redactor=Redactor()
    )
    assert writer.flush(0)
    for n in range(20):
        record = failure(fingerprint=f"v2:{n:032x}")
        writer.deliver(record, recording(record))
        done = success()
        sample = SuccessSample(done.generation_id, "build_app", 1.0, None, {"type": "dict"})
        writer.deliver(done, None, sample)
    assert writer.flush(10)
    assert (len(store.records), len(store.recordings), len(store.samples)) == (
        40,
        20,
        len(store.samples),
    )
    assert len(store.samples) >= 3
    store.down = True
    writer.deliver(failure())
    began = time.monotonic()
    assert writer.flush(0.2) is False
    assert time.monotonic() - began >= 0.2
    assert writer.close(3_600) is False  # it gives up at the first failed attempt
    assert writer.account().journalled == 1


def test_what_a_success_was_asked_for_is_nowhere_before_it_is_redacted(tmp_path: Path) -> None:
    """Its caller leaves the request raw in memory: the store gets it redacted, the journal never."""
    secret = "sk-proj-" + "a1B2" * 12
    asked = success()._replace(user_request=f"use {secret}")
    store = MemoryStore()
    writer = writer_by_hand(tmp_path, store)
    writer.deliver(asked)
    writer.drain()
    (stored,) = store.records
    assert stored.user_request is not None
    assert "use " in stored.user_request
    assert secret not in stored.user_request
    store.down = True
    writer.deliver(asked)
    writer.deliver(asked._replace(generation_id="c" * 32, outcome=Outcome.CANCELLED))
    writer.close(0)
    (path,) = journals(tmp_path)
    assert b"c" * 32 in path.read_bytes()
    assert secret.encode() not in path.read_bytes()
