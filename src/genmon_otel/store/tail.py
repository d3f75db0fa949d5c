"""Single generations as they end, and the store-wide counts that the exporter serves."""

from __future__ import annotations

from typing import Any, Final

import sqlalchemy as sa

from genmon_otel.policy import STRIKE_WINDOW_S
from genmon_otel.store import schema
from genmon_otel.store.codec import loads
from genmon_otel.store.rows import Counts, GenerationRow

#: What a row's time may lose of a strike's: the database keeps microseconds.
_ROUNDED_S: Final = 1e-6


def generations(
    connection: sa.Connection,
    *,
    after: int | None = None,
    operation: str | None = None,
    limit: int = 100,
) -> list[GenerationRow]:
    """Return generations in the order they were stored.

    Args:
        connection: to read over.
        after: only those stored after the one with this id; None for the newest ones.
        operation: None for all.
        limit: at most so many.
    """
    table, failures, tests = schema.analytics, schema.failures, schema.tests
    query = (
        sa.select(
            table,
            failures.c.handle,
            failures.c.relabelled_at,
            failures.c.failure_category.label("current_category"),
            failures.c.severity,
            failures.c.error_type,
            failures.c.error_message,
            failures.c.strikes,
            failures.c.context,
            tests.c.id.label("case_id"),
        )
        .select_from(
            table.outerjoin(failures, failures.c.id == table.c.failure_id).outerjoin(
                tests, tests.c.created_from_failure_id == failures.c.id
            )
        )
        .limit(limit)
    )
    if operation is not None:
        query = query.where(table.c.operation == operation)
    if after is None:
        newest = connection.execute(query.order_by(table.c.id.desc())).all()
        return sorted(map(_generation, newest), key=lambda each: (each.ended_at, each.id))
    found = connection.execute(query.where(table.c.id > after).order_by(table.c.id))
    return [_generation(row) for row in found]


def counts(connection: sa.Connection) -> Counts:
    """Return cases by state, runs by channel and verdict, failures by status."""
    runs: dict[str, dict[str, int]] = {}
    table = schema.test_runs
    for channel, verdict, n in connection.execute(
        sa.select(table.c.channel, table.c.verdict, sa.func.count())
        .group_by(table.c.channel, table.c.verdict)
        .order_by(table.c.channel, table.c.verdict)
    ):
        runs.setdefault(channel, {})[verdict] = int(n)
    return Counts(
        cases_by_state=_grouped(connection, schema.tests.c.state),
        runs=runs,
        failures_by_status=_grouped(connection, schema.failures.c.status),
    )


def _grouped(connection: sa.Connection, column: sa.Column[str]) -> dict[str, int]:
    found = connection.execute(sa.select(column, sa.func.count()).group_by(column).order_by(column))
    return {value: int(n) for value, n in found}


def _strike(row: sa.Row[Any]) -> int:
    """Which strike a failing generation was, when it ended."""
    if row.strikes is None:
        return 0
    ended = row.created_at + _ROUNDED_S
    alike = sum(ended - STRIKE_WINDOW_S <= at <= ended for at, _key in loads(row.strikes))
    return max(1, int(alike))


def _generation(row: sa.Row[Any]) -> GenerationRow:
    context = loads(row.context) if row.context is not None else {}
    return GenerationRow(
        id=row.id,
        generation_id=row.generation_id,
        ended_at=row.created_at,
        operation=row.operation,
        framework=row.framework,
        outcome=row.outcome,
        duration_s=row.duration_s,
        user_id=row.user_id,
        project_id=row.project_id,
        trace_id=row.trace_id,
        code_version=row.code_version,
        metadata=loads(row.metadata),
        handle=row.handle,
        category=row.failure_category if row.relabelled_at is None else row.current_category,
        severity=row.severity,
        error_type=row.error_type,
        error_message=row.error_message,
        place=str(context.get("stage") or context.get("function") or ""),
        strike=_strike(row),
        case_id=row.case_id,
    )
