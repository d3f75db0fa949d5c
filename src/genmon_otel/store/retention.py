"""Retention: what outlived its days goes, in steps so small that writers do not notice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from genmon_otel.policy import ANALYTICS_DAYS, DAY_S, RECORDINGS_DAYS
from genmon_otel.store import schema
from genmon_otel.store.connect import Database


@dataclass(frozen=True, slots=True)
class Rule:
    """One table's retention."""

    table: sa.Table
    key: tuple[str, ...]
    age: str
    days: int
    #: Whether ``age`` counts days since 1970 instead of being a time.
    in_days: bool = False

    def is_expired(self, now: float) -> sa.ColumnElement[bool]:
        """Whether a row is too old."""
        border: float = now - self.days * DAY_S
        return self.table.c[self.age] < (int(border // DAY_S) if self.in_days else border)

    def expired(self, now: float, limit: int) -> sa.Select[Any]:
        """Select the keys of at most ``limit`` rows that are too old, oldest first."""
        keys = (self.table.c[name] for name in self.key)
        return (
            sa.select(*keys)
            .where(self.is_expired(now))
            .order_by(self.table.c[self.age])
            .limit(limit)
        )


RULES: Final = (
    Rule(schema.recordings, ("id",), "created_at", RECORDINGS_DAYS),
    Rule(schema.analytics, ("id",), "created_at", ANALYTICS_DAYS),
    Rule(
        schema.rollups,
        ("minute", "operation", "framework", "outcome", "category", "shard"),
        "minute",
        ANALYTICS_DAYS,
    ),
    Rule(schema.active_users, ("user_id", "day"), "day", ANALYTICS_DAYS, in_days=True),
    Rule(schema.active_user_counts, ("day", "gap", "shard"), "day", ANALYTICS_DAYS, in_days=True),
    # A dead producer's journal that turned up later still finds its generations by their ids.
    Rule(schema.producers, ("id",), "seen_at", ANALYTICS_DAYS),
)
USERS: Final = Rule(
    schema.failure_users, ("failure_id", "user_id"), "last_day", ANALYTICS_DAYS, in_days=True
)


def prune_step(database: Database, now: float, limit: int) -> int:
    """Delete at most ``limit`` rows that outlived their days, in short transactions; how many."""
    gone = 0
    for rule in RULES:
        if gone < limit:
            gone += _prune(database, rule, now, limit - gone)
    while gone < limit:
        users = _prune_users(database, now, limit - gone)
        if not users:
            break
        gone += users
    return gone


def _prune(database: Database, rule: Rule, now: float, limit: int) -> int:
    with database.read() as connection:  # mostly there is nothing, and writers need not wait
        if connection.execute(rule.expired(now, 1)).first() is None:
            return 0
    # What another process is pruning or writing is skipped: there will be another step.
    keys = rule.expired(now, limit).with_for_update(skip_locked=True)
    columns = [rule.table.c[name] for name in rule.key]
    with database.begin() as connection:
        found = connection.execute(sa.delete(rule.table).where(sa.tuple_(*columns).in_(keys)))
        return int(found.rowcount)


def _prune_users(database: Database, now: float, limit: int) -> int:
    """Delete users that one failure has not hit for so long, and take them off its counter."""
    with database.read() as connection:
        oldest = connection.execute(USERS.expired(now, 1)).first()
    if oldest is None:
        return 0
    users, failures = schema.failure_users, schema.failures
    of_failure = users.c.failure_id == oldest.failure_id
    with database.begin() as connection:
        # The failure's row first, as writers do.
        connection.execute(
            sa.select(failures.c.id).where(failures.c.id == oldest.failure_id).with_for_update()
        )
        names = sa.select(users.c.user_id).where(of_failure, USERS.is_expired(now)).limit(limit)
        gone = connection.execute(
            sa.delete(users).where(of_failure, users.c.user_id.in_(names))
        ).rowcount
        left = failures.c.user_count - gone
        connection.execute(
            sa.update(failures)
            .where(failures.c.id == oldest.failure_id)
            .values(user_count=sa.case((left > 0, left), else_=0))
        )
    return int(gone)
