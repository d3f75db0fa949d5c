"""Batches are stored exactly once as rows, failures and counters, also when an answer is lost."""

from __future__ import annotations

import json
from typing import Any

import pytest
import sqlalchemy as sa

from genmon_otel.errors import NotFound, StoreRefused
from genmon_otel.records import Batch, Outcome, Stage
from genmon_otel.store import SqlStore, schema
from tests.store_records import DAY, START, FakeClock, Producer, a_failure, failing, success


def count(store: SqlStore, table: sa.Table) -> int:
    """Return the rows of a table."""
    with store._database.read() as connection:
        return int(connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one())


def test_a_generation_comes_back_as_it_was(producer: Producer, store: SqlStore) -> None:
    """Every field of a record is in its row, timestamps to the microsecond."""
    record = success(
        START + 0.123456, trace_id="ab" * 16, span_id="cd" * 8, code_version="v1", file_count=3,
        tokens={"input": 5}, context={"kind": "demo"}, user_request="a todo app",
        stages=(Stage("plan", "phase", 0.5, Outcome.SUCCESS),),
    )  # fmt: skip
    assert producer.write(record).written == 1
    (row,) = store.generations()
    assert row.generation_id == record.generation_id
    assert row.ended_at == record.ended_at
    assert (row.operation, row.framework, row.outcome) == ("build_app", "react", "success")
    assert (row.user_id, row.project_id, row.trace_id) == ("ada", "p1", "ab" * 16)
    assert row.code_version == "v1"
    assert row.metadata == {
        "file_count": 3,
        "phases": [{"name": "plan", "duration_s": 0.5, "outcome": "success"}],
        "tokens": {"input": 5},
        "context": {"kind": "demo"},
    }


def test_alike_failures_are_one_row(producer: Producer, store: SqlStore) -> None:
    """A failure counts its occurrences, keeps its first and last time and its newest message."""
    newest = a_failure("a", error_message="the newest", stack_trace="newest stack")
    producer.write(failing("a", START + 60), failing("a", START, user_id="bob"))
    producer.write(failing("b", START + 5), failing("a", START + 90, failure=newest))
    producer.write(failing("a", START + 30))
    first = store.failure("v2:fingerprint-a").row
    assert first.occurrence_count == 4
    assert (first.first_seen_at, first.last_seen_at) == (START, START + 90)
    assert (first.error_message, first.stack_trace) == ("the newest", "newest stack")
    assert (first.category, first.severity, first.status) == ("rate_limit", "medium", "open")
    assert [row.fingerprint for row in store.failures()] == [
        "v2:fingerprint-a",
        "v2:fingerprint-b",
    ]


def test_only_attempts_that_failed_make_failures(producer: Producer, store: SqlStore) -> None:
    """Cancelled and rejected generations are stored as rows without a failure."""
    for outcome in (Outcome.CANCELLED, Outcome.REJECTED):
        producer.write(success(outcome=outcome))
    assert [row.outcome for row in store.generations()] == ["cancelled", "rejected"]
    assert store.failures() == []


def test_a_foreign_span_is_a_failure_but_no_attempt(
    producer: Producer, store: SqlStore, clock: FakeClock
) -> None:
    """Foreign error spans are grouped and counted, without row, rollup or case."""
    foreign = a_failure("f", origin="foreign_span")
    for _ in range(4):
        producer.write(failing(failure=foreign))
    row = store.failure("v2:fingerprint-f").row
    assert row.occurrence_count == 4
    assert row.context["origin"] == "foreign_span"
    assert store.generations() == []
    assert store.health(now=START).attempts == 0
    assert store.cases() == []


def test_a_batch_told_twice_is_stored_once(producer: Producer, store: SqlStore) -> None:
    """After a lost answer to a COMMIT the same batch changes nothing and is reported as duplicate."""
    batch = producer.batch(success(), failing("a"))
    assert not store.write(batch).duplicate
    again = store.write(batch)
    assert (again.duplicate, again.written, again.strikes) == (True, 0, ())
    assert len(store.generations()) == 2
    assert store.failures()[0].occurrence_count == 1
    assert store.health(now=START).attempts == 2
    assert store.producer_position(producer.name) == (1, 1)


def test_a_store_brought_back_from_a_copy_goes_on(producer: Producer, store: SqlStore) -> None:
    """A producer whose position is ahead of the stored one (a restored backup) can write."""
    assert store.producer_position("late") == (0, 0)
    assert store.write(Batch("late", 7, 40, (success(),))).written == 1
    assert store.producer_position("late") == (8, 40)


def test_a_generation_told_by_two_producers_is_stored_once(
    producer: Producer, store: SqlStore
) -> None:
    """A generation that is stored already is skipped, the rest of its batch is stored."""
    known, fresh = failing("a"), failing("a")
    producer.write(known)
    other = Producer(store)
    other.write(known, fresh, success())
    assert len(store.generations()) == 3
    assert store.failures()[0].occurrence_count == 2
    assert store.health(now=START).attempts == 3


def test_an_error_in_a_batch_stores_nothing_of_it(producer: Producer, store: SqlStore) -> None:
    """A refused row raises StoreRefused and rolls the whole transaction back."""
    broken = success(ended_at=float("inf"))
    with pytest.raises(StoreRefused):
        producer.write(failing("a"), broken)
    assert count(store, schema.analytics) == count(store, schema.failures) == 0
    assert store.producer_position(producer.name) == (0, 0)
    assert producer.write(failing("a")).written == 1


HOSTILE = "nul \0 surrogate \ud800 bell \x07 line\nend \U0001f600"


def test_hostile_text_is_stored(producer: Producer, store: SqlStore) -> None:
    """NUL, lone surrogates and control characters in any field do not refuse a row."""
    hostile = a_failure(
        "a", error_type=HOSTILE, error_message=HOSTILE, stack_trace=HOSTILE, stage=HOSTILE,
        fingerprint=HOSTILE, signature=HOSTILE, trigger_signature=HOSTILE,
    )  # fmt: skip
    record = failing(
        failure=hostile, operation=HOSTILE, framework=HOSTILE, user_id=HOSTILE, project_id=HOSTILE,
        user_request=HOSTILE, code_version=HOSTILE, strike_key=HOSTILE,
        context={HOSTILE: [HOSTILE, float("nan"), {1: (2, object)}]},
    )  # fmt: skip
    (strike,) = producer.strikes(record)
    (row,) = store.generations()
    assert row.error_message == "nul  surrogate \ufffd bell  line\nend \U0001f600"
    text = json.dumps(row.metadata)
    assert "\\u0000" not in text
    assert "\\ud800" not in text
    assert store.failure(strike.handle).impact.users == 1


def test_enormous_values_are_stored(producer: Producer, store: SqlStore) -> None:
    """Names of a megabyte and deeply nested contexts are stored, cut."""
    deep: Any = "end"
    for _ in range(5_000):
        deep = [deep]
    long = "x" * 1_000_000
    producer.write(
        failing("a", user_id=long, project_id=long, operation=long, context={"deep": deep}),
        success(framework=long, code_version=long, strike_key=long, user_request=long),
    )
    assert len(store.generations()) == 2


def test_resolved_reopens_and_ignored_does_not(producer: Producer, store: SqlStore) -> None:
    """A resolved failure that occurs again is reopened once; an ignored one stays ignored."""
    producer.write(failing("a"), failing("b"))
    assert store.set_failure_status("v2:fingerprint-a", "resolved").status == "resolved"
    store.set_failure_status("v2:fingerprint-b", "ignored")
    result = producer.write(
        failing("a", START + 9), failing("a", START + 9), failing("b", START + 9)
    )
    assert [strike.reopened for strike in result.strikes] == [True, False, False]
    assert store.failure("v2:fingerprint-a").row.status == "open"
    assert store.failure("v2:fingerprint-a").row.reopened_count == 1
    assert store.failure("v2:fingerprint-b").row.status == "ignored"
    assert not any(s.reopened for s in producer.strikes(failing("a", START + 10)))


def test_an_older_occurrence_does_not_reopen(producer: Producer, store: SqlStore) -> None:
    """An occurrence from a late journal, before the failure was resolved, does not reopen it."""
    producer.write(failing("a", START + 60))
    store.set_failure_status("v2:fingerprint-a", "resolved")
    producer.write(failing("a", START))
    assert store.failure("v2:fingerprint-a").row.status == "resolved"


def test_handles_are_unique_and_their_starts_find(producer: Producer, store: SqlStore) -> None:
    """Two failures whose short handles collide get different handles, and both are found."""
    from genmon_otel.fingerprint import handle

    seen: dict[str, str] = {}
    pair: tuple[str, str] | None = None
    for number in range(1_000_000):
        fingerprint = f"v2:{number}"
        short = handle(fingerprint)
        if short in seen:
            pair = (seen[short], fingerprint)
            break
        seen[short] = fingerprint
    assert pair is not None
    for fingerprint in pair:
        producer.write(failing(failure=a_failure("a", fingerprint=fingerprint)))
    short, longer = (store.failure(fingerprint).row.handle for fingerprint in pair)
    assert longer == handle(pair[1], 5)
    assert store.failure(short.lower().removeprefix("f-")).row.fingerprint == pair[0]
    assert store.failure(longer).row.fingerprint == pair[1]
    producer.write(failing("z"))
    other = store.failure("v2:fingerprint-z").row.handle
    assert store.failure(other[:5]).row.fingerprint == "v2:fingerprint-z"
    with pytest.raises(NotFound, match="several"):
        store.failure("v2:")
    for nothing in ("", "F-", "F-%", "ZZZZZZZ", "v9:"):
        with pytest.raises(NotFound):
            store.failure(nothing)


def test_lists_filter_sort_and_end(producer: Producer, store: SqlStore) -> None:
    """The list of failures applies status, category, operation, time, order and limit."""
    producer.write(failing("a"), failing("a"), failing("b", START + DAY, operation="other"))
    store.set_failure_status("v2:fingerprint-a", "ignored")
    prints = lambda rows: [row.fingerprint[-1] for row in rows]  # noqa: E731
    assert prints(store.failures()) == ["b", "a"]
    assert prints(store.failures(sort="count")) == ["a", "b"]
    assert prints(store.failures(status="ignored")) == ["a"]
    assert prints(store.failures(operation="other")) == ["b"]
    assert prints(store.failures(category="syntax_error")) == []
    assert prints(store.failures(since=START + 1)) == ["b"]
    assert prints(store.failures(limit=1)) == ["b"]


def test_impact_counts_people_once(producer: Producer, store: SqlStore) -> None:
    """Users and projects are counted once for a failure; the share is of that week's users."""
    for day, user in ((0, "ada"), (0, "bob"), (3, "cy"), (9, "ada"), (9, "dee")):
        producer.write(failing("a", START + day * DAY, user_id=user, project_id=f"p-{user}"))
        producer.write(failing("a", START + day * DAY, user_id=user, project_id=f"p-{user}"))
    producer.write(*(success(START + 8 * DAY, user_id=f"u{n}") for n in range(6)))
    impact = store.failure("v2:fingerprint-a").impact
    assert (impact.users, impact.projects) == (4, 4)
    # Day 9's week is days 3 to 9: cy, ada, dee were hit; they and six others were active.
    assert (impact.users_week, impact.active_week) == (3, 9)
    assert impact.share == pytest.approx(3 / 9)


def test_late_days_are_counted_where_they_belong(producer: Producer, store: SqlStore) -> None:
    """Distinct users of a week are counted correctly in any order of their days."""
    for day in (5, 0, 12, 2, 9, 7, 5):
        producer.write(success(START + day * DAY, user_id="ada"))
        producer.write(success(START + day * DAY, user_id=f"only-{day}"))
    with store._database.read() as connection:
        from genmon_otel.store.impact import count_active_users

        first = int(START // DAY)
        days = (0, 2, 5, 7, 9, 12)
        for last in range(-1, 22):
            week = [day for day in days if last - 7 < day <= last]
            assert count_active_users(connection, first + last) == len(week) + bool(week), last


def test_a_second_store_on_the_database_sees_it_all(
    producer: Producer, store: SqlStore, store_url: str
) -> None:
    """A second store on the same database reads the first one's rows and continues its counts."""
    producer.write(failing("a"), success())
    other = SqlStore(store_url)
    other.open()
    Producer(other).write(failing("a", user_id="ada"), success()._replace(user_id="ada"))
    assert other.failure("v2:fingerprint-a").row.occurrence_count == 2
    assert other.failure("v2:fingerprint-a").impact.users == 1
    assert other.failure("v2:fingerprint-a").impact.active_week == 1
    other.close()
