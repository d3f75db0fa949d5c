"""The page shows what the store holds, and decides as the command line does."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from genmon_otel.cli.worker import work_through
from genmon_otel.policy import CaseState
from genmon_otel.records import Category, StepRecord
from genmon_otel.regression.propose import propose
from genmon_otel.store import SqlStore
from tests.store_records import Producer, a_failure, failing, recording_of, sample_of, success
from tests.ui_kit import SAME, reviewer, stranger

#: Text that would run, reorder or hide something where it was taken for more than text.
HOSTILE = "<script>alert(1)</script>'\"><img src=x onerror=alert(2)>{{7*7}}\x1b[2J\u202etxet\x9b31m"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    """A store with a failure that has a case, one that has none, and a success."""
    opened = SqlStore(f"sqlite:///{tmp_path / 'genmon.db'}", propose=propose)
    opened.open()
    now = time.time()
    hostile = a_failure(
        "a", error_message=HOSTILE, error_type=f"Odd.{HOSTILE[:40]}", stack_trace=HOSTILE,
        category=Category.SYNTAX_ERROR,
    )  # fmt: skip
    records = [
        failing("a", now - n, failure=hostile, user_id=f"u{n}{HOSTILE}", code_version=HOSTILE)
        for n in range(3)
    ]
    step = StepRecord("call_model", {"prompt": HOSTILE}, "value", {"choices": [
        {"message": {"role": HOSTILE, "content": HOSTILE}}]}, digest="d")  # fmt: skip
    producer = Producer(opened)
    good = success(now)
    producer.write(
        *records,
        good,
        failing("b", now),
        recordings=tuple(
            recording_of(each, steps=(step,), inputs={"request": HOSTILE}) for each in records
        ),
        samples=(sample_of(good),),
    )
    yield opened
    opened.close()


def handle_of(store: SqlStore, name: str = "a") -> str:
    """Return a failure's handle."""
    return store.failure(f"v2:fingerprint-{name}").row.handle


def test_every_page_shows_recorded_text_as_text(store: SqlStore) -> None:
    """No page holds markup, escape sequences or reordering marks of a record."""
    handle = handle_of(store)
    client = reviewer(store, name=HOSTILE[:60])
    paths = ["/", "/failures?status=all", f"/failures/{handle}", "/review", "/guarding",
             f"/cases/{handle}", f"/cases/{handle}/steps/0", f"/failures?q={quote(HOSTILE)}",
             "/failures?version=<script>", "/nothing<script>", "/cases/F-<script>"]  # fmt: skip
    bad = {}
    for path in paths:
        answer = client.get(path)
        marks = ("<script>alert", "<img", "<script>alert(1)", "\x1b", "\u202e", "\x9b")
        found = [mark for mark in marks if mark in answer.text]
        if found or answer.status_code >= 500:
            bad[path] = (answer.status_code, found)
    assert bad == {}
    assert "&lt;script&gt;alert(1)" in client.get(f"/cases/{handle}").text


def test_a_stranger_sees_nothing(store: SqlStore) -> None:
    """Without a session every page but the style is refused, in words."""
    client = stranger(store)
    for path in ("/", "/failures", f"/cases/{handle_of(store)}", "/cases/x/events", "/alerts"):
        answer = client.get(path)
        assert (answer.status_code, "genmon ui --link" in answer.text) == (401, True), path
    assert client.get("/static/style.css").status_code == 200


def test_a_link_opens_one_session(store: SqlStore) -> None:
    """A token works once; a changed or foreign one never."""
    from genmon_otel.ui.session import sign_link
    from tests.ui_kit import KEY

    client = stranger(store)
    token = sign_link(KEY, "ada", time.time())
    tokens = [
        (token[:-1] + ("0" if token[-1] != "0" else "1"), 401),
        (sign_link(b"other", "ada", time.time()), 401),
        (sign_link(KEY, "ada", time.time() - 3_700), 401),
        ("", 401), ("a.b", 401), ("é.é", 401), (token, 303), (token, 401),
    ]  # fmt: skip
    got = [(each, client.get("/enter", params={"token": each}).status_code) for each, _ in tokens]
    assert got == tokens


def test_foreign_hosts_and_sites_are_refused(store: SqlStore) -> None:
    """A rebound name, a form of another site and a form without any origin change nothing."""
    handle = handle_of(store)
    client = reviewer(store)
    hosts = {"evil.example:8750": 421, "127.0.0.1:8750": 200, "localhost:8750": 200,
             "127.0.0.1:80": 421, "127.0.0.1@evil.example": 421, "": 421}  # fmt: skip
    got = {host: client.get("/", headers={"host": host}).status_code for host in hosts}
    assert got == hosts
    senders = [
        ({"sec-fetch-site": "cross-site"}, 403), ({"sec-fetch-site": "same-site"}, 403),
        ({"sec-fetch-site": "none"}, 403), ({}, 403), ({"origin": "null"}, 403),
        ({"origin": "http://127.0.0.1:8750.evil.example"}, 403),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "http://127.0.0.1:8750"}, 303), (SAME, 303),
    ]  # fmt: skip
    wrong = [
        (headers, status)
        for headers, want in senders
        if (status := client.post(f"/failures/{handle}/resolve", headers=headers).status_code)
        != want
    ]
    assert wrong == []


def test_failures_are_decided(store: SqlStore) -> None:
    """Resolve, ignore, reopen and relabel, each kept with who did it; a refusal is said."""
    handle = handle_of(store)
    client = reviewer(store, "bob")
    for action, status in (("resolve", "resolved"), ("ignore", "ignored"), ("reopen", "open")):
        assert client.post(f"/failures/{handle}/{action}", headers=SAME).status_code == 303
        assert store.failure(handle).row.status == status
    client.post(f"/failures/{handle}/relabel", headers=SAME, data={"category": "ai_timeout"})
    assert store.failure(handle).row.category == "ai_timeout"
    client.post(f"/failures/{handle}/relabel", headers=SAME, data={"undo": "1"})
    assert store.failure(handle).row.category == "syntax_error"
    refused = client.post(f"/failures/{handle}/relabel", headers=SAME, data={"category": "no such"})
    assert refused.status_code == 400
    assert {each.reviewer for each in store.decisions(store.failure(handle).row.id)} == {"bob"}


def test_cases_are_decided(store: SqlStore) -> None:
    """Approve with what the form gives; what is refused comes back with the form and the reason."""
    handle = handle_of(store)
    client = reviewer(store)
    early = client.post(f"/cases/{handle}/approve", headers=SAME, data={"env": "A=1"})
    assert early.status_code == 409
    assert "only a reproduced one can be approved" in early.text
    assert "A=1" not in early.text or "textarea" in early.text
    store.set_case_state(handle, CaseState.REPRODUCED, reason="3 of 3")
    bad = client.post(f"/cases/{handle}/approve", headers=SAME, data={"recovery": "nonsense"})
    assert bad.status_code == 409
    assert "is not STEP=JSON" in bad.text
    assert ">nonsense</textarea>" in bad.text
    good = client.post(
        f"/cases/{handle}/approve",
        headers=SAME,
        data={"env": "REGION=eu", "fails_as": "rejected", "recovery": 'call_model={"choices": []}'},
    )
    assert good.status_code == 303
    row = store.case(handle)
    assert (row.state, row.reviewer) == (CaseState.OPEN, "ada")
    assert (row.case["env"], row.case["fails_as"]) == ({"REGION": "eu"}, "rejected")


def test_the_second_of_two_reviewers_is_told(store: SqlStore) -> None:
    """Who decides about a case that somebody else decided meanwhile is told so; nothing is lost."""
    handle = handle_of(store)
    store.set_case_state(handle, CaseState.REPRODUCED, reason="3 of 3")
    first, second = reviewer(store, "ada"), reviewer(store, "bob")
    assert first.post(f"/cases/{handle}/approve", headers=SAME).status_code == 303
    late = second.post(
        f"/cases/{handle}/reject", headers=SAME, data={"seen": "reproduced", "reason": "no"}
    )
    assert late.status_code == 409
    assert "is open by now, not reproduced" in late.text
    assert store.case(handle).reviewer == "ada"


def test_without_code_a_worker_does_it(store: SqlStore, tmp_path: Path) -> None:
    """Where the application's code is not at hand a check waits, is taken once, and its end is shown."""
    handle = handle_of(store)
    client = reviewer(store)
    asked = client.post(f"/cases/{handle}/verify", headers=SAME, data={"env": "REGION=eu"})
    assert asked.status_code == 303
    page = client.get(f"/cases/{handle}").text
    assert "asked for by ada. It waits for a worker" in page
    assert "verify waits for a worker, for ada" in client.get("/review").text
    # A second wish while the first waits is the same one.
    client.post(f"/cases/{handle}/refresh", headers=SAME)
    assert [each.action for each in store.work.waiting()] == ["verify"]
    work_through(store, tmp_path, once=True)
    assert store.work.waiting() == []
    page = client.get(f"/cases/{handle}").text
    assert "Reproduction check, asked for by ada: unreproducible" in page
    assert store.case(handle).case["env"] == {"REGION": "eu"}


def test_what_a_form_lacks_is_said_before_anybody_waits(store: SqlStore) -> None:
    """A wish with a bad variable is refused at once, in the command line's words, and nothing is queued."""
    handle = handle_of(store)
    client = reviewer(store)
    table = [
        ({"env": "PATH"}, "&#39;PATH&#39; is not NAME=VALUE. For example: REGION=eu-west-1"),
        ({"env": "LD_PRELOAD=x"}, "LD_PRELOAD"), ({"recovery": "x="}, "is not STEP=JSON"),
        ({"programs": "../sh"}, "../sh"),
    ]  # fmt: skip
    for form, said in table:
        answer = client.post(f"/cases/{handle}/verify", headers=SAME, data=form)
        assert (answer.status_code, said in answer.text) == (409, True), form
    assert store.work.waiting() == []


def test_a_check_runs_and_is_followed(store: SqlStore, tmp_path: Path) -> None:
    """Verify starts the reproduction check; its events tell progress and end; the state follows."""
    handle = handle_of(store)
    client = reviewer(store, code=tmp_path)
    assert client.post(f"/cases/{handle}/verify", headers=SAME).status_code == 303
    with client.stream("GET", f"/cases/{handle}/events") as answer:
        stream = answer.read().decode()
    assert stream.rstrip().endswith("event: over\ndata:")
    assert "event: progress" in stream
    assert store.case(handle).state is CaseState.UNREPRODUCIBLE
    assert "reproduction check" in client.get(f"/cases/{handle}").text


@pytest.mark.parametrize(
    "size", ["nothing in it can be left out", "shrunk from 31 KB in 12 steps to 2 KB in 2"]
)
def test_the_size_of_a_case_is_said_in_a_sentence(
    store: SqlStore, monkeypatch: pytest.MonkeyPatch, size: str
) -> None:
    """Whether or not something could be left out, the words around it fit."""
    monkeypatch.setattr("genmon_otel.wording.case.size", lambda _: size)
    assert f"Size: {size}." in reviewer(store).get(f"/cases/{handle_of(store)}").text


def test_oversized_forms_are_refused(store: SqlStore) -> None:
    """A form beyond the bound is not read."""
    answer = reviewer(store).post(
        f"/failures/{handle_of(store)}/relabel", headers=SAME, content=b"a=" + b"x" * 300_000
    )
    assert answer.status_code == 413
