"""Single generations as they end, and the store-wide counts that the exporter serves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import sqlalchemy as sa

from genmon_otel import conventions as names
from genmon_otel.policy import STRIKE_WINDOW_S
from genmon_otel.records import Outcome, Severity
from genmon_otel.store import schema
from genmon_otel.store.reading import RowReader
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
            failures.c.id.label("of_failure"),
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
        newest = connection.execute(query.order_by(table.c.id.desc())).mappings()
        rows = [_generation(connection, row) for row in newest]
        return sorted(rows, key=lambda each: (each.ended_at, each.id))
    found = connection.execute(query.where(table.c.id > after).order_by(table.c.id))
    return [_generation(connection, row) for row in found.mappings()]


def counts(connection: sa.Connection) -> Counts:
    """Return cases by state, runs by channel and verdict, failures by status."""
    runs: dict[str, dict[str, int]] = {}
    table = schema.test_runs
    for channel, verdict, n in connection.execute(
        sa.select(table.c.channel, table.c.verdict, sa.func.count())
        .group_by(table.c.channel, table.c.verdict)
        .order_by(table.c.channel, table.c.verdict)
    ):
        runs.setdefault(str(channel), {})[str(verdict)] = int(n)
    return Counts(
        cases_by_state=_grouped(connection, schema.tests.c.state),
        runs=runs,
        failures_by_status=_grouped(connection, schema.failures.c.status),
    )


def _grouped(connection: sa.Connection, column: sa.Column[str]) -> dict[str, int]:
    found = connection.execute(sa.select(column, sa.func.count()).group_by(column).order_by(column))
    return {str(value): int(n) for value, n in found}


def _strike(strikes: list[tuple[float, str]], ended_at: float) -> int:
    """Which strike a failing generation was, when it ended."""
    ended = ended_at + _ROUNDED_S
    return max(1, sum(ended - STRIKE_WINDOW_S <= at <= ended for at, _key in strikes))


def _generation(connection: sa.Connection, row: Mapping[Any, Any]) -> GenerationRow:
    read = RowReader(connection, names.TABLE_ANALYTICS, row, row["id"])
    ended_at = read.moment("created_at")
    values: dict[str, Any] = {
        "id": read.integer("id"),
        "generation_id": read.text("generation_id"),
        "ended_at": ended_at,
        "operation": read.text("operation"),
        "framework": read.text("framework"),
        "outcome": read.known("outcome", list(Outcome)),
        "duration_s": read.number("duration_s"),
        "user_id": read.optional_text("user_id"),
        "project_id": read.optional_text("project_id"),
        "trace_id": read.optional_text("trace_id"),
        "code_version": read.optional_text("code_version"),
        "metadata": read.json_object("metadata"),
        "category": read.optional_text("failure_category"),
    }
    if row["of_failure"] is None:
        return GenerationRow(
            **values, handle=None, severity=None, error_type=None, error_message=None, place="",
            strike=0, case_id=None,
        )  # fmt: skip
    of_failure = RowReader(
        connection, names.TABLE_FAILURES, row, row["handle"] or row["of_failure"]
    )
    context = of_failure.json_object("context")
    if row["relabelled_at"] is not None:
        values["category"] = of_failure.text("current_category")
    return GenerationRow(
        **values,
        handle=of_failure.text("handle"),
        severity=of_failure.choice("severity", Severity, Severity.MEDIUM),
        error_type=of_failure.text("error_type"),
        error_message=of_failure.text("error_message"),
        place=str(context.get("stage") or context.get("function") or ""),
        strike=_strike(of_failure.strikes("strikes"), ended_at),
        case_id=row["case_id"],
    )
