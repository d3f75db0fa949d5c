"""What the page asks of the store: searches, one failure's history, decisions."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from genmon_otel.errors import ConfigurationError
from genmon_otel.policy import CaseState
from genmon_otel.records import Category
from genmon_otel.store import SqlStore, overview
from genmon_otel.store.overview import FailureQuery
from tests.store_records import DAY, START, Producer, a_failure, failing, success


def found(store: SqlStore, **wanted: Any) -> tuple[list[str], int]:
    """Return the fingerprints' last letters and the count of a search."""
    rows, count = store.overview.search_failures(FailureQuery(**wanted))
    return [row.fingerprint[-1] for row in rows], count


@pytest.fixture
def filled(producer: Producer, store: SqlStore) -> SqlStore:
    """A store of three failures on two versions."""
    odd = a_failure(
        "b", category=Category.SYNTAX_ERROR, error_message="100% of it_self", error_type="JSONError"
    )
    producer.write(
        failing("a", START, code_version="v1"),
        failing("a", START + DAY, code_version="v2", user_id="bob"),
        failing("b", START + 10, failure=odd, operation="other", code_version="v1"),
        failing("c", START + 2 * DAY, code_version=None),
        success(START + 5),
    )
    return store


def test_failures_are_searched(filled: SqlStore) -> None:
    """Text, category, operation, version and status narrow the list; wildcards are plain text."""
    handle = filled.failure("v2:fingerprint-c").row.handle
    filled.set_failure_status("v2:fingerprint-a", "resolved")
    searches: list[tuple[dict[str, Any], list[str]]] = [
        ({}, ["c", "a", "b"]),
        ({"text": "TOO MANY"}, ["c", "a"]),
        ({"text": "100%"}, ["b"]),
        ({"text": "t_s"}, ["b"]),
        ({"text": "%"}, ["b"]),
        ({"text": handle}, ["c"]),
        ({"text": handle[2:].lower()}, ["c"]),
        ({"text": "jsonerr"}, ["b"]),
        ({"category": "syntax_error"}, ["b"]),
        ({"operation": "build_app"}, ["c", "a"]),
        ({"version": "v1"}, ["a", "b"]),
        ({"version": "v2"}, ["a"]),
        ({"version": "v3"}, []),
        ({"version": "v\0"}, []),
        ({"text": "\0"}, []),
        ({"operation": "\0"}, []),
        ({"category": "\0"}, []),
        ({"status": "open"}, ["c", "b"]),
        ({"sort": "count"}, ["a", "c", "b"]),
        ({"sort": "users"}, ["a", "c", "b"]),
    ]
    wrong = [
        (wanted, got) for wanted, want in searches if (got := found(filled, **wanted)[0]) != want
    ]
    assert wrong == []
    assert found(filled, limit=1, offset=1) == (["a"], 3)


def test_a_search_refuses_what_there_is_not(filled: SqlStore) -> None:
    """An unknown status or order names the known ones."""
    with pytest.raises(ConfigurationError, match="open, resolved, ignored"):
        found(filled, status="closed")
    with pytest.raises(ConfigurationError, match="last_seen"):
        found(filled, sort="name")


def test_a_failures_history(filled: SqlStore) -> None:
    """Days, versions from the first one on, and the newest generations with trace and user."""
    history = filled.overview.failure_history(filled.failure("v2:fingerprint-a").row.id)
    day = int(START // DAY)
    assert history.by_day == {day: 1, day + 1: 1}
    assert history.versions == (("v1", START, START, 1), ("v2", START + DAY, START + DAY, 1))
    assert [(each.at, each.code_version, each.user_id) for each in history.newest] == [
        (START + DAY, "v2", "bob"),
        (START, "v1", "ada"),
    ]
    assert (history.counted, history.began_on) == (None, "v1")
    unversioned = filled.overview.failure_history(filled.failure("v2:fingerprint-c").row.id)
    assert unversioned.versions == ((None, START + 2 * DAY, START + 2 * DAY, 1),)
    assert filled.overview.failure_names() == (
        ["build_app", "other"],
        ["rate_limit", "syntax_error"],
    )


def test_a_long_history_counts_its_newest(
    filled: SqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However often it happened, a bounded number is read; on which version it began is known still."""
    monkeypatch.setattr(overview, "_COUNTED", 1)
    history = filled.overview.failure_history(filled.failure("v2:fingerprint-a").row.id)
    day = int(START // DAY)
    assert history.by_day == {day + 1: 1}
    assert history.versions == (("v2", START + DAY, START + DAY, 1),)
    assert (history.counted, history.began_on) == (1, "v1")
    assert len(history.newest) == 2


def test_the_list_of_failures_is_read_from_indexes(filled: SqlStore) -> None:
    """Listed as it comes, filtered, counted, of a version: no query sorts or reads all rows with their stacks."""
    statements: list[tuple[str, object]] = []
    with filled._database.read() as opened:
        engine = opened.engine
    sa.event.listen(engine, "before_cursor_execute", lambda *a: statements.append((a[2], a[3])))
    for query in (FailureQuery(status="open", sort="users"),
                  FailureQuery(status="open", sort="users", operation="other"),
                  FailureQuery(status="open", sort="users", category="rate_limit", offset=1),
                  FailureQuery(status="open", sort="users", version="v1"),
                  FailureQuery(status="open", sort="last_seen")):  # fmt: skip
        filled.overview.search_failures(query)
    if engine.dialect.name != "sqlite":
        return  # PostgreSQL reads a table of three rows whole
    plans = []
    with engine.connect() as connection:
        for statement, parameters in list(statements):
            if "generation_failures" in statement and "fingerprint" not in statement:
                told = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
                plans += [str(row[-1]) for row in told]
    assert plans
    assert [each for each in plans if "SCAN" in each or "TEMP B-TREE FOR ORDER BY" in each] == []
    assert [
        each
        for each in plans
        if "generation_analytics" in each and "code_version=? AND failure_id=?" not in each
    ] == []


def test_decisions_are_kept(producer: Producer, filled: SqlStore) -> None:
    """Each decision about a failure or its case is listed with who and when, newest first."""
    producer.write(*(failing("d", START + n) for n in range(3)))
    row = filled.failure("v2:fingerprint-d").row
    filled.set_failure_status(row.handle, "ignored", "ada")
    filled.relabel(row.handle, category="ai_timeout", reviewer="bob")
    filled.undo_relabel(row.handle, "cleo")
    filled.set_case_state(row.handle, CaseState.REPRODUCED, reason="3 of 3")
    filled.set_case_state(row.handle, CaseState.REJECTED, reviewer="dan", reason="not ours")
    kept = [(each.decision, each.reviewer, each.detail) for each in filled.decisions(row.id)]
    assert kept == [
        ("rejected", "dan", "not ours"),
        ("reproduced", None, "3 of 3"),
        ("relabelled", "cleo", "back to the rules' word"),
        ("relabelled", "bob", "ai_timeout, high"),
        ("ignored", "ada", ""),
    ]
    assert {each.at for each in filled.decisions(row.id)} == {START}
