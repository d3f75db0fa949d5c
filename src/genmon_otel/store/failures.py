"""Lists and fetches failures, and saves the status that a person gives one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal, get_args

import sqlalchemy as sa

from genmon_otel import conventions as names
from genmon_otel.errors import ConfigurationError, InvalidTransition, NotFound
from genmon_otel.policy import DAY_S, CaseState
from genmon_otel.records import Recording, Severity
from genmon_otel.store import cases, schema
from genmon_otel.store.codec import (
    MESSAGE_LIMIT,
    TEXT_LIMIT,
    load_recording,
    normalise_handle,
    searchable,
)
from genmon_otel.store.decisions import save_decision
from genmon_otel.store.grouping import IGNORED, OPEN, RESOLVED
from genmon_otel.store.impact import WEEK_DAYS, count_active_users
from genmon_otel.store.reading import RowReader, load_each
from genmon_otel.store.rows import FailureDetail, FailureRow, Impact

Sort = Literal["last_seen", "first_seen", "count", "users"]
SORT_COLUMNS: Final[Mapping[str, sa.Column[Any]]] = {
    "last_seen": schema.failures.c.last_seen_at,
    "first_seen": schema.failures.c.first_seen_at,
    "count": schema.failures.c.occurrence_count,
    "users": schema.failures.c.user_count,
}
Status = Literal["open", "resolved", "ignored"]


def list_failures(
    connection: sa.Connection,
    *,
    status: str | None = None,
    category: str | None = None,
    operation: str | None = None,
    since: float | None = None,
    sort: Sort = "last_seen",
    limit: int = 50,
) -> list[FailureRow]:
    """List failures.

    Args:
        connection: to read over.
        status: ``open``, ``resolved`` or ``ignored``; None for all.
        category: None for all.
        operation: None for all.
        since: Unix seconds; only failures last seen then or later. None for all.
        sort: the column to sort by, highest value first.
        limit: the most rows to return.

    Raises:
        ConfigurationError: there is no such status or order.
    """
    table = schema.failures
    if sort not in SORT_COLUMNS:
        raise ConfigurationError(
            f"sort={sort!r} is not allowed. Use one of: {', '.join(get_args(Sort))}."
        )
    query = sa.select(table).order_by(SORT_COLUMNS[sort].desc(), table.c.id.desc()).limit(limit)
    if status is not None:
        query = query.where(table.c.status == _validate_status(status))
    if category is not None:
        query = query.where(table.c.failure_category == category)
    if operation is not None:
        query = query.where(table.c.operation == operation)
    if since is not None:
        query = query.where(table.c.last_seen_at >= since)
    return [_failure_row(connection, found) for found in connection.execute(query).mappings()]


def list_failures_by_id(connection: sa.Connection, ids: list[int]) -> list[FailureRow]:
    """List failures by their row ids, in that order."""
    found = connection.execute(
        sa.select(schema.failures).where(schema.failures.c.id.in_(ids))
    ).mappings()
    rows = {row.id: row for row in (_failure_row(connection, each) for each in found)}
    return [rows[each] for each in ids if each in rows]


def fetch_failure(connection: sa.Connection, ref: str) -> FailureRow:
    """Fetch a failure by its handle (with or without ``F-``), its fingerprint, or the start of either.

    Raises:
        NotFound: no failure matches, or several do.
    """
    table = schema.failures
    handle, fingerprint = normalise_handle(ref), searchable(ref).strip()
    for exact in (table.c.handle == handle, table.c.fingerprint == fingerprint):
        found = connection.execute(sa.select(table).where(exact)).mappings().first()
        if found is not None:
            return _failure_row(connection, found)
    has_prefix = sa.or_(
        table.c.handle.startswith(handle, autoescape=True),
        table.c.fingerprint.startswith(fingerprint, autoescape=True),
    )
    matches = (
        connection.execute(sa.select(table).where(has_prefix).order_by(table.c.id).limit(6))
        .mappings()
        .all()
        if handle != "F-"
        else []
    )
    if len(matches) == 1:
        return _failure_row(connection, matches[0])
    if matches:
        handles = ", ".join(str(each["handle"]) for each in matches)
        raise NotFound(f"{ref!r} is the start of several failures: {handles}. Give more of it.")
    raise NotFound(f"There is no failure {ref!r}. 'genmon failures list' shows those there are.")


def fetch_detail(connection: sa.Connection, ref: str) -> FailureDetail:
    """Fetch a failure with its impact, recordings and case.

    Raises:
        NotFound: no failure matches, or several do.
    """
    row = fetch_failure(connection, ref)
    return FailureDetail(
        row=row,
        impact=fetch_impact(connection, row.id),
        recordings=tuple(list_recordings(connection, row.id)),
        case=cases.fetch_case_of_failure(connection, row.id),
        rejected_with=_fetch_rejected_with(connection, row),
    )


def _fetch_rejected_with(connection: sa.Connection, row: FailureRow) -> str | None:
    """Fetch the handle of another failure with this signature whose case was rejected."""
    tests, table = schema.tests, schema.failures
    return connection.execute(
        sa.select(table.c.handle)
        .join(tests, tests.c.created_from_failure_id == table.c.id)
        .where(
            tests.c.signature == row.signature,
            tests.c.state == CaseState.REJECTED,
            table.c.id != row.id,
        )
        .order_by(table.c.id)
        .limit(1)
    ).scalar()


def list_recordings(connection: sa.Connection, failure_id: int) -> list[Recording]:
    """List a failure's recordings: those that can be replayed first, newest first."""
    table = schema.recordings
    found = connection.execute(
        sa.select(table.c.id, table.c.recording)
        .where(table.c.failure_id == failure_id)
        .order_by(table.c.unreplayable != "", table.c.id.desc())
    ).mappings()
    return list(load_each(connection, names.TABLE_RECORDINGS, found, "recording", load_recording))


def fetch_impact(connection: sa.Connection, failure_id: int) -> Impact:
    """Fetch how many users and projects a failure hit; constant time, from counters."""
    table = schema.failures
    row = connection.execute(
        sa.select(
            table.c.handle,
            table.c.user_count,
            table.c.project_count,
            table.c.users_by_day,
            table.c.last_seen_at,
        ).where(table.c.id == failure_id)
    )
    found = row.mappings().one()
    read = RowReader(connection, names.TABLE_FAILURES, found, found["handle"] or failure_id)
    last_day = int(read.timestamp("last_seen_at") // DAY_S)
    by_day = read.counts_by_day("users_by_day")
    return Impact(
        users=read.integer("user_count"),
        projects=read.integer("project_count"),
        users_week=sum(
            n for day, n in by_day.items() if last_day - WEEK_DAYS < int(day) <= last_day
        ),
        active_week=count_active_users(connection, last_day),
    )


def set_status(
    connection: sa.Connection,
    ref: str,
    status: Status,
    *,
    at: float,
    reviewer: str | None = None,
    expected: str | None = None,
) -> FailureRow:
    """Set a failure's status and return its row.

    Args:
        connection: inside a transaction.
        ref: handle, fingerprint or the start of one.
        status: the status to set.
        at: Unix seconds.
        reviewer: who decided; None where no name was given.
        expected: the status that the reviewer was shown; None to skip this check.

    The next occurrence reopens a resolved failure; an ignored one stays ignored.

    Raises:
        NotFound: there is no such failure.
        ConfigurationError: there is no such status.
        InvalidTransition: the status is not ``expected``.
    """
    table = schema.failures
    row = fetch_failure(connection, ref)
    as_shown = () if expected is None else (table.c.status == expected,)
    changed = connection.execute(
        sa.update(table)
        .where(table.c.id == row.id, *as_shown)
        .values(
            status=_validate_status(status),
            resolved_through=table.c.last_seen_at if status == RESOLVED else None,
        )
    )
    if not changed.rowcount:
        raise InvalidTransition(
            f"Failure {row.handle} is {row.status} by now, not {expected}: another reviewer decided "
            "in between. Look at it again."
        )
    save_decision(connection, row.id, status, at=at, reviewer=reviewer)
    return fetch_failure(connection, row.fingerprint)


def _validate_status(status: str) -> str:
    if status not in get_args(Status):
        raise ConfigurationError(
            f"status={status!r} is not allowed. Use {OPEN!r}, {RESOLVED!r} or {IGNORED!r}."
        )
    return status


def _failure_row(connection: sa.Connection, found: Mapping[Any, Any]) -> FailureRow:
    read = RowReader(connection, names.TABLE_FAILURES, found, found["handle"] or found["id"])
    return FailureRow(
        id=read.integer("id"),
        handle=read.text("handle"),
        fingerprint=read.text("fingerprint"),
        signature=read.text("signature"),
        trigger_signature=read.optional_text("trigger_signature"),
        operation=read.text("operation"),
        framework=read.text("framework"),
        category=read.text("failure_category"),
        severity=read.member("severity", Severity, Severity.MEDIUM),
        error_type=read.text("error_type"),
        error_message=read.text("error_message", MESSAGE_LIMIT),
        stack_trace=read.text("stack_trace", TEXT_LIMIT),
        occurrence_count=read.integer("occurrence_count"),
        first_seen_at=read.timestamp("first_seen_at"),
        last_seen_at=read.timestamp("last_seen_at"),
        status=read.one_of("status", get_args(Status), OPEN),
        reopened_count=read.integer("reopened_count"),
        test_generated=bool(found["test_generated"]),
        user_count=read.integer("user_count"),
        project_count=read.integer("project_count"),
        context={k: v for k, v in read.json_object("context").items() if k != "user_id"},
        relabelled_by=read.optional_text("relabelled_by"),
        relabelled_at=read.optional_timestamp("relabelled_at"),
        rules_category=read.optional_text("rules_category"),
        rules_severity=read.optional_text("rules_severity"),
    )
