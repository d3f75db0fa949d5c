"""The page on each kind of database: every view answers, and decisions are kept."""

from __future__ import annotations

import pytest

from genmon_otel.policy import CaseState
from genmon_otel.records import StepRecord
from genmon_otel.regression.propose import propose
from genmon_otel.store import SqlStore
from tests.store_records import START, FakeClock, Producer, failing, recording_of
from tests.ui_kit import SAME, reviewer


@pytest.fixture
def store(store_url: str, clock: FakeClock) -> SqlStore:
    """An open store with a real case of each of two failures."""
    opened = SqlStore(store_url, clock=clock, propose=propose)
    opened.open()
    records = [failing(name, START + n) for name in "ab" for n in range(3)]
    step = StepRecord("ask", {"prompt": "old"}, "value", "x", digest="d")
    Producer(opened).write(
        *records, recordings=tuple(recording_of(each, steps=(step,)) for each in records)
    )
    for row in opened.cases(limit=10):
        opened.set_case_state(row.id, CaseState.REPRODUCED, reason="3 of 3")
    return opened


def test_every_view_answers_and_decisions_are_kept(store: SqlStore) -> None:
    """Views, searches, odd addresses and decisions have the same answers on each database."""
    client = reviewer(store)
    first, second = (row.handle for row in store.cases(limit=10))
    views = ["/", "/failures", "/failures?status=all&sort=count&q=a", "/failures?version=v1", "/review",
             "/guarding", "/alerts", f"/failures/{first}", f"/cases/{first}", f"/cases/{first}/steps/0",
             "/failures?q=%00&version=%00", "/failures?from=99999999999999999999", "/failures?q=%25_%5c'"]  # fmt: skip
    assert {path: code for path in views if (code := client.get(path).status_code) != 200} == {}
    for path in ("/failures/%00", "/cases/F-%00", "/cases/%ff", "/failures/9223372036854775807"):
        answer = client.get(path)
        assert (answer.status_code, "There is no" in answer.text) == (404, True), path
    answers = [
        client.post(path, headers=SAME, data=data).status_code
        for path, data in (
            (f"/failures/{first}/resolve", {"seen": "open"}),
            (f"/failures/{first}/ignore", {"seen": "open"}),  # somebody decided meanwhile
            (f"/failures/{first}/reopen", {"seen": "resolved"}),
            (f"/failures/{first}/relabel", {"category": "ai_timeout", "severity": "low"}),
            (f"/failures/{first}/relabel", {"undo": "1"}),
            (f"/failures/{first}/relabel", {"category": "a\0b"}),
            (f"/cases/{first}/approve", {"seen": "reproduced", "env": "REGION=x"}),
            (f"/cases/{first}/approve", {"seen": "reproduced"}),
            (f"/cases/{second}/reject", {"seen": "reproduced", "reason": "a\0b"}),
            (f"/cases/{first}/run", {}),  # no code here: it waits in the queue
        )
    ]
    assert answers == [303, 409, 303, 303, 303, 400, 303, 409, 303, 303]
    assert store.case(first).state is CaseState.OPEN
    assert store.case(second).state is CaseState.REJECTED
    assert [each.handle for each in store.work.waiting()] == [first]
    assert {each.reviewer for each in store.decisions(store.case(second).failure_id)} == {
        None,
        "ada",
    }
    for path in ("/review", "/guarding", f"/cases/{first}", f"/failures/{first}"):
        assert client.get(path).status_code == 200
    store.close()
