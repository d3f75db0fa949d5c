"""Three strikes: when the third failure creates a case, and what the case contains."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from genmon_otel.errors import StoreRefused
from genmon_otel.policy import OVERFLOW_FINGERPRINT, CaseState
from genmon_otel.store import SqlStore
from tests.store_records import (
    DAY,
    START,
    FakeClock,
    Producer,
    a_failure,
    failing,
    recording_of,
    sample_of,
    success,
)


def test_the_third_strike_makes_the_case(producer: Producer, store: SqlStore) -> None:
    """Three failing generations create one proposed case; a fourth creates none."""
    seen = [
        [(strike.strikes, strike.case_id) for strike in producer.strikes(failing("a"))]
        for _ in range(4)
    ]
    (case,) = store.cases()
    assert seen == [[(1, None)], [(2, None)], [(3, case.id)], [(4, case.id)]]
    assert case.state is CaseState.PROPOSED
    failure = store.failure("v2:fingerprint-a")
    assert failure.row.test_generated
    assert failure.case == case
    assert case.case["handle"] == case.handle == failure.row.handle


def test_each_generation_knows_which_strike_it_was(producer: Producer, store: SqlStore) -> None:
    """Strikes are numbered correctly although the database rounds the times of rows."""
    for number in range(3):
        producer.write(failing("a", START + number / 10 + 0.0313054))
    assert [row.strike for row in store.generations()] == [1, 2, 3]


def test_three_in_one_batch_strike_too(producer: Producer, store: SqlStore) -> None:
    """One batch with three strikes creates the case, and only for that failure."""
    producer.write(failing("a"), failing("a"), failing("b"), failing("b"), failing("a"))
    assert [case.signature for case in store.cases()] == ["v2:signature-a"]


def test_one_retried_task_is_one_strike(producer: Producer, store: SqlStore) -> None:
    """All failures of one retried task are one strike."""
    for _ in range(5):
        producer.write(failing("a", strike_key="task-1"))
    assert store.cases() == []
    producer.write(failing("a", strike_key="task-2"))
    assert store.cases() == []
    producer.write(failing("a", strike_key="task-3"))
    assert len(store.cases()) == 1


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        ((0, 3, 7), 1),
        ((0, 3, 7.001), 0),
        ((0, 8, 16, 24), 0),
        ((0, 8, 10, 14.9), 1),
        ((7, 0, 3), 1),
        ((20, 0, 27, 21), 1),
        ((30, 0, 15, 45), 0),
    ],
)
def test_strikes_fall_within_seven_days_of_event_time(
    producer: Producer, store: SqlStore, days: tuple[float, ...], expected: int
) -> None:
    """Strikes count by when generations ended, within seven days, in any order of arrival."""
    for day in days:
        producer.write(failing("a", START + day * DAY))
    assert len(store.cases()) == expected


@pytest.mark.parametrize(
    "failure",
    [
        a_failure("o", fingerprint=f"{OVERFLOW_FINGERPRINT}build_app"),
        a_failure("f", origin="foreign_span"),
    ],
    ids=["overflow", "foreign_span"],
)
def test_some_failures_never_strike_out(producer: Producer, store: SqlStore, failure: Any) -> None:
    """The overflow failure and foreign spans are counted and create no case."""
    for _ in range(4):
        producer.write(failing(failure=failure))
    assert store.cases() == []
    assert store.failures()[0].occurrence_count == 4
    assert not store.failures()[0].test_generated


def test_an_ignored_failure_makes_no_case(producer: Producer, store: SqlStore) -> None:
    """An ignored failure creates no case; after it is opened again, it may."""
    producer.write(failing("a"), failing("a"))
    store.set_failure_status("v2:fingerprint-a", "ignored")
    producer.write(failing("a"))
    assert store.cases() == []
    store.set_failure_status("v2:fingerprint-a", "open")
    producer.write(failing("a"))
    assert len(store.cases()) == 1


def test_a_rejected_signature_is_not_proposed_again(producer: Producer, store: SqlStore) -> None:
    """No case is created with the signature of a rejected case, whatever its frames."""
    producer.write(*(failing("a") for _ in range(3)))
    store.set_case_state(store.cases()[0].id, CaseState.REJECTED, reviewer="eve")
    alike = a_failure("a", fingerprint="v2:other-frames")
    producer.write(*(failing(failure=alike) for _ in range(4)))
    producer.write(*(failing("a") for _ in range(4)))
    assert [case.state for case in store.cases()] == [CaseState.REJECTED]
    rejected = store.failure("v2:fingerprint-a")
    assert rejected.rejected_with is None
    assert store.failure("v2:other-frames").rejected_with == rejected.row.handle


def test_the_case_holds_the_recordings(producer: Producer, store: SqlStore) -> None:
    """A case is built from at most three recordings, of this batch and of earlier ones."""
    records = [failing("a") for _ in range(4)]
    for record in records[:2]:
        producer.write(record, recordings=(recording_of(record),))
    producer.write(*records[2:], recordings=tuple(map(recording_of, records[2:])))
    detail = store.failure("v2:fingerprint-a")
    kept = [recording.generation_id for recording in detail.recordings]
    assert sorted(kept) == sorted(record.generation_id for record in records[:3])
    assert detail.case is not None
    assert detail.case.case["recordings"] == kept
    assert store.recordings(detail.row.id)[-1] == recording_of(records[0])


def test_a_later_recording_completes_a_proposed_case(producer: Producer, store: SqlStore) -> None:
    """A recording of a later batch gets into the case while nobody has decided about the case."""
    records = [failing("a") for _ in range(3)]
    producer.write(*records)
    assert store.cases()[0].case["recordings"] == []
    producer.write(recordings=(recording_of(records[0]),))
    assert store.cases()[0].case["recordings"] == [records[0].generation_id]
    store.set_case_state(store.cases()[0].id, CaseState.REPRODUCED)
    producer.write(recordings=(recording_of(records[1]),))
    assert store.cases()[0].case["recordings"] == [records[0].generation_id]


def test_a_replayable_recording_takes_the_place_of_a_useless_one(
    producer: Producer, store: SqlStore
) -> None:
    """A recording that can be replayed replaces one of three that cannot."""
    records = [failing("a") for _ in range(5)]
    for record in records[:3]:
        producer.write(record, recordings=(recording_of(record, unreplayable="size"),))
    for record in records[3:]:
        producer.write(record, recordings=(recording_of(record),))
    kept = store.failure("v2:fingerprint-a").recordings
    assert [recording.unreplayable for recording in kept] == ["", "", "size"]


def test_only_redacted_recordings_are_kept(producer: Producer, store: SqlStore) -> None:
    """A recording that was not redacted is refused."""
    record = failing("a")
    with pytest.raises(StoreRefused, match="redacted"):
        producer.write(record, recordings=(recording_of(record, redacted=False),))
    assert store.generations() == []


def test_recordings_keep_every_character(producer: Producer, store: SqlStore) -> None:
    """A recording is read back unchanged: NUL, lone surrogates and key order included."""
    record = failing("a")
    tree = {"z": "nul \0 \ud800 \U0001f600", "a": [1, 2.5, None, True], "\0": {}}
    producer.write(record, recordings=(recording_of(record, inputs=tree),))
    (kept,) = store.failure("v2:fingerprint-a").recordings
    assert kept.inputs == tree
    assert list(kept.inputs) == list(tree)


def test_a_propose_that_raises_costs_no_batch(
    store_url: str, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    """When ``propose`` raises, failure, strike and an empty case are stored."""

    def broken(_failure: Any, _recordings: Any) -> Any:
        raise RuntimeError("no idea")

    store = SqlStore(store_url, clock=clock, propose=broken)
    store.open()
    with caplog.at_level(logging.ERROR):
        Producer(store).write(*(failing("a") for _ in range(3)))
    assert store.cases()[0].case == {}
    assert "could not propose" in caplog.text
    store.close()


def test_the_newest_three_samples_stay(producer: Producer, store: SqlStore) -> None:
    """The newest three success samples of an operation are kept, one for each generation."""
    records = [success(START + n) for n in (5, 1, 4, 2, 3)]
    for record in records:
        producer.write(record, samples=(sample_of(record), sample_of(record)))
    other = success(operation="other")
    producer.write(other, samples=(sample_of(other),))
    kept = store.success_samples("build_app")
    assert [sample.ended_at - START for sample in kept] == [5, 4, 3]
    assert kept[0] == sample_of(records[0])
    assert len(store.success_samples("other")) == 1
