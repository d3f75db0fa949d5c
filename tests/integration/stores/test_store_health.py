"""Health and trends equal a plain count over the rows, at both ends of any window."""

from __future__ import annotations

import random

import pytest

from genmon_otel.policy import HEALTH_WINDOW_S
from genmon_otel.records import Category, GenerationRecord, Outcome
from genmon_otel.store import SqlStore
from tests.store_records import START, Producer, a_failure, failing, success


@pytest.mark.parametrize(
    ("failures", "successes", "is_healthy"),
    [(4, 0, True), (5, 0, False), (3, 2, False), (3, 3, True), (2, 3, True), (0, 0, True),
     (501, 499, False), (500, 500, True)],
)  # fmt: skip
def test_five_attempts_and_more_than_half(
    producer: Producer, store: SqlStore, failures: int, successes: int, is_healthy: bool
) -> None:
    """Unhealthy if and only if at least five attempts ended and more than half of them failed."""
    producer.write(
        *(failing("a") for _ in range(failures)),
        *(success() for _ in range(successes)),
        *(success(outcome=outcome) for outcome in (Outcome.CANCELLED, Outcome.REJECTED)),
    )
    health = store.health(now=START + 1)
    assert (health.attempts, health.failures) == (failures + successes, failures)
    assert health.healthy is is_healthy
    assert health.by_category == ({"rate_limit": failures} if failures else {})
    assert health.failure_rate == (failures / max(1, failures + successes))


@pytest.mark.parametrize("offset", [0.0, 0.000001, 29.5, 59.999999, 60.0])
@pytest.mark.parametrize("window", [3600.0, 90.0, 60.0, 30.0, 0.5])
def test_a_window_has_exact_edges(
    producer: Producer, store: SqlStore, offset: float, window: float
) -> None:
    """A window counts exactly the generations that ended within it, both ends included."""
    now = START + 3600 + offset
    start = now - window
    moments = [start - 0.000002, start, start + 0.000002, (start + now) / 2, now, now + 0.000002]
    producer.write(*(failing("a", moment) for moment in moments))
    assert store.health(window, now).attempts == 4


def test_health_agrees_with_the_rows(producer: Producer, store: SqlStore) -> None:
    """For random histories, windows and categories, health equals a count of the rows."""
    chance = random.Random(7)
    categories = [Category.RATE_LIMIT, Category.SYNTAX_ERROR, Category.UNKNOWN]
    records: list[GenerationRecord] = []
    for _ in range(400):
        at = START + round(chance.uniform(0, 7200), chance.choice((0, 1, 6)))
        if chance.random() < 0.5:
            category = chance.choice(categories)
            records.append(failing(failure=a_failure(category, category=category), at=at))
        else:
            records.append(
                success(at, outcome=chance.choice(list(Outcome)[0:1] + list(Outcome)[2:]))
            )
    for start in range(0, 400, 40):
        producer.write(*records[start : start + 40])
    for _ in range(60):
        window, now = chance.uniform(1, 4000), START + chance.uniform(0, 7400)
        inside = [r for r in records if now - window <= r.ended_at <= now]
        health = store.health(window, now)
        failures = [r for r in inside if r.outcome is Outcome.FAILURE]
        assert health.failures == len(failures)
        assert health.attempts == sum(r.outcome.is_attempt for r in inside)
        for category in categories:
            expected = sum(r.failure is not None and r.failure.category == category for r in inside)
            assert health.by_category.get(category, 0) == expected


def test_health_of_one_operation(producer: Producer, store: SqlStore) -> None:
    """Health of one operation does not count the others."""
    producer.write(failing("a"), failing("b", operation="other"), success(operation="other"))
    health = store.health(HEALTH_WINDOW_S, START, "other")
    assert (health.attempts, health.failures) == (2, 1)


def test_many_producers_add_up(store: SqlStore) -> None:
    """The shards of a minute are added up."""
    for _ in range(20):
        Producer(store).write(success(), failing("a"))
    assert store.health(now=START + 120).attempts == 40


def test_trends_count_by_step(producer: Producer, store: SqlStore) -> None:
    """Trends give counts by outcome and the sum of durations, step by step, in order."""
    producer.write(
        success(START), failing("a", START + 30), success(START + 65), success(START + 600)
    )
    trend = store.trend(START, START + 660, step_s=120)
    assert [(point.at - START, point.by_outcome) for point in trend] == [
        (0, {"success": 2, "failure": 1}),
        (600, {"success": 1}),
    ]
    assert trend[0].duration_sum_s == 6.0
    assert store.trend(START, START + 600, step_s=120)[-1].at == START
    assert store.trend(START, START + 660, operation="nobody") == []
