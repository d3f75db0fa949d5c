"""The statements of the hot path: built with SQLAlchemy, compiled once, run on a bare cursor.

SQLAlchemy's execution of a statement costs as much as SQLite's own work for it, and
a batch of one runs a dozen. So text and order of parameters are worked out once for
each dialect, and :class:`genmon_otel.store.cursor.Cursor` does the rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql import psycopg

from genmon_otel.policy import CaseState
from genmon_otel.store import schema
from genmon_otel.store.columns import Json

ANALYTICS: Final = tuple(c.name for c in schema.analytics.columns if c.name != "id")
FAILURES: Final = (
    "fingerprint", "signature", "trigger_signature", "operation", "error_type", "error_message",
    "failure_category", "severity", "occurrence_count", "first_seen_at", "last_seen_at",
    "stack_trace", "framework", "context",
)  # fmt: skip
#: What a newer occurrence replaces in a failure's row.
NEWEST: Final = ("trigger_signature", "error_message", "stack_trace", "framework", "context")
#: What is settled once a batch's failures are read back: set, and added to what is there.
SET: Final = ("handle", "status", "strikes", "users_by_day")
ADDED: Final = ("reopened_count", "user_count", "project_count")
SETTLED: Final = ("handle", "status", "strikes", "reopened_count", "user_count", "project_count",
                  "users_by_day", "id")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Prepared:
    """Text of a statement and the order of its parameters."""

    sql: str
    names: tuple[str, ...]
    #: Whether it takes all its rows at once, as one parameter: a JSON array of objects.
    takes_rows: bool = False


@dataclass(frozen=True, slots=True)
class Statements:
    """The hot path's statements in one dialect. Rows are tuples in each one's ``names``."""

    move_producer: Prepared
    insert_analytics: Prepared
    copy_analytics: str
    upsert_failures: Prepared
    lock_failure: Prepared
    lock_handles: Prepared
    read_failures: Prepared
    settle_failures: Prepared
    read_handles: Prepared
    read_failure_users: Prepared
    upsert_failure_users: Prepared
    read_failure_projects: Prepared
    insert_failure_projects: Prepared
    read_active_users: Prepared
    insert_active_users: Prepared
    upsert_active_user_counts: Prepared
    upsert_rollups: Prepared
    read_guarding: Prepared


def rows(table: sa.Table, columns: Sequence[str]) -> Any:
    """Rows given as one JSON parameter, with the types of a table's columns."""
    types = (
        sa.column(name, sa.Text() if isinstance(table.c[name].type, Json) else table.c[name].type)
        for name in columns
    )
    array = sa.cast(sa.bindparam("rows", type_=sa.Text), postgresql.JSON)
    function = sa.func.json_to_recordset(array).table_valued(*types)
    return function.render_derived(name="given", with_types=True)


def _read(given: Any, column: sa.Column[Any]) -> Any:
    """A given value as its column takes it: JSON comes as its text."""
    return sa.cast(given, postgresql.JSON) if isinstance(column.type, Json) else given


@cache
def statements(is_postgresql: bool) -> Statements:
    """Compile all of them for one dialect."""
    insert: Any = postgresql.insert if is_postgresql else sqlite.insert
    dialect: sa.Dialect = (
        psycopg.dialect(paramstyle="format")  # type: ignore[no-untyped-call]
        if is_postgresql
        else sqlite.dialect(paramstyle="qmark")
    )

    def prepared(statement: Any, columns: Sequence[str] = ()) -> Prepared:
        if isinstance(statement, sa.Insert):
            statement = statement.inline()  # no RETURNING for ids that nobody reads
        compiled = statement.compile(dialect=dialect, column_keys=list(columns) or None)
        return Prepared(str(compiled), tuple(compiled.positiontup or ()))

    def upserted(statement: Any, columns: Sequence[str]) -> Prepared:
        """Of an INSERT whose conflicts are settled: rows one by one, or all at once."""
        if not is_postgresql:
            return prepared(statement, columns)
        given = rows(statement.table, columns)
        selected = sa.select(*(_read(given.c[name], statement.table.c[name]) for name in columns))
        compiled = prepared(statement.from_select(list(columns), selected))
        return Prepared(compiled.sql, tuple(columns), takes_rows=True)

    def among(column: sa.ColumnElement[Any], values: str) -> sa.ColumnElement[bool]:
        """Membership in a list given as one parameter, so that the text never changes."""
        if is_postgresql:
            array = sa.bindparam(values, type_=postgresql.ARRAY(column.type))
            return column == sa.func.any(array)
        items = sa.func.json_each(sa.bindparam(values, type_=sa.Text)).table_valued("value")
        return column.in_(sa.select(items.c.value))

    def pairs(first: sa.Column[Any], second: sa.Column[Any]) -> Any:
        """Two columns' values given together: two arrays, or one JSON array of pairs."""
        if is_postgresql:
            arrays = [
                sa.bindparam(column.name, type_=postgresql.ARRAY(column.type))
                for column in (first, second)
            ]
            table = sa.func.unnest(*arrays).table_valued("one", "two").render_derived()
            return sa.and_(first == table.c.one, second == table.c.two)
        table = sa.func.json_each(sa.bindparam("pairs", type_=sa.Text)).table_valued("value")
        return sa.and_(
            first == sa.func.json_extract(table.c.value, sa.literal_column("'$[0]'")),
            second == sa.func.json_extract(table.c.value, sa.literal_column("'$[1]'")),
        )

    def users_or_projects(table: sa.Table, *wanted: sa.Column[Any]) -> Prepared:
        """Which of the given pairs of a failure's fingerprint and a name are in a table."""
        columns = (failures.c.fingerprint, wanted[0])
        return prepared(
            sa.select(failures.c.fingerprint, *wanted)
            .select_from(table.join(failures, failures.c.id == table.c.failure_id))
            .where(pairs(*columns))
        )

    failures, rollups = schema.failures, schema.rollups
    producers, counts = schema.producers, schema.active_user_counts
    failure_users, failure_projects = schema.failure_users, schema.failure_projects
    active_users, tests = schema.active_users, schema.tests

    move = insert(producers)
    upsert = insert(failures)
    newer = upsert.excluded.last_seen_at >= failures.c.last_seen_at
    older_first = upsert.excluded.first_seen_at < failures.c.first_seen_at
    rollup = insert(rollups)
    user = insert(failure_users)
    count = insert(counts)
    active = insert(active_users)

    def settled(value: Any) -> sa.Update:
        """A failure's row after what a batch worked out: ``value`` gives each column's."""
        return (
            sa.update(failures)
            .where(failures.c.id == value("id"))
            .values(
                {name: value(name) for name in SET}
                | {name: failures.c[name] + value(name) for name in ADDED}
            )
        )

    if is_postgresql:
        found = rows(failures, SETTLED)
        text = prepared(settled(lambda name: _read(found.c[name], failures.c[name]))).sql
        settle = Prepared(text, SETTLED, takes_rows=True)
    else:
        settle = prepared(settled(lambda name: sa.bindparam(f"new_{name}", type_=sa.Text)))

    if is_postgresql:  # other processes may insert the same: the server says which rows were new
        arrays = (
            sa.bindparam("users", type_=postgresql.ARRAY(sa.Text)),
            sa.bindparam("days", type_=postgresql.ARRAY(sa.Integer)),
        )
        given = sa.func.unnest(*arrays).table_valued("user_id", "day").render_derived()
        insert_active = prepared(
            active.from_select(
                ["user_id", "day"],
                sa.select(given.c.user_id, given.c.day).order_by(given.c.user_id, given.c.day),
            )
            .on_conflict_do_nothing()
            .returning(active_users.c.user_id, active_users.c.day)
        )
    else:
        insert_active = prepared(active.on_conflict_do_nothing(), ("user_id", "day"))

    return Statements(
        # Only ever forwards: a position that is there already means this batch is, too. A
        # position further back than ours means the store was brought back from a copy.
        move_producer=prepared(
            move.on_conflict_do_update(
                index_elements=["id"],
                set_={name: move.excluded[name] for name in ("position", "journal_seq", "seen_at")},
                where=producers.c.position < move.excluded.position,
            ),
            ("id", "position", "journal_seq", "seen_at"),
        ),
        insert_analytics=prepared(sa.insert(schema.analytics), ANALYTICS),
        copy_analytics=f"COPY {schema.analytics.name} ({', '.join(ANALYTICS)}) FROM STDIN",
        upsert_failures=upserted(
            upsert.on_conflict_do_update(
                index_elements=["fingerprint"],
                set_={
                    "occurrence_count": failures.c.occurrence_count
                    + upsert.excluded.occurrence_count,
                    "first_seen_at": sa.case(
                        (older_first, upsert.excluded.first_seen_at),
                        else_=failures.c.first_seen_at,
                    ),
                    "last_seen_at": sa.case(
                        (newer, upsert.excluded.last_seen_at), else_=failures.c.last_seen_at
                    ),
                    **{
                        name: sa.case((newer, upsert.excluded[name]), else_=failures.c[name])
                        for name in NEWEST
                    },
                    # What a person said stays; what the rules say is kept beside it.
                    **{
                        name: sa.case(
                            (sa.and_(newer, is_rules), upsert.excluded.severity),
                            else_=failures.c[name],
                        )
                        for name, is_rules in (
                            ("severity", failures.c.relabelled_at.is_(None)),
                            ("rules_severity", failures.c.relabelled_at.is_not(None)),
                        )
                    },
                },
            ),
            FAILURES,
        ),
        lock_failure=prepared(
            sa.select(failures.c.id)
            .where(failures.c.fingerprint == sa.bindparam("fingerprint"))
            .with_for_update()
        ),
        lock_handles=prepared(
            sa.select(sa.func.pg_advisory_xact_lock(sa.bindparam("key", type_=sa.BigInteger)))
        ),
        read_failures=prepared(
            sa.select(
                failures.c.fingerprint,
                failures.c.id,
                failures.c.handle,
                failures.c.status,
                failures.c.test_generated,
                failures.c.strikes,
                failures.c.resolved_through,
                failures.c.users_by_day,
                sa.case((failures.c.relabelled_at.is_not(None), failures.c.failure_category)),
                tests.c.id.label("case_id"),
                tests.c.state.label("case_state"),
            )
            .select_from(
                failures.outerjoin(tests, tests.c.created_from_failure_id == failures.c.id)
            )
            .where(among(failures.c.fingerprint, "fingerprints"))
        ),
        settle_failures=settle,
        read_handles=prepared(
            sa.select(failures.c.handle).where(among(failures.c.handle, "handles"))
        ),
        read_failure_users=users_or_projects(
            failure_users, failure_users.c.user_id, failure_users.c.last_day
        ),
        upsert_failure_users=upserted(
            user.on_conflict_do_update(
                index_elements=["failure_id", "user_id"],
                set_={"last_day": user.excluded.last_day},
            ),
            ("failure_id", "user_id", "last_day"),
        ),
        read_failure_projects=users_or_projects(failure_projects, failure_projects.c.project_id),
        insert_failure_projects=upserted(
            insert(failure_projects).on_conflict_do_nothing(), ("failure_id", "project_id")
        ),
        read_active_users=prepared(
            sa.select(active_users.c.user_id, active_users.c.day).where(
                among(active_users.c.user_id, "users"),
                active_users.c.day >= sa.bindparam("first"),
                active_users.c.day <= sa.bindparam("last"),
            )
        ),
        insert_active_users=insert_active,
        upsert_active_user_counts=upserted(
            count.on_conflict_do_update(
                index_elements=["day", "gap", "shard"],
                set_={"users": counts.c.users + count.excluded.users},
            ),
            ("day", "gap", "shard", "users"),
        ),
        upsert_rollups=upserted(
            rollup.on_conflict_do_update(
                index_elements=["minute", "operation", "framework", "outcome", "category", "shard"],
                set_={
                    "count": rollups.c.count + rollup.excluded.count,
                    "duration_sum_s": rollups.c.duration_sum_s + rollup.excluded.duration_sum_s,
                },
            ),
            tuple(column.name for column in rollups.columns),
        ),
        read_guarding=prepared(
            sa.select(tests.c.id, tests.c.signature, tests.c.trigger_signature).where(
                tests.c.state == sa.literal_column(f"'{CaseState.GUARDING}'"),
                tests.c.trigger == sa.literal_column("'fault'"),
            )
        ),
    )
