"""Saves the category and severity that a person gives a failure instead of the rules.

The failure's row holds the values that apply; the rules' values are in other columns of it, for
:func:`undo`. Fingerprint and signature still contain the rules' category, so a relabelled failure
stays one group and its case is compared as before.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from genmon_otel.corrections import Correction
from genmon_otel.errors import ConfigurationError
from genmon_otel.policy import HEALTH_WINDOW_S, OVERFLOW_FINGERPRINT, minute_of
from genmon_otel.records import Category, Severity
from genmon_otel.store import failures, schema
from genmon_otel.store.codec import storable_name
from genmon_otel.store.decisions import save_decision
from genmon_otel.store.rows import FailureRow

_MINUTE_S: Final = 60
#: Shard of the rollups for counts that relabelling moves; the shards of processes are 0 to 15.
RELABEL_SHARD: Final = 16


def list_corrections(connection: sa.Connection) -> list[Correction]:
    """List the categories and severities that people set, by fingerprint."""
    table = schema.failures
    found = connection.execute(
        sa.select(
            table.c.fingerprint,
            table.c.operation,
            table.c.framework,
            table.c.failure_category,
            table.c.severity,
        )
        .where(table.c.relabelled_at.is_not(None))
        .order_by(table.c.fingerprint)
    )
    return [
        Correction(fingerprint, operation, framework, Category(category), _known_severity(severity))
        for fingerprint, operation, framework, category, severity in found
    ]


def relabel(
    connection: sa.Connection,
    ref: str,
    *,
    category: str | None,
    severity: str | None,
    reviewer: str,
    at: float,
    is_declared: bool = False,
) -> FailureRow:
    """Set a failure's category, severity or both, and return its row.

    Args:
        connection: inside a transaction.
        ref: handle, fingerprint or the start of one.
        category: None to keep the present one.
        severity: None for the default of a new category; the present one where the category
            stays.
        reviewer: who decided.
        at: Unix seconds.
        is_declared: True to accept a category that neither this process nor the store knows,
            because the application declares it.

    Raises:
        NotFound: there is no such failure.
        ConfigurationError: category or severity is not allowed, or this is the overflow
            failure, which holds many failures.
    """
    if category is None and severity is None:
        raise ConfigurationError("Give a category, a severity or both.")
    row = _lock_failure(connection, ref)
    if row.fingerprint.startswith(OVERFLOW_FINGERPRINT):
        raise ConfigurationError(
            f"{row.handle} holds many failures, which have categories of their own. "
            "Relabel one of those: 'genmon failures list' shows them."
        )
    wanted = (
        row.category if category is None else _validate_category(connection, category, is_declared)
    )
    if severity is not None:
        level = _parse_severity(severity)
    elif wanted == row.category:
        level = _known_severity(row.severity)
    else:
        level = _default_severity(connection, wanted)
    is_first = row.relabelled_at is None
    _save_label(
        connection,
        row,
        at,
        failure_category=wanted,
        severity=str(level),
        relabelled_by=storable_name(reviewer),
        relabelled_at=at,
        rules_category=row.category if is_first else row.rules_category,
        rules_severity=row.severity if is_first else row.rules_severity,
    )
    save_decision(
        connection, row.id, "relabelled", at=at, reviewer=reviewer, detail=f"{wanted}, {level}"
    )
    return failures.fetch_failure(connection, row.fingerprint)


def undo(connection: sa.Connection, ref: str, at: float, reviewer: str | None = None) -> FailureRow:
    """Restore the category and severity of the rules, and return the failure's row.

    Changes nothing where no person set them.

    Raises:
        NotFound: there is no such failure.
    """
    row = _lock_failure(connection, ref)
    if row.relabelled_at is None:
        return row
    _save_label(
        connection,
        row,
        at,
        failure_category=row.rules_category or row.category,
        severity=row.rules_severity or row.severity,
        relabelled_by=None,
        relabelled_at=None,
        rules_category=None,
        rules_severity=None,
    )
    save_decision(
        connection, row.id, "relabelled", at=at, reviewer=reviewer, detail="back to the rules' word"
    )
    return failures.fetch_failure(connection, row.fingerprint)


def _lock_failure(connection: sa.Connection, ref: str) -> FailureRow:
    """Lock a failure's row, as transactions that write its occurrences do, then read it."""
    table = schema.failures
    fingerprint = failures.fetch_failure(connection, ref).fingerprint
    connection.execute(
        sa.select(table.c.id).where(table.c.fingerprint == fingerprint).with_for_update()
    )
    return failures.fetch_failure(connection, fingerprint)


def _save_label(connection: sa.Connection, row: FailureRow, at: float, **values: Any) -> None:
    table = schema.failures
    connection.execute(sa.update(table).where(table.c.id == row.id).values(values))
    _move_counts(connection, row.id, values["failure_category"], at)


def _move_counts(connection: sa.Connection, failure_id: int, category: str, at: float) -> None:
    """Move the rollup counts of the failure's generations of the last hour to a category.

    Exact: this transaction holds the lock on the failure's row, which every transaction that
    writes its generations takes first.
    """
    table = schema.analytics
    since = math.floor((at - HEALTH_WINDOW_S) / _MINUTE_S) * _MINUTE_S
    to_move = sa.and_(
        table.c.created_at >= since,
        table.c.failure_id == failure_id,
        table.c.failure_category != category,
    )
    counts: Counter[tuple[Any, ...]] = Counter()
    durations: defaultdict[tuple[Any, ...], float] = defaultdict(float)
    columns = (table.c.created_at, table.c.operation, table.c.framework, table.c.outcome,
               table.c.failure_category, table.c.duration_s)  # fmt: skip
    for ended, *kind, before, duration in connection.execute(sa.select(*columns).where(to_move)):
        if not all(isinstance(each, (int, float)) for each in (ended, duration)):
            continue  # damaged: its minute is unknown
        minute = minute_of(ended) * _MINUTE_S
        for label, sign in ((before, -1), (category, 1)):
            key = (minute, *kind, label, RELABEL_SHARD)
            counts[key] += sign
            durations[key] += sign * duration
    if not counts:
        return
    connection.execute(sa.update(table).where(to_move).values(failure_category=category))
    names = [column.name for column in schema.rollups.columns]
    rows = [dict(zip(names, (*key, n, durations[key]), strict=True))
            for key, n in sorted(counts.items())]  # fmt: skip
    connection.execute(_upsert_rollups(connection), rows)


def _upsert_rollups(connection: sa.Connection) -> Any:
    table = schema.rollups
    insert: Any = (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(table)
    return insert.on_conflict_do_update(
        index_elements=[column.name for column in table.primary_key.columns],
        set_={each: table.c[each] + insert.excluded[each] for each in ("count", "duration_sum_s")},
    )


def _validate_category(connection: sa.Connection, category: str, is_declared: bool) -> str:
    """Return a category's name; it must be built in, declared or stored, unless ``is_declared``."""
    wanted = category.strip().lower()
    if not Category.is_name(wanted):
        raise ConfigurationError(
            f"Category name {category!r} is not allowed. Use lower-case letters, digits and '_', "
            "at most 40."
        )
    known = {*Category.known(), *_stored_categories(connection)}
    if wanted not in known and not is_declared:
        raise ConfigurationError(
            f"Category {wanted!r} is not known. Known are: {', '.join(sorted(known))}. If your "
            "application declares it (Category.declare) and no failure had it so far, "
            "add --declared."
        )
    return wanted


def _stored_categories(connection: sa.Connection) -> set[str]:
    """Return the categories of stored failures, and those that they had before relabelling."""
    table = schema.failures
    columns = (table.c.failure_category, table.c.rules_category)
    found = sa.union(*(sa.select(column).where(column.is_not(None)) for column in columns))
    return set(connection.execute(found).scalars())


def _default_severity(connection: sa.Connection, category: str) -> Severity:
    """Return a category's declared severity, else that of its newest failure, else medium."""
    if category in Category.known():
        return Category(category).default_severity
    table = schema.failures
    newest = connection.execute(
        sa.select(table.c.severity)
        .where(table.c.failure_category == category)
        .order_by(table.c.last_seen_at.desc())
        .limit(1)
    ).scalar()
    return _known_severity(newest or Severity.MEDIUM)


def _parse_severity(severity: str) -> Severity:
    try:
        return Severity(severity.strip().lower())
    except ValueError:
        raise ConfigurationError(
            f"Severity {severity!r} is not known. Allowed: {', '.join(Severity)}."
        ) from None


def _known_severity(stored: str) -> Severity:
    """Return a stored severity; medium for an unknown one."""
    return Severity(stored) if stored in list(Severity) else Severity.MEDIUM
