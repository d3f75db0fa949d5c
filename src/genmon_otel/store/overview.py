"""Searches and lists what the page shows. Constant or indexed queries only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Final, get_args

import sqlalchemy as sa

from genmon_otel import conventions as names
from genmon_otel.errors import ConfigurationError
from genmon_otel.policy import HEALTH_WINDOW_S, CaseState, is_healthy
from genmon_otel.records import Outcome
from genmon_otel.store import schema
from genmon_otel.store.cases import list_runs_of, list_summaries
from genmon_otel.store.codec import normalise_handle, searchable, storable_name
from genmon_otel.store.connect import Database
from genmon_otel.store.failures import SORT_COLUMNS, Sort, Status, list_failures_by_id
from genmon_otel.store.grouping import OPEN
from genmon_otel.store.reading import RowReader
from genmon_otel.store.rows import (
    CaseSummary,
    FailureHistory,
    FailureRow,
    Occurrence,
    OperationHealth,
    RunRow,
)

#: Operations of the last hour that are listed.
_OPERATIONS: Final = 12
#: Days, versions and occurrences that a history lists.
_DAYS: Final = 90
_VERSIONS: Final = 20
_NEWEST: Final = 20
#: Newest generations of a failure that its history counts.
_COUNTED: Final = 20_000
_EPOCH_DAY: Final = date(1970, 1, 1).toordinal()


@dataclass(frozen=True, slots=True)
class FailureQuery:
    """Which failures to list, and in which order. None means all."""

    #: Text in the handle, the message, the exception's type or the operation; case does not count.
    text: str | None = None
    status: str | None = None
    category: str | None = None
    operation: str | None = None
    #: A code version on which it happened.
    version: str | None = None
    sort: Sort = "last_seen"
    limit: int = 50
    offset: int = 0


class Overview:
    """What the page lists of one store. Thread-safe."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def search_failures(self, query: FailureQuery) -> tuple[list[FailureRow], int]:
        """List the failures that match, and count all; see :func:`search_failures`."""
        with self._database.read() as connection:
            return search_failures(connection, query)

    def failure_history(self, failure_id: int) -> FailureHistory:
        """Fetch when, and on which versions, a failure happened."""
        with self._database.read() as connection:
            return fetch_history(connection, failure_id)

    def failure_names(self) -> tuple[list[str], list[str]]:
        """List the operations and the categories of all failures."""
        with self._database.read() as connection:
            return list_names(connection)

    def newest(self, limit: int) -> list[FailureRow]:
        """List the open failures that came last, by their row ids: no sort, whatever their number."""
        table = schema.failures
        with self._database.read() as connection:
            ids = connection.execute(
                sa.select(table.c.id)
                .where(table.c.status == OPEN)
                .order_by(table.c.id.desc())
                .limit(limit)
            ).scalars()
            return list_failures_by_id(connection, list(ids))

    def operations(self, now: float) -> list[OperationHealth]:
        """List the operations of the last hour, in whole minutes; the worst first.

        Args:
            now: Unix seconds.
        """
        with self._database.read() as connection:
            return list_operations(connection, now)

    def cases(
        self, states: Sequence[CaseState], *, limit: int, offset: int = 0, read_content: bool = True
    ) -> tuple[list[CaseSummary], int]:
        """List cases in some states, in the order of these, and count all.

        Args:
            states: those that need a person first.
            limit, offset: which of them; of a state the newest come first.
            read_content: whether to read from their content which are unfixable.
        """
        with self._database.read() as connection:
            return list_summaries(
                connection, states, limit=limit, offset=offset, read_content=read_content
            )

    def runs_of(self, case_ids: Sequence[int], most: int) -> dict[int, list[RunRow]]:
        """List the newest runs of several cases by one query, at most ``most`` of each."""
        with self._database.read() as connection:
            return list_runs_of(connection, case_ids, most)

    def cases_with(self, user: str) -> list[tuple[str, str]]:
        """List the handle and the file's name of every case that was built from a person's data."""
        with self._database.read() as connection:
            return list_cases_with(connection, user)


def list_cases_with(connection: sa.Connection, user: str) -> list[tuple[str, str]]:
    """List the cases whose users include a person; their number is that of a store's cases."""
    tests, table = schema.tests, schema.failures
    found = connection.execute(
        sa.select(table.c.handle, tests.c.user_ids, tests.c.case)
        .join_from(tests, table, table.c.id == tests.c.created_from_failure_id)
        .order_by(tests.c.id)
    )
    person = storable_name(user)
    listed = []
    for handle, users, case in found:
        if isinstance(users, list) and person in users:
            slug = case.get("slug") if isinstance(case, dict) else None
            listed.append((str(handle), str(slug or "")))
    return listed


def list_operations(connection: sa.Connection, now: float) -> list[OperationHealth]:
    """List the operations of the last hour from the rollups: one query, whatever their number."""
    table = schema.rollups
    found = connection.execute(
        sa.select(table.c.operation, table.c.outcome, sa.func.sum(table.c.count))
        .where(
            table.c.minute > now - HEALTH_WINDOW_S,
            table.c.minute <= now,
            table.c.operation != names.SELFTEST_OPERATION,
            table.c.outcome.in_((Outcome.SUCCESS, Outcome.FAILURE)),
        )
        .group_by(table.c.operation, table.c.outcome)
    )
    counts: dict[str, Counter[str]] = {}
    for operation, outcome, count in found:
        if isinstance(count, (int, Decimal)):  # SQLite stores any value in any column
            counts.setdefault(str(operation), Counter())[str(outcome)] += int(count)
    listed = []
    for operation, each in counts.items():
        failures, attempts = each[Outcome.FAILURE], each.total()
        listed.append(
            OperationHealth(operation, attempts, failures, is_healthy(attempts, failures))
        )
    listed.sort(key=lambda each: (each.healthy, -each.failures, -each.attempts, each.operation))
    return listed[:_OPERATIONS]


def search_failures(connection: sa.Connection, query: FailureQuery) -> tuple[list[FailureRow], int]:
    """List the failures that match, and count all of them.

    Raises:
        ConfigurationError: there is no such status or order.
    """
    table = schema.failures
    for name, value, allowed in (
        ("status", query.status, get_args(Status)),
        ("sort", query.sort, get_args(Sort)),
    ):
        if value is not None and value not in allowed:
            raise ConfigurationError(
                f"{name}={value!r} is not allowed. Use one of: {', '.join(allowed)}."
            )
    conditions: list[sa.ColumnElement[bool]] = []
    if query.text:
        conditions.append(
            sa.or_(
                table.c.handle == normalise_handle(query.text),
                *(
                    column.icontains(searchable(query.text), autoescape=True)
                    for column in (table.c.error_message, table.c.error_type, table.c.operation)
                ),
            )
        )
    for column, wanted in (
        (table.c.status, query.status),
        (table.c.failure_category, query.category),
        (table.c.operation, query.operation),
    ):
        if wanted is not None:
            conditions.append(column == searchable(wanted))
    if query.version is not None:
        generations = schema.analytics
        conditions.append(
            sa.exists().where(
                generations.c.failure_id == table.c.id,
                generations.c.code_version == searchable(query.version),
            )
        )
    # The ids first: sorting whole rows would carry their stacks through the sorter.
    ids = connection.execute(
        sa.select(table.c.id)
        .where(*conditions)
        .order_by(SORT_COLUMNS[query.sort].desc(), table.c.id.desc())
        .limit(query.limit)
        .offset(query.offset)
    ).scalars()
    rows = list_failures_by_id(connection, list(ids))
    if len(rows) < query.limit and not query.offset:
        return rows, len(rows)
    count = sa.select(sa.func.count()).select_from(table).where(*conditions)
    return rows, int(connection.execute(count).scalar_one())


def fetch_history(connection: sa.Connection, failure_id: int) -> FailureHistory:
    """Fetch when and on which versions a failure happened, from an index of its generations."""
    table = schema.analytics
    mine = table.c.failure_id == failure_id
    counted = (
        sa.select(table.c.created_at, table.c.code_version)
        .where(mine)
        .order_by(table.c.created_at.desc())
        .limit(_COUNTED)
        .subquery()
    )
    day = (
        sa.func.to_char(sa.func.timezone("UTC", counted.c.created_at), "YYYY-MM-DD")
        if connection.dialect.name == "postgresql"
        else sa.func.substr(counted.c.created_at, 1, 10)
    ).label("day")
    days = connection.execute(
        sa.select(day, sa.func.count()).group_by(day).order_by(day.desc()).limit(_DAYS)
    )
    by_day = {number: int(n) for text, n in days if (number := _day_number(text)) is not None}
    first = sa.func.min(counted.c.created_at).label("first")
    last = sa.func.max(counted.c.created_at).label("last")
    versions = connection.execute(
        sa.select(counted.c.code_version, first, last, sa.func.count())
        .group_by(counted.c.code_version)
        .order_by(first)
        .limit(_VERSIONS)
    )
    began_on = connection.execute(
        sa.select(table.c.code_version).where(mine).order_by(table.c.created_at).limit(1)
    ).scalar()
    newest = connection.execute(
        sa.select(
            table.c.id,
            table.c.generation_id,
            table.c.created_at,
            table.c.trace_id,
            table.c.code_version,
            table.c.user_id,
        )
        .where(mine)
        .order_by(table.c.created_at.desc())
        .limit(_NEWEST)
    )
    return FailureHistory(
        by_day=dict(sorted(by_day.items())),
        versions=tuple(
            (None if version is None else str(version), float(began), float(ended), int(n))
            for version, began, ended, n in versions
            if isinstance(began, float) and isinstance(ended, float)
        ),
        newest=tuple(_occurrence(connection, found) for found in newest.mappings()),
        counted=_COUNTED if sum(by_day.values()) >= _COUNTED else None,
        began_on=None if began_on is None else str(began_on),
    )


def list_names(connection: sa.Connection) -> tuple[list[str], list[str]]:
    """List the operations and the categories of all failures, for the filters."""
    table = schema.failures
    found = connection.execute(
        sa.select(table.c.operation, table.c.failure_category).distinct().limit(2_000)
    ).all()
    return sorted({str(each[0]) for each in found}), sorted({str(each[1]) for each in found})


def _occurrence(connection: sa.Connection, found: Any) -> Occurrence:
    read = RowReader(connection, names.TABLE_ANALYTICS, found, found["id"])
    return Occurrence(
        generation_id=read.text("generation_id"),
        at=read.timestamp("created_at"),
        trace_id=read.optional_text("trace_id"),
        code_version=read.optional_text("code_version"),
        user_id=read.optional_text("user_id"),
    )


def _day_number(text: Any) -> int | None:
    """Return the days since 1970 of a date; None where a damaged row has another text there."""
    try:
        return date.fromisoformat(str(text)).toordinal() - _EPOCH_DAY
    except ValueError:
        return None
