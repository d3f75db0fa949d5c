"""Reading failures, and what a person says of them: resolved, ignored, open again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal, get_args

import sqlalchemy as sa

from genmon_otel import conventions as names
from genmon_otel.errors import ConfigurationError, NotFound
from genmon_otel.policy import DAY_S, CaseState
from genmon_otel.records import Recording, Severity
from genmon_otel.store import cases, schema
from genmon_otel.store.codec import as_handle, load_recording
from genmon_otel.store.grouping import IGNORED, OPEN, RESOLVED
from genmon_otel.store.impact import WEEK, active_users
from genmon_otel.store.reading import RowReader, kept_in
from genmon_otel.store.rows import FailureDetail, FailureRow, Impact

Sort = Literal["last_seen", "first_seen", "count", "users"]
_ORDER: Final[Mapping[str, sa.Column[Any]]] = {
    "last_seen": schema.failures.c.last_seen_at,
    "first_seen": schema.failures.c.first_seen_at,
    "count": schema.failures.c.occurrence_count,
    "users": schema.failures.c.user_count,
}
Status = Literal["open", "resolved", "ignored"]


def listed(
    connection: sa.Connection,
    *,
    status: str | None = None,
    category: str | None = None,
    operation: str | None = None,
    since: float | None = None,
    sort: Sort = "last_seen",
    limit: int = 50,
) -> list[FailureRow]:
    """List failures, the newest (or most frequent, or most widely felt) first.

    Args:
        connection: to read over.
        status: ``open``, ``resolved`` or ``ignored``; None for all.
        category: None for all.
        operation: None for all.
        since: only those seen at or after this Unix time; None for all.
        sort: what comes first.
        limit: at most so many.

    Raises:
        ConfigurationError: there is no such status or order.
    """
    table = schema.failures
    if sort not in _ORDER:
        raise ConfigurationError(
            f"sort={sort!r} is not allowed. Use one of: {', '.join(get_args(Sort))}."
        )
    query = sa.select(table).order_by(_ORDER[sort].desc(), table.c.id.desc()).limit(limit)
    if status is not None:
        query = query.where(table.c.status == _checked(status))
    if category is not None:
        query = query.where(table.c.failure_category == category)
    if operation is not None:
        query = query.where(table.c.operation == operation)
    if since is not None:
        query = query.where(table.c.last_seen_at >= since)
    return [_row(connection, found) for found in connection.execute(query).mappings()]


def find(connection: sa.Connection, ref: str) -> FailureRow:
    """Find a failure by its handle, with or without ``F-``, its fingerprint, or the start of either.

    Raises:
        NotFound: there is none, or there are several that start so.
    """
    table = schema.failures
    short = as_handle(ref)
    for exact in (table.c.handle == short, table.c.fingerprint == ref.strip()):
        found = connection.execute(sa.select(table).where(exact)).mappings().first()
        if found is not None:
            return _row(connection, found)
    starts = sa.or_(
        table.c.handle.startswith(short, autoescape=True),
        table.c.fingerprint.startswith(ref.strip(), autoescape=True),
    )
    several = (
        connection.execute(sa.select(table).where(starts).order_by(table.c.id).limit(6))
        .mappings()
        .all()
        if short != "F-"
        else []
    )
    if len(several) == 1:
        return _row(connection, several[0])
    if several:
        those = ", ".join(str(each["handle"]) for each in several)
        raise NotFound(f"{ref!r} is the start of several failures: {those}. Give more of it.")
    raise NotFound(f"There is no failure {ref!r}. 'genmon failures list' shows those there are.")


def show(connection: sa.Connection, ref: str) -> FailureDetail:
    """Return a failure with whom it hit, its recordings and its case."""
    row = find(connection, ref)
    return FailureDetail(
        row=row,
        impact=impact(connection, row.id),
        recordings=tuple(recordings(connection, row.id)),
        case=cases.of_failure(connection, row.id),
        rejected_with=_rejected_with(connection, row),
    )


def _rejected_with(connection: sa.Connection, row: FailureRow) -> str | None:
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


def recordings(connection: sa.Connection, failure_id: int) -> list[Recording]:
    """Return a failure's recordings: replayable ones first, newest first."""
    table = schema.recordings
    found = connection.execute(
        sa.select(table.c.id, table.c.recording)
        .where(table.c.failure_id == failure_id)
        .order_by(table.c.unreplayable != "", table.c.id.desc())
    ).mappings()
    return list(kept_in(connection, names.TABLE_RECORDINGS, found, "recording", load_recording))


def impact(connection: sa.Connection, failure_id: int) -> Impact:
    """Return whom a failure hit, at the same cost however many they are."""
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
    last_day = int(read.moment("last_seen_at") // DAY_S)
    by_day = read.counts_by_day("users_by_day")
    return Impact(
        users=read.integer("user_count"),
        projects=read.integer("project_count"),
        users_week=sum(n for day, n in by_day.items() if last_day - WEEK < int(day) <= last_day),
        active_week=active_users(connection, last_day),
    )


def set_status(connection: sa.Connection, ref: str, status: Status) -> FailureRow:
    """Say that a failure is resolved, ignored or open; the row after it.

    A resolved one that happens again is open again; an ignored one stays ignored.

    Raises:
        NotFound: there is no such failure.
        ConfigurationError: there is no such status.
    """
    table = schema.failures
    row = find(connection, ref)
    connection.execute(
        sa.update(table)
        .where(table.c.id == row.id)
        .values(
            status=_checked(status),
            resolved_through=table.c.last_seen_at if status == RESOLVED else None,
        )
    )
    return find(connection, row.fingerprint)


def _checked(status: str) -> str:
    if status not in get_args(Status):
        raise ConfigurationError(
            f"status={status!r} is not allowed. Use {OPEN!r}, {RESOLVED!r} or {IGNORED!r}."
        )
    return status


def _row(connection: sa.Connection, found: Mapping[Any, Any]) -> FailureRow:
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
        severity=read.choice("severity", Severity, Severity.MEDIUM),
        error_type=read.text("error_type"),
        error_message=read.text("error_message"),
        stack_trace=read.text("stack_trace"),
        occurrence_count=read.integer("occurrence_count"),
        first_seen_at=read.moment("first_seen_at"),
        last_seen_at=read.moment("last_seen_at"),
        status=read.one_of("status", get_args(Status), OPEN),
        reopened_count=read.integer("reopened_count"),
        test_generated=bool(found["test_generated"]),
        user_count=read.integer("user_count"),
        project_count=read.integer("project_count"),
        context={k: v for k, v in read.json_object("context").items() if k != "user_id"},
        relabelled_by=read.optional_text("relabelled_by"),
        relabelled_at=read.optional_moment("relabelled_at"),
        rules_category=read.optional_text("rules_category"),
        rules_severity=read.optional_text("rules_severity"),
    )
