"""Computes health and trends: whole minutes from the rollups, the partial minutes at both ends of a
window from an index of ``generation_analytics``.

So an hour costs the same with ten rows in the table and with a hundred million.
"""

from __future__ import annotations

import math
from collections import Counter
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from genmon_otel import conventions as names
from genmon_otel.policy import is_healthy
from genmon_otel.records import Health, Outcome
from genmon_otel.store import schema
from genmon_otel.store.rows import TrendPoint

MINUTE_S = 60


def fetch_health(
    connection: sa.Connection, window_s: float, now: float, operation: str | None = None
) -> Health:
    """Compute health over the attempts that ended in the last ``window_s`` seconds, ends included.

    Args:
        connection: to read over.
        window_s: seconds.
        now: Unix seconds.
        operation: only that one's attempts; None for all but the failures that
            ``genmon doctor`` sends as a test.
    """
    start = now - window_s
    first, last = math.ceil(start / MINUTE_S) * MINUTE_S, math.floor(now / MINUTE_S) * MINUTE_S
    counts: Counter[tuple[str, str]] = Counter()
    if first <= last:
        if first < last:
            counts.update(_count_rollups(connection, first, last, operation))
        if start < first:
            counts.update(
                _count_generations(connection, start, first, operation, end_included=False)
            )
        counts.update(_count_generations(connection, last, now, operation, end_included=True))
    else:
        counts.update(_count_generations(connection, start, now, operation, end_included=True))
    successes = sum(n for (outcome, _), n in counts.items() if outcome == Outcome.SUCCESS)
    by_category = {  # relabelling leaves a count of 0 behind
        c: n for (outcome, c), n in sorted(counts.items()) if outcome == Outcome.FAILURE and n
    }
    failures = sum(by_category.values())
    attempts = successes + failures
    return Health(
        window_s=window_s,
        attempts=attempts,
        successes=successes,
        failures=failures,
        failure_rate=failures / attempts if attempts else 0.0,
        by_category=by_category,
        healthy=is_healthy(attempts, failures),
    )


def list_trend(
    connection: sa.Connection,
    since: float,
    until: float,
    step_s: int,
    operation: str | None = None,
) -> list[TrendPoint]:
    """List counts by outcome for each step from ``since`` to ``until``, without empty steps.

    Args:
        connection: to read over.
        since: Unix seconds, rounded down to a whole minute.
        until: Unix seconds, exclusive.
        step_s: seconds, a whole number of minutes.
        operation: only that one's; None for all.
    """
    table = schema.rollups
    start = math.floor(since / MINUTE_S) * MINUTE_S
    query = (
        sa.select(
            table.c.minute, table.c.outcome,
            sa.func.sum(table.c.count), sa.func.sum(table.c.duration_sum_s),
        )
        .where(table.c.minute >= start, table.c.minute < until)
        .group_by(table.c.minute, table.c.outcome)
        .order_by(table.c.minute)
    )  # fmt: skip
    if operation is not None:
        query = query.where(table.c.operation == operation)
    steps: dict[float, tuple[Counter[str], list[float]]] = {}
    for minute, outcome, count, duration in connection.execute(query):
        numbers = (minute, count, duration)
        # SQLite stores any value in any column.
        if not all(
            isinstance(each, (int, float, Decimal)) and math.isfinite(each) for each in numbers
        ):
            continue
        at = start + (minute - start) // step_s * step_s
        counts, durations = steps.setdefault(at, (Counter(), []))
        counts[str(outcome)] += int(count)
        durations.append(duration)
    return [
        TrendPoint(at, dict(counts), sum(durations)) for at, (counts, durations) in steps.items()
    ]


def _count_rollups(
    connection: sa.Connection, first: float, last: float, operation: str | None
) -> dict[tuple[str, str], int]:
    table = schema.rollups
    query = (
        sa.select(table.c.outcome, table.c.category, sa.func.sum(table.c.count))
        .where(table.c.minute >= first, table.c.minute < last)
        .where(_matches(table.c.operation, operation))
        .group_by(table.c.outcome, table.c.category)
    )
    return _fetch_counts(connection, query)


def _count_generations(
    connection: sa.Connection,
    start: float,
    end: float,
    operation: str | None,
    *,
    end_included: bool,
) -> dict[tuple[str, str], int]:
    table = schema.analytics
    category = sa.func.coalesce(table.c.failure_category, "")
    until = table.c.created_at <= end if end_included else table.c.created_at < end
    query = (
        sa.select(table.c.outcome, category, sa.func.count())
        .where(table.c.created_at >= start, until)
        .where(_matches(table.c.operation, operation))
        .group_by(table.c.outcome, category)
    )
    return _fetch_counts(connection, query)


def _matches(column: sa.Column[str], operation: str | None) -> sa.ColumnElement[bool]:
    return column != names.SELFTEST_OPERATION if operation is None else column == operation


def _fetch_counts(connection: sa.Connection, query: sa.Select[Any]) -> dict[tuple[str, str], int]:
    counts: Counter[tuple[str, str]] = Counter()
    for outcome, category, n in connection.execute(query):
        # SQLite stores any value in any column.
        if isinstance(n, (int, float, Decimal)) and math.isfinite(n):
            counts[str(outcome), str(category)] += int(n)
    return counts
