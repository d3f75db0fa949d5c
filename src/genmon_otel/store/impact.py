"""Who was hit: distinct users and projects of a failure, and users active, in constant time.

Counting distinct users over a week of rows grows with the rows (1, 14, 116 ms from
10⁴ to 10⁶). So each is counted when first seen, under the lock that its writer holds.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Iterable, Mapping
from typing import Any, Final

import sqlalchemy as sa

from genmon_otel.store import schema
from genmon_otel.store.statements import Cursor

DAY_S: Final = 86_400
#: Days over which a failure's share of users is taken.
WEEK: Final = 7
#: Facts a process remembers having stored, so as not to ask again.
REMEMBERED: Final = 50_000

#: ``("active", user, day)``, ``("user", failure, user, day)`` or ``("project", failure, project)``.
Fact = tuple[Any, ...]


class Remembered:
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


def count_users_hit(
    cursor: Cursor,
    hits: Mapping[tuple[int, str], int],
    tallies: Mapping[int, Tally],
    remembered: Remembered,
) -> list[Fact]:
    """Count users by ``(failure_id, user_id) -> day`` of the batch's newest hit.

    The failures' rows are locked by this transaction, so nobody else counts theirs.
    """
    facts = {("user", failure, user, day): (failure, user) for (failure, user), day in hits.items()}
    fresh = sorted(pair for fact, pair in facts.items() if fact not in remembered)
    if not fresh:
        return []
    found = cursor.fetch(cursor.statements.read_failure_users, *cursor.paired(fresh))
    before = {(failure, user): day for failure, user, day in found}
    rows = []
    for pair in fresh:
        day, last = hits[pair], before.get(pair)
        if last is None or day > last:
            tallies[pair[0]].move(last, day)
            rows.append((*pair, day))
    cursor.many(cursor.statements.upsert_failure_users, rows)
    return list(facts)


def count_projects_hit(
    cursor: Cursor,
    hits: Iterable[tuple[int, str]],
    tallies: Mapping[int, Tally],
    remembered: Remembered,
) -> list[Fact]:
    """Count projects by ``(failure_id, project_id)``; the failures' rows are locked."""
    fresh = sorted(pair for pair in set(hits) if ("project", *pair) not in remembered)
    if not fresh:
        return []
    found = cursor.fetch(cursor.statements.read_failure_projects, *cursor.paired(fresh))
    rows = sorted(set(fresh) - {(failure, project) for failure, project in found})
    for failure, _project in rows:
        tallies[failure].projects += 1
        tallies[failure].changed = True
    cursor.many(cursor.statements.insert_failure_projects, rows)
    return [("project", *pair) for pair in fresh]


def count_active_users(
    cursor: Cursor, active: Iterable[tuple[str, int]], shard: int, remembered: Remembered
) -> list[Fact]:
    """Count users active on days, by ``(user_id, day)``, each once a day."""
    fresh = sorted(pair for pair in set(active) if ("active", *pair) not in remembered)
    if not fresh:
        return []
    days = [day for _user, day in fresh]
    users = sorted({user for user, _day in fresh})
    # Taking the rows first makes a racing process wait here, and then see ours.
    inserted = _insert_active(cursor, fresh)
    known: dict[str, set[int]] = {}
    for user, day in cursor.fetch(
        cursor.statements.read_active_users,
        cursor.listed(users), min(days) - WEEK, max(days) + WEEK,
    ):  # fmt: skip
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
    cursor.many(
        cursor.statements.upsert_active_user_counts,
        [(day, gap, shard, count) for (day, gap), count in sorted(changes.items()) if count],
    )
    return [("active", *pair) for pair in fresh]


def _insert_active(cursor: Cursor, rows: list[tuple[str, int]]) -> list[tuple[str, int]]:
    """Insert what is not there; return what was inserted."""
    if cursor.is_postgresql:
        found = cursor.fetch(cursor.statements.insert_active_users, *cursor.paired(rows))
        return sorted((user, day) for user, day in found)
    days = [day for _user, day in rows]
    there = cursor.fetch(
        cursor.statements.read_active_users,
        cursor.listed(sorted({user for user, _day in rows})), min(days), max(days),
    )  # fmt: skip
    missing = sorted(set(rows) - {(user, day) for user, day in there})
    cursor.many(cursor.statements.insert_active_users, missing)
    return missing


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
    return int(sum(users for day, gap, users in rows if gap > day - first))
