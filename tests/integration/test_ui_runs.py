"""The page shows how a case's runs went: what they asked otherwise, what is stale, what the live model gave."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from genmon_otel.policy import CaseState, Channel, Verdict
from genmon_otel.records import StepRecord
from genmon_otel.regression.propose import propose
from genmon_otel.store import SqlStore
from tests.store_records import Producer, failing, recording_of
from tests.ui_kit import reviewer

HOSTILE = "<script>alert(1)</script>\x1b[2J\u202e"
DRIFT = f"step 2, ask, was asked otherwise:\n-prompt: old\n+prompt: new {HOSTILE}\n… 3 more lines"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    """A store with two approved cases."""
    opened = SqlStore(f"sqlite:///{tmp_path / 'genmon.db'}", propose=propose)
    opened.open()
    records = [failing(name, 1e9 + number) for name in "ab" for number in range(3)]
    step = StepRecord("ask", {"prompt": "old"}, "value", "x", digest="d")
    Producer(opened).write(
        *records, recordings=tuple(recording_of(each, steps=(step,)) for each in records)
    )
    for row in opened.cases(limit=10):
        opened.set_case_state(row.id, CaseState.REPRODUCED, reason="3 of 3")
        opened.set_case_state(row.id, CaseState.OPEN, reviewer="ada")
    yield opened
    opened.close()


def run(store: SqlStore, name: str, number: int, drift: str = "", channel: Channel = "ci",
        verdict: Verdict = Verdict.PASS) -> str:  # fmt: skip
    """Save a run on version ``v<number>``, and return its case's handle."""
    handle = store.failure(f"v2:fingerprint-{name}").row.handle
    run_id = f"{name}{channel}{number}"
    at = 1e9 + number
    store.record_run(
        store.case(handle).id, channel, f"v{number}", verdict, "", run_id, at, 0.25, drift
    )
    return handle


def row_of(page: str, handle: str) -> str:
    """Return the row of a table that a case has."""
    return next(row for row in page.split("<tr") if f"/cases/{handle}" in row)


def test_a_drifted_run_shows_what_it_asked_otherwise(store: SqlStore) -> None:
    """The step and the differing lines stand at the run, as text; the newest is open."""
    run(store, "a", 1, "step 1, ask, was asked otherwise:\n-a\n+b")
    handle = run(store, "a", 2, DRIFT)
    page = reviewer(store).get(f"/cases/{handle}").text
    assert "<details open><summary>step 2, ask, was asked otherwise:</summary>" in page
    assert "<details><summary>step 1, ask, was asked otherwise:</summary>" in page
    assert '<span class="d-del">-prompt: old\n</span>' in page
    assert '<span class="d-add">+prompt: new &lt;script&gt;alert(1)&lt;/script&gt;' in page
    assert '<span class="d-at">… 3 more lines\n</span>' in page
    assert "<script>alert" not in page
    assert "\x1b" not in page
    assert "\u202e" not in page
    assert "Stale:" not in page


def test_stale_cases_and_live_results_are_columns(store: SqlStore) -> None:
    """Stale after drifted passes on three versions, and then before the others; live apart from that."""
    a = run(store, "a", 1, DRIFT)
    b = run(store, "b", 9)
    run(store, "a", 2, DRIFT)
    client = reviewer(store)
    page = client.get("/guarding").text
    assert ">drifted</td>" in row_of(page, a)
    assert ">as recorded</td>" in row_of(page, b)
    assert "passed, " not in page
    run(store, "a", 3, DRIFT)
    run(store, "a", 4, channel="live")
    run(store, "a", 5, channel="live", verdict=Verdict.FAIL_SAME)
    page = client.get("/guarding").text
    assert ">stale</strong>" in row_of(page, a)
    assert "1 of 2 passed" in row_of(page, a)
    assert page.index(f"/cases/{a}") < page.index(f"/cases/{b}")
    assert "Stale:" in client.get(f"/cases/{a}").text
    run(store, "a", 6)
    assert ">as recorded</td>" in row_of(client.get("/guarding").text, a)
