"""A person's category of a failure applies until it is undone."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Sequence

import pytest
import sqlalchemy as sa

from genmon_otel.errors import ConfigurationError, NotFound
from genmon_otel.policy import OVERFLOW_FINGERPRINT, CaseState
from genmon_otel.records import Category, GenerationRecord, Severity
from genmon_otel.regression.propose import propose
from genmon_otel.store import SqlStore, schema
from genmon_otel.store.rows import FailureRow
from tests.store_records import (
    DAY,
    START,
    FakeClock,
    Producer,
    a_failure,
    failing,
    recording_of,
    success,
)

A = "v2:fingerprint-a"


def label(row: FailureRow) -> tuple[str, str]:
    """Return category and severity."""
    return row.category, row.severity


def row_of(store: SqlStore, name: str = "a") -> FailureRow:
    """Return a failure's row."""
    return store.failure(f"v2:fingerprint-{name}").row


def counted(store: SqlStore) -> dict[str, int]:
    """Count the generations' rows by category; assert that the rollups have the same counts."""
    rows, minutes = schema.analytics, schema.rollups
    with store._database.read() as connection:
        found = Counter(connection.execute(sa.select(rows.c.failure_category)).scalars())
        summed = connection.execute(
            sa.select(minutes.c.category, sa.func.sum(minutes.c.count)).group_by(minutes.c.category)
        )
        rolled = {category: int(n) for category, n in summed if n and category}
    by_rows = {category: n for category, n in found.items() if category}
    assert by_rows == rolled
    return by_rows


def test_a_person_corrects_a_category(
    producer: Producer, store: SqlStore, clock: FakeClock
) -> None:
    """The row has the new category and its severity, reviewer and time, and the rules' values."""
    producer.write(failing("a"))
    clock.at = START + 30
    row = store.relabel(A, category="provider_error", reviewer="ada")
    assert label(row) == ("provider_error", "high")
    assert (row.relabelled_by, row.relabelled_at) == ("ada", START + 30)
    assert (row.rules_category, row.rules_severity) == ("rate_limit", "medium")
    assert row == row_of(store)
    assert store.failures(category="provider_error") == [row]
    assert store.failures(category="rate_limit") == []
    assert [each.category for each in store.generations()] == ["provider_error"]


@pytest.mark.parametrize(
    ("category", "severity", "becomes"),
    [
        ("unknown", None, ("unknown", "medium")),
        ("unknown", "critical", ("unknown", "critical")),
        (" Unknown ", " LOW ", ("unknown", "low")),
        (None, "low", ("rate_limit", "low")),
        ("rate_limit", None, ("rate_limit", "critical")),
    ],
)
def test_either_or_both(
    producer: Producer,
    store: SqlStore,
    category: str | None,
    severity: str | None,
    becomes: tuple[str, str],
) -> None:
    """A new category sets its default severity; the same one keeps the failure's; both can be given."""
    producer.write(failing(failure=a_failure(severity=Severity.CRITICAL)))
    row = store.relabel(A, category=category, severity=severity, reviewer="ada")
    assert label(row) == becomes


def test_later_occurrences_keep_it(producer: Producer, store: SqlStore) -> None:
    """New occurrences are stored and answered with the person's category, and are counted."""
    producer.write(failing("a"))
    store.relabel(A, category="unknown", severity="low", reviewer="ada")
    worse = a_failure("a", severity=Severity.CRITICAL, error_message="newest")
    strikes = producer.strikes(failing("a", START + 1, failure=worse), failing("b", START + 1))
    assert [each.category for each in strikes] == ["unknown", "rate_limit"]
    row = row_of(store)
    assert label(row) == ("unknown", "low")
    assert (row.occurrence_count, row.error_message) == (2, "newest")
    assert counted(store) == {"unknown": 2, "rate_limit": 1}
    assert label(store.undo_relabel(A)) == ("rate_limit", "critical")
    assert counted(store) == {"rate_limit": 3}


def test_what_comes_late_changes_nothing(producer: Producer, store: SqlStore) -> None:
    """An occurrence older than the newest one does not change the rules' values of the newest."""
    producer.write(failing("a", START + 5))
    store.relabel(A, category="unknown", reviewer="ada")
    older = a_failure("a", severity=Severity.CRITICAL)
    producer.write(failing("a", START + 1, failure=older))
    assert label(store.undo_relabel(A)) == ("rate_limit", "medium")


def test_a_failure_that_comes_back_keeps_it(producer: Producer, store: SqlStore) -> None:
    """A failure that is resolved and reopened keeps the person's category."""
    producer.write(failing("a"))
    store.relabel(A, category="unknown", reviewer="ada")
    store.set_failure_status(A, "resolved")
    (strike,) = producer.strikes(failing("a", START + 60))
    assert strike.reopened
    row = row_of(store)
    assert (row.status, row.category, row.relabelled_by) == ("open", "unknown", "ada")


def test_the_last_hour_is_counted_anew(
    store: SqlStore, producer: Producer, clock: FakeClock
) -> None:
    """Health has the failure's new category at once, in whole minutes and at both ends."""
    at = [START - 3_605, START - 3_590, START - 1_800, START - 1_799, START - 3]
    producer.write(*(failing("a", moment) for moment in at))
    Producer(store).write(failing("a", START - 1_800), failing("b", START - 1_800), success(START))
    clock.at = START + 7
    before = store.health()
    assert before.by_category == {"rate_limit": 6}
    store.relabel(A, category="unknown", reviewer="ada")
    after = store.health()
    assert after.by_category == {"rate_limit": 1, "unknown": 5}
    assert (after.attempts, after.failures) == (before.attempts, before.failures)
    store.relabel("v2:fingerprint-b", category="unknown", reviewer="ada")
    assert store.health().by_category == {"unknown": 6}
    store.undo_relabel(A)
    assert store.health().by_category == {"rate_limit": 5, "unknown": 1}
    trend = store.trend(START - 7_200, START + 60, step_s=7_260)
    assert [dict(each.by_outcome) for each in trend] == [{"failure": 7, "success": 1}]
    assert trend[0].duration_sum_s == pytest.approx(16.0)


def test_what_was_counted_long_before_stays(
    producer: Producer, store: SqlStore, clock: FakeClock
) -> None:
    """Counts older than an hour keep the category of before."""
    producer.write(failing("a", START - DAY), failing("a", START))
    clock.at = START + 1
    store.relabel(A, category="unknown", reviewer="ada")
    assert counted(store) == {"rate_limit": 1, "unknown": 1}
    assert {each.category for each in store.generations()} == {"unknown"}


def test_again_and_back(producer: Producer, store: SqlStore, clock: FakeClock) -> None:
    """The second relabel replaces the first; undo restores the rules' values, not the first."""
    producer.write(failing("a"))
    store.relabel(A, category="unknown", reviewer="ada")
    clock.at += 60
    row = store.relabel(A, category="syntax_error", reviewer="bob")
    assert (row.relabelled_by, row.relabelled_at) == ("bob", clock.at)
    assert (row.rules_category, row.rules_severity) == ("rate_limit", "medium")
    row = store.undo_relabel(A)
    assert label(row) == ("rate_limit", "medium")
    assert (row.relabelled_by, row.relabelled_at) == (None, None)
    assert (row.rules_category, row.rules_severity) == (None, None)
    assert store.undo_relabel(A) == row
    assert store.corrections() == []


def test_what_processes_are_told(producer: Producer, store: SqlStore) -> None:
    """The list of corrections has the failures that people relabelled and no others."""
    producer.write(failing("a"), failing("b"))
    assert store.corrections() == []
    store.relabel(A, category="unknown", severity="low", reviewer="ada")
    (correction,) = store.corrections()
    assert correction == (A, "build_app", "react", Category.UNKNOWN, Severity.LOW)


@pytest.mark.parametrize(
    ("category", "says"),
    [
        ("ratelimit", r"'ratelimit' is not known.*rate_limit.*--declared"),
        ("rate-limit", r"'rate-limit' is not allowed"),
        ("", r"'' is not allowed"),
        ("x" * 41, r"is not allowed.*at most 40"),
        ("größe", r"is not allowed"),
    ],
)
def test_a_category_that_is_not_known_is_refused(
    producer: Producer, store: SqlStore, category: str, says: str
) -> None:
    """A wrong name is refused with the allowed ones; the failure is unchanged."""
    producer.write(failing("a"))
    before = row_of(store)
    with pytest.raises(ConfigurationError, match=says):
        store.relabel(A, category=category, reviewer="ada")
    with pytest.raises(ConfigurationError, match=r"'bad' is not known. Allowed: low, medium"):
        store.relabel(A, category=None, severity="bad", reviewer="ada")
    assert row_of(store) == before


def test_categories_of_the_application(producer: Producer, store: SqlStore) -> None:
    """A category of a stored failure is accepted, with its severity; another must be declared."""
    own = a_failure("b", category=Category("prompt_injection"), severity=Severity.CRITICAL)
    producer.write(failing("a"), failing(failure=own))
    assert label(store.relabel(A, category="prompt_injection", reviewer="ada")) == (
        "prompt_injection",
        "critical",
    )
    with pytest.raises(ConfigurationError, match="prompt_injection"):
        store.relabel(A, category="never_met", reviewer="ada")
    row = store.relabel(A, category="never_met", reviewer="ada", is_declared=True)
    assert label(row) == ("never_met", "medium")
    store.relabel("v2:fingerprint-b", category="unknown", reviewer="ada")
    assert label(store.relabel(A, category="prompt_injection", reviewer="ada"))[0]


def test_a_row_that_stands_for_many_has_no_one_category(
    producer: Producer, store: SqlStore
) -> None:
    """The overflow failure and a missing failure are refused with the remedy."""
    many = f"{OVERFLOW_FINGERPRINT}build_app"
    producer.write(failing(failure=a_failure(fingerprint=many, signature=many)))
    with pytest.raises(ConfigurationError, match="genmon failures list"):
        store.relabel(many, category="unknown", reviewer="ada")
    with pytest.raises(NotFound):
        store.relabel("F-NONE", category="unknown", reviewer="ada")
    with pytest.raises(NotFound):
        store.undo_relabel("F-NONE")


def test_upkeep_leaves_it(producer: Producer, store: SqlStore, clock: FakeClock) -> None:
    """Pruning, forgetting a user and upgrading keep the person's category."""
    producer.write(failing("a", user_id="eve"))
    store.relabel(A, category="unknown", reviewer="ada")
    store.forget("eve")
    store.upgrade()
    clock.at = START + 400 * DAY
    store.prune()
    row = row_of(store)
    assert (row.category, row.relabelled_by, row.rules_category) == ("unknown", "ada", "rate_limit")
    producer.write(failing("a", clock.at))
    assert row_of(store).category == "unknown"


def struck(store_url: str, records: Sequence[GenerationRecord], clock: FakeClock) -> SqlStore:
    """Relabel failure ``a`` before its third strike creates the case."""
    store = SqlStore(store_url, clock=clock, propose=propose)
    store.open()
    producer = Producer(store)
    producer.write(*records[:-1], recordings=tuple(recording_of(r) for r in records[:-1]))
    store.relabel(A, category="validation_error", reviewer="ada")
    producer.write(records[-1])
    return store


def test_a_case_is_compared_by_what_the_rules_say(store_url: str, clock: FakeClock) -> None:
    """Signature and expected category are the rules'; lists show the person's."""
    store = struck(store_url, [failing("a", START + n) for n in range(3)], clock)
    (case,) = store.cases()
    assert case.state is CaseState.PROPOSED
    assert (case.category, case.signature) == ("validation_error", "v2:signature-a")
    assert case.case["expected"]["category"] == "rate_limit"
    assert case.case["expected"]["signature"] == "v2:signature-a"
    store.close()


def test_whoever_writes_meanwhile_is_counted_once(store_url: str, store: SqlStore) -> None:
    """While two producers write and a person relabels, rows and rollups stay equal."""
    Producer(store).write(failing("a"))
    broken: list[BaseException] = []

    def write() -> None:
        mine = SqlStore(store_url)
        try:
            producer = Producer(mine)
            for number in range(20):
                producer.write(failing("a", START + number), failing("b", START), success(START))
        except BaseException as error:
            broken.append(error)
        finally:
            mine.close()

    writers = [threading.Thread(target=write) for _ in range(2)]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        store.relabel(A, category="unknown", reviewer="ada")
        store.undo_relabel(A)
        time.sleep(0.01)  # SQLite's lock is not fair: who asks again at once keeps others waiting
    assert broken == []
    assert counted(store) == {"rate_limit": 81}
    store.relabel(A, category="unknown", reviewer="ada")
    assert counted(store) == {"rate_limit": 40, "unknown": 41}
