"""Lists single generations for ``genmon tail``, and counts for ``genmon exporter``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import sqlalchemy as sa

from genmon_otel import conventions as names
from genmon_otel.policy import STRIKE_WINDOW_S
from genmon_otel.records import Outcome, Severity
from genmon_otel.store import schema
from genmon_otel.store.codec import MESSAGE_LIMIT
from genmon_otel.store.reading import RowReader
from genmon_otel.store.rows import Counts, GenerationRow

#: Seconds by which a stored time may differ from a strike's: the database rounds to microseconds.
_ROUNDING_S: Final = 1e-6


def list_generations(
    connection: sa.Connection,
    *,
    after: int | None = None,
    operation: str | None = None,
    limit: int = 100,
) -> list[GenerationRow]:
    """List generations in the order in which they were stored.

    Args:
        connection: to read over.
        after: only those stored after the one with this id; None for the newest ones.
        operation: None for all.
        limit: the most rows to return.
    """
    table, failures, tests = schema.analytics, schema.failures, schema.tests
    query = (
        sa.select(
            table,
            failures.c.id.label("row_id_of_failure"),
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
        rows = [_generation_row(connection, row) for row in newest]
        return sorted(rows, key=lambda each: (each.ended_at, each.id))
    found = connection.execute(query.where(table.c.id > after).order_by(table.c.id))
    return [_generation_row(connection, row) for row in found.mappings()]


def fetch_counts(connection: sa.Connection) -> Counts:
    """Count cases by state, runs by channel and verdict, failures by status."""
    runs: dict[str, dict[str, int]] = {}
    table = schema.test_runs
    for channel, verdict, n in connection.execute(
        sa.select(table.c.channel, table.c.verdict, sa.func.count())
        .group_by(table.c.channel, table.c.verdict)
        .order_by(table.c.channel, table.c.verdict)
    ):
        runs.setdefault(str(channel), {})[str(verdict)] = int(n)
    return Counts(
        cases_by_state=_count_by(connection, schema.tests.c.state),
        runs=runs,
        failures_by_status=_count_by(connection, schema.failures.c.status),
    )


def _count_by(connection: sa.Connection, column: sa.Column[str]) -> dict[str, int]:
    found = connection.execute(sa.select(column, sa.func.count()).group_by(column).order_by(column))
    return {str(value): int(n) for value, n in found}


def _strike_number(strikes: list[tuple[float, str]], ended_at: float) -> int:
    """Count the strikes in the window that ends when a generation ended; at least 1."""
    ended = ended_at + _ROUNDING_S
    return max(1, sum(ended - STRIKE_WINDOW_S <= at <= ended for at, _key in strikes))


def _generation_row(connection: sa.Connection, row: Mapping[Any, Any]) -> GenerationRow:
    read = RowReader(connection, names.TABLE_ANALYTICS, row, row["id"])
    ended_at = read.timestamp("created_at")
    values: dict[str, Any] = {
        "id": read.integer("id"),
        "generation_id": read.text("generation_id"),
        "ended_at": ended_at,
        "operation": read.text("operation"),
        "framework": read.text("framework"),
        "outcome": read.text_reported_unless("outcome", list(Outcome)),
        "duration_s": read.seconds("duration_s"),
        "user_id": read.optional_text("user_id"),
        "project_id": read.optional_text("project_id"),
        "trace_id": read.optional_text("trace_id"),
        "code_version": read.optional_text("code_version"),
        "metadata": read.json_object("metadata"),
        "category": read.optional_text("failure_category"),
    }
    if row["row_id_of_failure"] is None:
        return GenerationRow(
            **values, handle=None, severity=None, error_type=None, error_message=None, place="",
            strike=0, case_id=None,
        )  # fmt: skip
    read_failure = RowReader(
        connection, names.TABLE_FAILURES, row, row["handle"] or row["row_id_of_failure"]
    )
    context = read_failure.json_object("context")
    if row["relabelled_at"] is not None:
        values["category"] = read_failure.text("current_category")
    return GenerationRow(
        **values,
        handle=read_failure.text("handle"),
        severity=read_failure.member("severity", Severity, Severity.MEDIUM),
        error_type=read_failure.text("error_type"),
        error_message=read_failure.text("error_message", MESSAGE_LIMIT),
        place=str(context.get("stage") or context.get("function") or ""),
        strike=_strike_number(read_failure.strikes("strikes"), ended_at),
        case_id=row["case_id"],
    )
