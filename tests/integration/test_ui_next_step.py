"""The page leads on: cases are told apart, and what to do next with one is a link to its button."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from genmon_otel.policy import CaseState
from genmon_otel.records import StepRecord
from genmon_otel.regression.propose import propose
from genmon_otel.store import SqlStore
from genmon_otel.ui import plots
from tests.store_records import Producer, a_failure, failing, recording_of
from tests.ui_kit import SAME, reviewer

#: On which way a case gets into a state.
WAYS = {
    CaseState.PROPOSED: (),
    CaseState.UNREPRODUCIBLE: (CaseState.UNREPRODUCIBLE,),
    CaseState.REPRODUCED: (CaseState.REPRODUCED,),
    CaseState.OPEN: (CaseState.REPRODUCED, CaseState.OPEN),
    CaseState.GUARDING: (CaseState.REPRODUCED, CaseState.OPEN, CaseState.GUARDING),
    CaseState.REGRESSED: (CaseState.REPRODUCED, CaseState.OPEN, CaseState.GUARDING,
                          CaseState.REGRESSED),
    CaseState.QUARANTINED: (CaseState.REPRODUCED, CaseState.OPEN, CaseState.QUARANTINED),
}  # fmt: skip


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    """A store with two cases of one category."""
    opened = SqlStore(f"sqlite:///{tmp_path / 'genmon.db'}", propose=propose)
    opened.open()
    step = StepRecord("call_model", {"prompt": "a page"}, "value", "an answer", digest="d")
    for name in "ab":
        failure = a_failure(name, error_message=f"message {name}")
        records = [failing(name, time.time() - n, failure=failure) for n in range(3)]
        recorded = tuple(recording_of(each, steps=(step,)) for each in records)
        Producer(opened, name).write(*records, recordings=recorded)
    yield opened
    opened.close()


@pytest.mark.parametrize("state", WAYS)
def test_what_is_next_is_a_link_to_its_button(store: SqlStore, state: CaseState) -> None:
    """In each state that is not over, the first screen names what is next, and each link has its button."""
    handle = store.failure("v2:fingerprint-a").row.handle
    for each in WAYS[state]:
        store.set_case_state(handle, each, reason="why", reviewer="ada")
    page = reviewer(store, code=Path.cwd()).get(f"/cases/{handle}").text
    found = re.search(r"Next:</span> <strong>.+?</strong>(.*?)</p>", page)
    assert found, page
    targets = re.findall(r'href="#([a-z-]+)"', found[1])
    assert targets
    for target in targets:
        assert re.search(rf'<button [^>]*id="{target}"|<button id="{target}"', page), target


def test_cases_of_one_category_are_told_apart(store: SqlStore) -> None:
    """Each list that names a category and an operation shows the message beside it."""
    for name in "ab":
        handle = store.failure(f"v2:fingerprint-{name}").row.handle
        if name == "b":
            store.set_case_state(handle, CaseState.REPRODUCED, reason="why")
            store.set_case_state(handle, CaseState.OPEN, reviewer="ada")
    client = reviewer(store)
    assert ">message a</div>" in client.get("/review").text
    assert "not yet checked: open it, and verify" in client.get("/review").text
    assert ">message b</div>" in client.get("/guarding").text
    assert client.get("/").text.count(">message a</div>") == 2


def test_an_error_leads_back(store: SqlStore) -> None:
    """A step that is not there names how many there are, and links its case."""
    handle = store.failure("v2:fingerprint-a").row.handle
    page = reviewer(store).get(f"/cases/{handle}/steps/9")
    assert page.status_code == 404
    assert f"Case {handle} has 1 step." in page.text
    assert f'<a href="/cases/{handle}">Back to {handle}</a>' in page.text


def test_a_refused_action_leads_back(store: SqlStore) -> None:
    """What is wrong with an action is said with a link to where it was asked."""
    handle = store.failure("v2:fingerprint-a").row.handle
    refused = reviewer(store).post(
        f"/failures/{handle}/relabel", headers=SAME, data={"category": "Not one"}
    )
    assert refused.status_code == 400
    assert "is not allowed" in refused.text
    assert f'<a href="/failures/{handle}">Back, ' in refused.text


def test_an_hour_without_generations_is_said(tmp_path: Path) -> None:
    """Nothing in the last hour is told as that, with what to do where there never was anything."""
    empty = SqlStore(f"sqlite:///{tmp_path / 'empty.db'}")
    empty.open()
    page = reviewer(empty).get("/").text
    empty.close()
    assert "No generation ended in the last hour." in page
    assert "Where there never was one: decorate" in page
    assert "0 of 0 attempts failed in" not in page
    assert "at most" not in page


def test_the_hour_names_its_busiest_minute(store: SqlStore) -> None:
    """The plot's scale is told in words: attempts of the busiest minute, 0 where there was none."""
    now = time.time()
    assert plots.most_of(store.trend(now - 3600, now, step_s=60)) >= 1
    assert plots.most_of([]) == 0
