"""Who was hit: distinct users and projects of a failure, and users active, in constant time.

Counting distinct users over a week of rows grows with the rows (1, 14, 116 ms from
10⁴ to 10⁶). So each is counted when first seen, under the lock that its writer holds.
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

#: Days over which a failure's share of users is taken.
WEEK: Final = 7
#: Facts a process remembers having stored, so as not to ask again.
REMEMBERED: Final = 50_000

#: ``("active", user, day)``, ``("user", fingerprint, user, day)`` or
#: ``("project", fingerprint, project)``.
Fact = tuple[Any, ...]


class StoredFacts:
    """What this process knows to be in the store; bounded, least recently used goes first."""

    def __init__(self, limit: int = REMEMBERED) -> None:
        self._limit = limit
        self._facts: OrderedDict[Fact, None] = OrderedDict()

    def __contains__(self, fact: Fact) -> bool:
        if fact in self._facts:
            self._facts.move_to_end(fact)
            return True
        return False

    def update(self, facts: Iterable[Fact]) -> None:
        """Remember facts, after the transaction that stored them committed."""
        for fact in facts:
            self._facts[fact] = None
        while len(self._facts) > self._limit:
            self._facts.popitem(last=False)

    def clear(self) -> None:
        """Forget everything, as after :meth:`SqlStore.forget`."""
        self._facts.clear()


class Tally:
    """Users and projects that one failure met for the first time in a batch."""

    __slots__ = ("by_day", "changed", "projects", "users")

    def __init__(self, by_day: Mapping[str, int]) -> None:
        self.users = 0
        self.projects = 0
        self.changed = False
        #: Users by the day of their newest hit, the newest week.
        self.by_day: dict[str, int] = dict(by_day)

    def move(self, before: int | None, day: int) -> None:
        """Count a user's newest hit, which was on day ``before`` until now (None: never)."""
        self.changed = True
        if before is None:
            self.users += 1
        elif str(before) in self.by_day:
            self.by_day[str(before)] = max(0, self.by_day[str(before)] - 1)
        self.by_day[str(day)] = self.by_day.get(str(day), 0) + 1
        newest = max(int(each) for each in self.by_day)
        self.by_day = {
            each: count
            for each, count in self.by_day.items()
            if count and int(each) > newest - WEEK
        }


class UsersHit:
    """Counts users by ``(fingerprint, user_id) -> day`` of a batch's newest hit.

    The failures' rows are locked by this transaction, so nobody else counts theirs.
    Made, it asks which are known; that is read when they are counted.
    """

    def __init__(
        self, cursor: Cursor, hits: Mapping[tuple[str, str], int], remembered: StoredFacts
    ) -> None:
        self._cursor = cursor
        self._hits = hits
        self.facts: list[Fact] = [
            fact
            for fact in (("user", *pair, day) for pair, day in hits.items())
            if fact not in remembered
        ]
        self._fresh = sorted((fact[1], fact[2]) for fact in self.facts)
        self._asked = _ask(cursor, cursor.statements.read_failure_users, self._fresh)

    def count(self, failures: Mapping[str, tuple[int, Tally]]) -> None:
        """Count them on their failures' tallies, by fingerprint, and keep who was hit."""
        before = {
            (failure, user): day
            for failure, user, day in _answers(self._asked)
            if isinstance(day, int)  # SQLite keeps anything
        }
        rows = []
        for pair in self._fresh:
            day, last = self._hits[pair], before.get(pair)
            if last is None or day > last:
                failure_id, tally = failures[pair[0]]
                tally.move(last, day)
                rows.append((failure_id, pair[1], day))
        self._cursor.many(self._cursor.statements.upsert_failure_users, rows)


class ProjectsHit:
    """Counts projects by ``(fingerprint, project_id)``, as :class:`UsersHit` does users."""

    def __init__(
        self, cursor: Cursor, hits: Iterable[tuple[str, str]], remembered: StoredFacts
    ) -> None:
        self._cursor = cursor
        self._fresh = sorted(pair for pair in set(hits) if ("project", *pair) not in remembered)
        self.facts: list[Fact] = [("project", *pair) for pair in self._fresh]
        self._asked = _ask(cursor, cursor.statements.read_failure_projects, self._fresh)

    def count(self, failures: Mapping[str, tuple[int, Tally]]) -> None:
        """Count them on their failures' tallies, by fingerprint, and keep which were hit."""
        known = set(_answers(self._asked))
        rows = []
        for pair in self._fresh:
            if pair not in known:
                failure_id, tally = failures[pair[0]]
                tally.projects += 1
                tally.changed = True
                rows.append((failure_id, pair[1]))
        self._cursor.many(self._cursor.statements.insert_failure_projects, rows)


class ActiveUsers:
    """Counts users active on days, by ``(user_id, day)``, each once a day.

    Made, it keeps those that are new and asks for their other days.
    """

    def __init__(
        self, cursor: Cursor, active: Iterable[tuple[str, int]], remembered: StoredFacts
    ) -> None:
        self._cursor = cursor
        fresh = sorted(pair for pair in set(active) if ("active", *pair) not in remembered)
        self.facts: list[Fact] = [("active", *pair) for pair in fresh]
        self._asked: Any = None
        self._inserted: Any = None
        if not fresh:
            return
        days = [day for _user, day in fresh]
        users = cursor.listed(sorted({user for user, _day in fresh}))
        read = cursor.statements.read_active_users
        if cursor.is_postgresql:
            # Taking the rows first makes a racing process wait here, and then see ours.
            self._inserted = cursor.run(
                cursor.statements.insert_active_users, *cursor.paired(fresh)
            )
        else:
            there = cursor.run(read, users, min(days), max(days)).fetchall()
            self._inserted = sorted(set(fresh) - set(there))
            cursor.many(cursor.statements.insert_active_users, self._inserted)
        if self._inserted:
            self._asked = cursor.run(read, users, min(days) - WEEK, max(days) + WEEK)

    def count(self, shard: int) -> None:
        """Count those that were new."""
        if self._asked is None:
            return
        postgresql = self._cursor.is_postgresql
        inserted = sorted(self._inserted.fetchall()) if postgresql else self._inserted
        known: dict[str, set[int]] = {}
        for user, day in self._asked.fetchall():
            known.setdefault(user, set()).add(day)
        for user, day in inserted:
            known.get(user, set()).discard(day)
        changes: Counter[tuple[int, int]] = Counter()
        for user, day in inserted:
            others = known.setdefault(user, set())
            before = max((d for d in others if d < day), default=None)
            after = min((d for d in others if d > day), default=None)
            changes[day, _gap(before, day)] += 1
            if after is not None and after - day < WEEK:
                changes[after, _gap(before, after)] -= 1
                changes[after, _gap(day, after)] += 1
            others.add(day)
        self._cursor.many(
            self._cursor.statements.upsert_active_user_counts,
            [(day, gap, shard, count) for (day, gap), count in sorted(changes.items()) if count],
        )


def _ask(cursor: Cursor, statement: Prepared, pairs: list[tuple[Any, Any]]) -> Any:
    return cursor.run(statement, *cursor.paired(pairs)) if pairs else None


def _answers(asked: Any) -> list[Any]:
    return [] if asked is None else asked.fetchall()


def _gap(before: int | None, day: int) -> int:
    return WEEK if before is None else min(WEEK, day - before)


def active_users(connection: sa.Connection, last_day: int) -> int:
    """Return how many users were active in the seven days up to and including ``last_day``."""
    counts = schema.active_user_counts
    rows = connection.execute(
        sa.select(counts.c.day, counts.c.gap, sa.func.sum(counts.c.users))
        .where(counts.c.day > last_day - WEEK, counts.c.day <= last_day)
        .group_by(counts.c.day, counts.c.gap)
    )
    first = last_day - WEEK + 1
    # A user counts on the first of the days that they were active on.
    return sum(
        int(users)
        for day, gap, users in rows
        if isinstance(gap, int) and isinstance(users, (int, float, Decimal)) and gap > day - first
    )
