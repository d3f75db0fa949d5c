"""The queue of what reviewers asked of cases, and the lists of cases, on every store."""

from __future__ import annotations

import pytest

from genmon_otel.errors import ConfigurationError, InvalidTransition
from genmon_otel.policy import CaseState, Verdict
from genmon_otel.store import SqlStore
from genmon_otel.store.work import SILENT_S
from tests.store_records import START, FakeClock, Producer, failing, recording_of, success


@pytest.fixture
def cases(producer: Producer, store: SqlStore) -> list[int]:
    """The row ids of two cases, the older first; only the older one was recorded."""
    for name in "ab":
        records = [failing(name, START + n) for n in range(3)]
        recordings = tuple(recording_of(each) for each in records) if name == "a" else ()
        producer.write(*records, recordings=recordings)
    return sorted(row.id for row in store.cases())


def test_a_request_is_taken_once_and_ended_by_who_took_it(
    store: SqlStore, cases: list[int], clock: FakeClock
) -> None:
    """Oldest first, one a case; another worker's word about it counts for nothing."""
    first = store.work.ask(cases[0], "verify", "ada", {"env": {"A": "1"}})
    assert (first.action, first.reviewer, first.needs) == ("verify", "ada", {"env": {"A": "1"}})
    clock.at += 1
    assert store.work.ask(cases[0], "run", "bob", {}) == first
    store.work.ask(cases[1], "run", "bob", {})
    taken = store.work.take("w1")
    assert taken is not None
    assert (taken.case_id, taken.worker) == (cases[0], "w1")
    other = store.work.take("w2")
    assert other is not None
    assert other.case_id == cases[1]
    assert store.work.take("w3") is None
    store.work.end(cases[0], "w2", "forged", failed=False)
    store.work.step(cases[0], "w1")
    store.work.end(cases[0], "w1", "reproduced", failed=False)
    ended = store.work.find(cases[0])
    assert ended is not None
    assert (ended.is_over, ended.done, ended.result) == (True, 1, "reproduced")
    assert [each.case_id for each in store.work.waiting()] == [cases[1]]
    assert store.work.ask(cases[0], "refresh", "bob", {}).action == "refresh"
    with pytest.raises(ConfigurationError, match="verify, run, shrink, refresh"):
        store.work.ask(cases[0], "drop", "bob", {})  # type: ignore[arg-type]


def test_what_a_dead_worker_had_is_done_by_another(
    store: SqlStore, cases: list[int], clock: FakeClock
) -> None:
    """A request comes back after a quarter of an hour of silence, or when it is given back."""
    store.work.ask(cases[0], "verify", "ada", {})
    assert store.work.take("w1") is not None
    clock.at += SILENT_S - 1
    assert store.work.take("w2") is None
    clock.at += 2
    assert store.work.take("w2") is not None
    store.work.give_back(cases[0], "w1")
    assert store.work.take("w3") is None
    store.work.give_back(cases[0], "w2")
    assert store.work.take("w3") is not None


def test_cases_are_listed_without_their_content(
    store: SqlStore, cases: list[int], producer: Producer
) -> None:
    """States in the given order, counts of all, runs by one query; nothing recorded is unfixable."""
    states = (CaseState.REPRODUCED, CaseState.PROPOSED)
    store.set_case_state(cases[0], CaseState.REPRODUCED, reason="3 of 3")
    store.save_case(cases[0], {"trigger": {"kind": "fault", "persistent": False}})
    rows, count = store.overview.cases(states, limit=10)
    assert [(row.id, row.state, row.unfixable) for row in rows] == [
        (cases[0], CaseState.REPRODUCED, False), (cases[1], CaseState.PROPOSED, True),
    ]  # fmt: skip
    assert count == 2
    assert store.overview.cases(states, limit=1, offset=1)[0][0].id == cases[1]
    assert not any(
        r.unfixable for r in store.overview.cases(states, limit=9, read_content=False)[0]
    )
    for number in range(5):
        store.record_run(cases[0], "ci", f"v{number}", Verdict.PASS, "", f"r{number}")
    found = store.overview.runs_of(cases, 3)
    assert [run.run_id for run in found[cases[0]]] == ["r4", "r3", "r2"]
    assert cases[1] not in found
    assert [row.fingerprint[-1] for row in store.overview.newest(1)] == ["b"]
    producer.write(success(START + 5))
    (worst,) = store.overview.operations(START + 30)
    assert (worst.operation, worst.attempts, worst.failures) == ("build_app", 7, 6)
    assert not worst.healthy


def test_the_second_of_two_decisions_is_refused(store: SqlStore, cases: list[int]) -> None:
    """A status that somebody else set meanwhile is not overwritten, and nothing is kept of it."""
    handle = store.case(cases[0]).handle
    store.set_failure_status(handle, "resolved", "ada", expected="open")
    with pytest.raises(InvalidTransition, match="is resolved by now, not open"):
        store.set_failure_status(handle, "ignored", "bob", expected="open")
    failure = store.failure(handle).row
    assert failure.status == "resolved"
    assert [each.reviewer for each in store.decisions(failure.id)] == ["ada"]


def test_cases_of_a_person_are_found(store: SqlStore, cases: list[int]) -> None:
    """By whom they were built from, before the person is forgotten; what was asked of them goes too."""
    handle = store.case(cases[0]).handle
    store.work.ask(cases[0], "verify", "bob", {})
    found = store.overview.cases_with("ada")
    assert handle in [each for each, _ in found]
    assert store.overview.cases_with("eve") == []
    store.forget("ada")
    assert store.work.find(cases[0]) is None
