"""Counts the distinct users and projects that a failure hit, and the active users of a week.

A ``COUNT(DISTINCT user_id)`` over a week grows with the rows (1, 14, 116 ms from 10⁴ to 10⁶).
So each user and project is counted when the first of its rows is stored, in the same
transaction, while that transaction holds the lock on the failure's row.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, Final

import sqlalchemy as sa

from genmon_otel.store import schema
from genmon_otel.store.cursor import Cursor
from genmon_otel.store.statements import Prepared

#: Days over which a failure's share of the active users is computed.
WEEK_DAYS: Final = 7
#: Keys of stored rows that a process caches, to save the query whether they are stored.
MAX_CACHED_KEYS: Final = 50_000

#: ``("active", user, day)``, ``("user", fingerprint, user, day)`` or
#: ``("project", fingerprint, project)``.
RowKey = tuple[Any, ...]


class StoredKeys:
    """Cache of row keys that are in the store. When full, the least recently used are removed."""

    def __init__(self, limit: int = MAX_CACHED_KEYS) -> None:
        self._limit = limit
        self._keys: OrderedDict[RowKey, None] = OrderedDict()

    def __contains__(self, key: RowKey) -> bool:
        if key in self._keys:
            self._keys.move_to_end(key)
            return True
        return False

    def update(self, keys: Iterable[RowKey]) -> None:
        """Add keys. Call it after the transaction that stored their rows has committed."""
        for key in keys:
            self._keys[key] = None
        while len(self._keys) > self._limit:
            self._keys.popitem(last=False)

    def clear(self) -> None:
        """Remove all keys: rows may be gone, as after :meth:`SqlStore.forget`."""
        self._keys.clear()


class ImpactDelta:
    """What one batch adds to a failure's counts of users and projects."""

    __slots__ = ("by_day", "has_changed", "projects", "users")

    def __init__(self, by_day: Mapping[str, int]) -> None:
        self.users = 0
        self.projects = 0
        self.has_changed = False
        #: Users by the day (since 1970) on which the failure hit them last; the newest week.
        self.by_day: dict[str, int] = dict(by_day)

    def count_hit(self, before: int | None, day: int) -> None:
        """Count that a user was hit on ``day``; ``before`` is the day of the last hit, None for none."""
        self.has_changed = True
        if before is None:
            self.users += 1
        elif str(before) in self.by_day:
            self.by_day[str(before)] = max(0, self.by_day[str(before)] - 1)
        self.by_day[str(day)] = self.by_day.get(str(day), 0) + 1
        newest = max(int(each) for each in self.by_day)
        self.by_day = {
            each: count
            for each, count in self.by_day.items()
            if count and int(each) > newest - WEEK_DAYS
        }


class AffectedUsers:
    """Counts the users that the failures of one batch hit.

    This transaction holds the locks on the failures' rows, so no other one counts their users.
    The constructor sends the query which users are stored already; :meth:`count` reads its
    answer.

    Args:
        cursor: inside the batch's transaction.
        hits: day of the newest hit, by ``(fingerprint, user_id)``.
        stored: keys of rows that need no query.
    """

    def __init__(
        self, cursor: Cursor, hits: Mapping[tuple[str, str], int], stored: StoredKeys
    ) -> None:
        self._cursor = cursor
        self._hits = hits
        self.new_keys: list[RowKey] = [
            key for key in (("user", *pair, day) for pair, day in hits.items()) if key not in stored
        ]
        self._pairs = sorted((key[1], key[2]) for key in self.new_keys)
        self._result = _select_pairs(cursor, cursor.statements.read_failure_users, self._pairs)

    def count(self, failures: Mapping[str, tuple[int, ImpactDelta]]) -> None:
        """Add the users to their failures' deltas and store them.

        Args:
            failures: row id and delta, by fingerprint.
        """
        last_days = {
            (failure, user): day
            for failure, user, day in _fetch_all(self._result)
            if isinstance(day, int)  # SQLite stores any value in any column
        }
        rows = []
        for pair in self._pairs:
            day, last = self._hits[pair], last_days.get(pair)
            if last is None or day > last:
                failure_id, delta = failures[pair[0]]
                delta.count_hit(last, day)
                rows.append((failure_id, pair[1], day))
        self._cursor.execute_many(self._cursor.statements.upsert_failure_users, rows)


class AffectedProjects:
    """Counts projects by ``(fingerprint, project_id)``, as :class:`AffectedUsers` does users."""

    def __init__(self, cursor: Cursor, hits: Iterable[tuple[str, str]], stored: StoredKeys) -> None:
        self._cursor = cursor
        self._pairs = sorted(pair for pair in set(hits) if ("project", *pair) not in stored)
        self.new_keys: list[RowKey] = [("project", *pair) for pair in self._pairs]
        self._result = _select_pairs(cursor, cursor.statements.read_failure_projects, self._pairs)

    def count(self, failures: Mapping[str, tuple[int, ImpactDelta]]) -> None:
        """Add the projects to their failures' deltas and store them; see :meth:`AffectedUsers.count`."""
        stored = set(_fetch_all(self._result))
        rows = []
        for pair in self._pairs:
            if pair not in stored:
                failure_id, delta = failures[pair[0]]
                delta.projects += 1
                delta.has_changed = True
                rows.append((failure_id, pair[1]))
        self._cursor.execute_many(self._cursor.statements.insert_failure_projects, rows)


class ActiveUsers:
    """Counts the active users of each day, by ``(user_id, day)``, each user once a day.

    The constructor inserts the pairs that are not stored and sends the query for the other days
    of these users; :meth:`count` reads its answer.
    """

    def __init__(
        self, cursor: Cursor, active: Iterable[tuple[str, int]], stored: StoredKeys
    ) -> None:
        self._cursor = cursor
        pairs = sorted(pair for pair in set(active) if ("active", *pair) not in stored)
        self.new_keys: list[RowKey] = [("active", *pair) for pair in pairs]
        self._result: Any = None
        self._inserted: Any = None
        if not pairs:
            return
        days = [day for _user, day in pairs]
        users = cursor.list_parameter(sorted({user for user, _day in pairs}))
        read = cursor.statements.read_active_users
        if cursor.is_postgresql:
            # Inserting first makes a concurrent transaction wait here until this one commits;
            # its next query then sees these rows.
            self._inserted = cursor.execute(
                cursor.statements.insert_active_users, *cursor.pair_parameters(pairs)
            )
        else:
            existing = cursor.execute(read, users, min(days), max(days)).fetchall()
            self._inserted = sorted(set(pairs) - set(existing))
            cursor.execute_many(cursor.statements.insert_active_users, self._inserted)
        if self._inserted:
            self._result = cursor.execute(read, users, min(days) - WEEK_DAYS, max(days) + WEEK_DAYS)

    def count(self, shard: int) -> None:
        """Add the inserted pairs to the counters of their days.

        ``shard`` is the part of the counters that this producer writes to.
        """
        if self._result is None:
            return
        postgresql = self._cursor.is_postgresql
        inserted = sorted(self._inserted.fetchall()) if postgresql else self._inserted
        days_of: dict[str, set[int]] = {}
        for user, day in self._result.fetchall():
            days_of.setdefault(user, set()).add(day)
        for user, day in inserted:
            days_of.get(user, set()).discard(day)
        changes: Counter[tuple[int, int]] = Counter()
        for user, day in inserted:
            others = days_of.setdefault(user, set())
            before = max((d for d in others if d < day), default=None)
            after = min((d for d in others if d > day), default=None)
            changes[day, _gap(before, day)] += 1
            if after is not None and after - day < WEEK_DAYS:
                changes[after, _gap(before, after)] -= 1
                changes[after, _gap(day, after)] += 1
            others.add(day)
        self._cursor.execute_many(
            self._cursor.statements.upsert_active_user_counts,
            [(day, gap, shard, count) for (day, gap), count in sorted(changes.items()) if count],
        )


def _select_pairs(cursor: Cursor, statement: Prepared, pairs: list[tuple[Any, Any]]) -> Any:
    return cursor.execute(statement, *cursor.pair_parameters(pairs)) if pairs else None


def _fetch_all(result: Any) -> list[Any]:
    return [] if result is None else result.fetchall()


def _gap(before: int | None, day: int) -> int:
    """Return the days since a user was active before, at most 7; 7 for None."""
    return WEEK_DAYS if before is None else min(WEEK_DAYS, day - before)


def count_active_users(connection: sa.Connection, last_day: int) -> int:
    """Count the users who were active in the seven days up to and including ``last_day``."""
    counts = schema.active_user_counts
    rows = connection.execute(
        sa.select(counts.c.day, counts.c.gap, sa.func.sum(counts.c.users))
        .where(counts.c.day > last_day - WEEK_DAYS, counts.c.day <= last_day)
        .group_by(counts.c.day, counts.c.gap)
    )
    first = last_day - WEEK_DAYS + 1
    # Each user counts on the first active day of the week: where the gap reaches back before it.
    return sum(
        int(users)
        for day, gap, users in rows
        if isinstance(gap, int) and isinstance(users, (int, float, Decimal)) and gap > day - first
    )
