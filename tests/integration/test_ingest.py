"""Results into the store: each once, with the case they belong to and no other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from genmon_otel.policy import CaseState, Verdict
from genmon_otel.regression.cases.ingest import COMMITTED, Ingested, ingest
from genmon_otel.regression.cases.results import Result
from genmon_otel.store import SqlStore
from tests.store_records import Producer, a_failure, failing

RESULT = Result(
    run_id="r1", fingerprint=a_failure("a").fingerprint, slug="build-1", verdict=Verdict.FAIL_SAME,
    detail="again", channel="ci", code_version="v1", at=1_700_000_100.0,
)  # fmt: skip


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    """A store with one proposed case, recorded on version v1."""
    opened = SqlStore(f"sqlite:///{tmp_path}/genmon.db")
    opened.open()
    Producer(opened).write(*(failing("a", code_version="v1") for _ in range(3)))
    yield opened
    opened.close()


def reproduced(store: SqlStore) -> None:
    """Bring the case through the reproduction check."""
    (row,) = store.cases()
    store.set_case_state(row.id, CaseState.REPRODUCED, reason="reproduced 3 of 3")


def test_a_committed_file_approves_a_reproduced_case(store: SqlStore) -> None:
    """Its first result opens the case, says by whom, and keeps what the reproduction check found."""
    reproduced(store)
    assert ingest(store, [RESULT]) == Ingested(taken=1)
    (row,) = store.cases()
    assert (row.state, row.reviewer, row.state_reason) == (
        CaseState.OPEN, COMMITTED, "reproduced 3 of 3",
    )  # fmt: skip
    assert (row.run_count, row.fail_count, row.last_run_at) == (1, 1, RESULT.at)


@pytest.mark.parametrize("state", [CaseState.PROPOSED, CaseState.UNREPRODUCIBLE])
def test_the_red_gate_is_not_passed_by_a_file(store: SqlStore, state: CaseState) -> None:
    """A case that did not come through the check stays where it is; its run is kept."""
    (row,) = store.cases()
    if state is not CaseState.PROPOSED:
        store.set_case_state(row.id, state)
    assert ingest(store, [replace(RESULT, verdict=Verdict.PASS, code_version="v2")]).taken == 1
    assert store.case(row.id).state is state


def test_any_number_of_times(store: SqlStore) -> None:
    """The same results taken in again, and again with new ones, count once."""
    reproduced(store)
    first = [RESULT, replace(RESULT, run_id="r2", code_version="v2", verdict=Verdict.PASS)]
    assert ingest(store, first) == Ingested(taken=2)
    before = store.cases()
    assert ingest(store, [*first, *first]) == Ingested(known=4)
    assert store.cases() == before
    third = replace(RESULT, run_id="r3", code_version="v3", verdict=Verdict.PASS)
    assert ingest(store, [*first, third]) == Ingested(taken=1, known=2)
    (row,) = store.cases()
    assert (row.state, row.pass_count) == (CaseState.GUARDING, 2)


@pytest.mark.parametrize("fingerprint", ["v2:nobody", "1", "F-", "v2:fingerprint", "v2:finger", ""])
def test_strangers_are_counted(store: SqlStore, fingerprint: str) -> None:
    """Only the whole fingerprint names a case: no number, no handle, no beginning of one."""
    reproduced(store)
    assert ingest(store, [replace(RESULT, fingerprint=fingerprint)]) == Ingested(strangers=1)
    (row,) = store.cases()
    assert ingest(store, [replace(RESULT, fingerprint=row.handle)]) == Ingested(strangers=1)
    assert store.cases() == [row]
    assert row.run_count == 0


def test_a_failure_without_a_case_is_a_stranger(store: SqlStore) -> None:
    """A failure that has struck once has no case yet."""
    Producer(store).write(failing("once"))
    once = replace(RESULT, fingerprint=a_failure("once").fingerprint)
    assert ingest(store, [once]) == Ingested(strangers=1)


def test_flipping_within_a_version_quarantines(store: SqlStore) -> None:
    """Fail, pass, fail on one known version is flakiness, whoever tells it."""
    reproduced(store)
    verdicts = [Verdict.FAIL_SAME, Verdict.PASS, Verdict.FAIL_SAME]
    ingest(
        store,
        [
            replace(RESULT, run_id=f"r{n}", code_version="v2", verdict=verdict)
            for n, verdict in enumerate(verdicts)
        ],
    )
    assert store.cases()[0].state is CaseState.QUARANTINED
