"""Deletes rows that are older than their table's retention, in short transactions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from genmon_otel.policy import ANALYTICS_DAYS, DAY_S, RECORDINGS_DAYS
from genmon_otel.store import schema
from genmon_otel.store.connect import Database


@dataclass(frozen=True, slots=True)
class RetentionRule:
    """How many days the rows of one table are kept."""

    table: sa.Table
    #: Columns of the primary key.
    key: tuple[str, ...]
    #: Column that says how old a row is.
    age: str
    days: int
    #: Whether ``age`` holds days since 1970 instead of a timestamp.
    in_days: bool = False

    def is_expired(self, now: float) -> sa.ColumnElement[bool]:
        """Return the condition that a row is expired. ``now`` is Unix seconds."""
        oldest_kept: float = now - self.days * DAY_S
        return self.table.c[self.age] < (int(oldest_kept // DAY_S) if self.in_days else oldest_kept)

    def select_expired(self, now: float, limit: int) -> sa.Select[Any]:
        """Select the keys of at most ``limit`` expired rows, oldest first."""
        keys = (self.table.c[name] for name in self.key)
        return (
            sa.select(*keys)
            .where(self.is_expired(now))
            .order_by(self.table.c[self.age])
            .limit(limit)
        )


RULES: Final = (
    RetentionRule(schema.recordings, ("id",), "created_at", RECORDINGS_DAYS),
    RetentionRule(schema.analytics, ("id",), "created_at", ANALYTICS_DAYS),
    RetentionRule(
        schema.rollups,
        ("minute", "operation", "framework", "outcome", "category", "shard"),
        "minute",
        ANALYTICS_DAYS,
    ),
    RetentionRule(schema.active_users, ("user_id", "day"), "day", ANALYTICS_DAYS, in_days=True),
    RetentionRule(
        schema.active_user_counts, ("day", "gap", "shard"), "day", ANALYTICS_DAYS, in_days=True
    ),
    # A journal that turns up later is still stored once: its generations are known by their ids.
    RetentionRule(schema.producers, ("id",), "seen_at", ANALYTICS_DAYS),
)
USERS_RULE: Final = RetentionRule(
    schema.failure_users, ("failure_id", "user_id"), "last_day", ANALYTICS_DAYS, in_days=True
)


def prune_step(database: Database, now: float, limit: int) -> int:
    """Delete at most ``limit`` expired rows, in short transactions; return how many were deleted."""
    deleted = 0
    for rule in RULES:
        if deleted < limit:
            deleted += _prune(database, rule, now, limit - deleted)
    while deleted < limit:
        users = _prune_users(database, now, limit - deleted)
        if not users:
            break
        deleted += users
    return deleted


def _prune(database: Database, rule: RetentionRule, now: float, limit: int) -> int:
    with database.read() as connection:  # no write lock in the usual case: nothing is expired
        if connection.execute(rule.select_expired(now, 1)).first() is None:
            return 0
    # Rows that another transaction has locked are skipped; a later step deletes them.
    keys = rule.select_expired(now, limit).with_for_update(skip_locked=True)
    columns = [rule.table.c[name] for name in rule.key]
    with database.begin() as connection:
        result = connection.execute(sa.delete(rule.table).where(sa.tuple_(*columns).in_(keys)))
        return int(result.rowcount)


def _prune_users(database: Database, now: float, limit: int) -> int:
    """Delete expired users of one failure and subtract them from its counter."""
    with database.read() as connection:
        oldest = connection.execute(USERS_RULE.select_expired(now, 1)).first()
    if oldest is None:
        return 0
    users, failures = schema.failure_users, schema.failures
    of_failure = users.c.failure_id == oldest.failure_id
    with database.begin() as connection:
        # Lock the failure's row first, as transactions that write do, so as not to deadlock.
        connection.execute(
            sa.select(failures.c.id).where(failures.c.id == oldest.failure_id).with_for_update()
        )
        names = (
            sa.select(users.c.user_id).where(of_failure, USERS_RULE.is_expired(now)).limit(limit)
        )
        deleted = connection.execute(
            sa.delete(users).where(of_failure, users.c.user_id.in_(names))
        ).rowcount
        left = failures.c.user_count - deleted
        connection.execute(
            sa.update(failures)
            .where(failures.c.id == oldest.failure_id)
            .values(user_count=sa.case((left > 0, left), else_=0))
        )
    return int(deleted)
