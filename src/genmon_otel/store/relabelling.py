"""What a person says of a failure instead of the rules: its category and its severity.

The failure's row holds what is in force. The rules' answer stays beside it, for
:func:`undo`. Fingerprint and signature keep the rules' category, so a relabelled failure
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
from genmon_otel.policy import HEALTH_WINDOW_S, OVERFLOW_FINGERPRINT
from genmon_otel.records import Category, Severity
from genmon_otel.store import failures, schema
from genmon_otel.store.codec import name
from genmon_otel.store.rows import FailureRow

_MINUTE_S: Final = 60
#: Shard of the rollups that holds what was moved; those of writing processes are below it.
MOVED: Final = 16


def corrections(connection: sa.Connection) -> list[Correction]:
    """Return what people said of failures, by fingerprint."""
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
        Correction(fingerprint, operation, framework, Category(category), _severity(severity))
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
    """Give a failure another category, severity or both; the row after it.

    Args:
        connection: inside a transaction.
        ref: handle, fingerprint or the start of one.
        category: None to keep the one it has.
        severity: None for the category's own, or the failure's where the category stays.
        reviewer: who decides.
        at: Unix seconds.
        is_declared: whether a category that neither this process nor the store knows is
            taken all the same, because the application declares it.

    Raises:
        NotFound: there is no such failure.
        ConfigurationError: category or severity is not allowed, or the failure stands
            for many.
    """
    if category is None and severity is None:
        raise ConfigurationError("Give a category, a severity or both.")
    row = _locked(connection, ref)
    if row.fingerprint.startswith(OVERFLOW_FINGERPRINT):
        raise ConfigurationError(
            f"{row.handle} stands for many failures, which have categories of their own. "
            "Relabel one of those: 'genmon failures list' shows them."
        )
    wanted = row.category if category is None else _checked(connection, category, is_declared)
    if severity is not None:
        level = _checked_severity(severity)
    elif wanted == row.category:
        level = _severity(row.severity)
    else:
        level = _usual_severity(connection, wanted)
    is_first = row.relabelled_at is None
    _set(
        connection,
        row,
        at,
        failure_category=wanted,
        severity=str(level),
        relabelled_by=name(reviewer),
        relabelled_at=at,
        rules_category=row.category if is_first else row.rules_category,
        rules_severity=row.severity if is_first else row.rules_severity,
    )
    return failures.find(connection, row.fingerprint)


def undo(connection: sa.Connection, ref: str, at: float) -> FailureRow:
    """Go back to what the rules say of a failure; the row after it. Harmless where they decide.

    Raises:
        NotFound: there is no such failure.
    """
    row = _locked(connection, ref)
    if row.relabelled_at is None:
        return row
    _set(
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
    return failures.find(connection, row.fingerprint)


def _locked(connection: sa.Connection, ref: str) -> FailureRow:
    """Lock a failure's row, as whoever writes its occurrences does, and read it after that."""
    table = schema.failures
    fingerprint = failures.find(connection, ref).fingerprint
    connection.execute(
        sa.select(table.c.id).where(table.c.fingerprint == fingerprint).with_for_update()
    )
    return failures.find(connection, fingerprint)


def _set(connection: sa.Connection, row: FailureRow, at: float, **values: Any) -> None:
    table = schema.failures
    connection.execute(sa.update(table).where(table.c.id == row.id).values(values))
    _move_counts(connection, row.id, values["failure_category"], at)


def _move_counts(connection: sa.Connection, failure_id: int, category: str, at: float) -> None:
    """Count the failure's generations of the last hour under its category of now.

    Exact: who writes them holds the failure's row, which is locked here.
    """
    table = schema.analytics
    since = math.floor((at - HEALTH_WINDOW_S) / _MINUTE_S) * _MINUTE_S
    others = sa.and_(
        table.c.created_at >= since,
        table.c.failure_id == failure_id,
        table.c.failure_category != category,
    )
    counts: Counter[tuple[Any, ...]] = Counter()
    durations: defaultdict[tuple[Any, ...], float] = defaultdict(float)
    columns = (table.c.created_at, table.c.operation, table.c.framework, table.c.outcome,
               table.c.failure_category, table.c.duration_s)  # fmt: skip
    for ended, *kind, before, duration in connection.execute(sa.select(*columns).where(others)):
        if not all(isinstance(each, (int, float)) for each in (ended, duration)):
            continue  # which minute it is counted in nobody can tell
        minute = round(ended * 1_000_000) // 60_000_000 * _MINUTE_S
        for label, sign in ((before, -1), (category, 1)):
            key = (minute, *kind, label, MOVED)
            counts[key] += sign
            durations[key] += sign * duration
    if not counts:
        return
    connection.execute(sa.update(table).where(others).values(failure_category=category))
    names = [column.name for column in schema.rollups.columns]
    rows = [dict(zip(names, (*key, n, durations[key]), strict=True))
            for key, n in sorted(counts.items())]  # fmt: skip
    connection.execute(_added_to_rollups(connection), rows)


def _added_to_rollups(connection: sa.Connection) -> Any:
    table = schema.rollups
    insert: Any = (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(table)
    return insert.on_conflict_do_update(
        index_elements=[column.name for column in table.primary_key.columns],
        set_={each: table.c[each] + insert.excluded[each] for each in ("count", "duration_sum_s")},
    )


def _checked(connection: sa.Connection, category: str, is_declared: bool) -> str:
    """The name of a category that there is: genmon's, the application's, or one met before."""
    wanted = category.strip().lower()
    if not Category.is_name(wanted):
        raise ConfigurationError(
            f"Category name {category!r} is not allowed. Use lower-case letters, digits and '_', "
            "at most 40."
        )
    known = {*Category.known(), *_met(connection)}
    if wanted not in known and not is_declared:
        raise ConfigurationError(
            f"Category {wanted!r} is not known. Known are: {', '.join(sorted(known))}. If your "
            "application declares it (Category.declare) and no failure had it so far, "
            "add --declared."
        )
    return wanted


def _met(connection: sa.Connection) -> set[str]:
    """Categories that failures of the store have, or had before somebody relabelled them."""
    table = schema.failures
    columns = (table.c.failure_category, table.c.rules_category)
    found = sa.union(*(sa.select(column).where(column.is_not(None)) for column in columns))
    return set(connection.execute(found).scalars())


def _usual_severity(connection: sa.Connection, category: str) -> Severity:
    """The severity of a category: as declared, else as its newest failure has it, else medium."""
    if category in Category.known():
        return Category(category).default_severity
    table = schema.failures
    newest = connection.execute(
        sa.select(table.c.severity)
        .where(table.c.failure_category == category)
        .order_by(table.c.last_seen_at.desc())
        .limit(1)
    ).scalar()
    return _severity(newest or Severity.MEDIUM)


def _checked_severity(severity: str) -> Severity:
    try:
        return Severity(severity.strip().lower())
    except ValueError:
        raise ConfigurationError(
            f"Severity {severity!r} is not known. Allowed: {', '.join(Severity)}."
        ) from None


def _severity(stored: str) -> Severity:
    """A severity as a row has it; medium where it is none of ours."""
    return Severity(stored) if stored in list(Severity) else Severity.MEDIUM
