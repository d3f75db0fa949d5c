"""The statements that store a batch: built with SQLAlchemy, compiled once for each dialect.

To execute a statement through SQLAlchemy costs as much as SQLite's own work for it, and a batch of
one record needs a dozen. So :class:`genmon_otel.store.cursor.Cursor` executes the compiled text on
the driver's cursor.
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
#: Columns of a failure's row that a newer occurrence replaces.
FROM_NEWEST: Final = ("trigger_signature", "error_message", "stack_trace", "framework", "context")
#: Columns that are written after a batch's failures were read: replaced, and added to.
REPLACED: Final = ("handle", "status", "strikes", "users_by_day")
INCREMENTED: Final = ("reopened_count", "user_count", "project_count")
UPDATED: Final = ("handle", "status", "strikes", "reopened_count", "user_count", "project_count",
                  "users_by_day", "id")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Prepared:
    """The text of a compiled statement and the order of its parameters."""

    sql: str
    names: tuple[str, ...]
    #: Whether its one parameter is a JSON array of objects, one a row.
    takes_json_rows: bool = False


@dataclass(frozen=True, slots=True)
class Statements:
    """All statements in one dialect. A row is a tuple in the order of a statement's ``names``."""

    advance_producer: Prepared
    insert_analytics: Prepared
    copy_analytics: str
    upsert_failures: Prepared
    lock_failure: Prepared
    lock_handles: Prepared
    read_failures: Prepared
    update_failures: Prepared
    read_handles: Prepared
    read_failure_users: Prepared
    upsert_failure_users: Prepared
    read_failure_projects: Prepared
    insert_failure_projects: Prepared
    read_active_users: Prepared
    insert_active_users: Prepared
    upsert_active_user_counts: Prepared
    upsert_rollups: Prepared
    read_guarding_cases: Prepared


def json_rows(table: sa.Table, columns: Sequence[str]) -> Any:
    """Return a table expression over one JSON parameter, typed as a table's columns. PostgreSQL only."""
    types = (
        sa.column(name, sa.Text() if isinstance(table.c[name].type, Json) else table.c[name].type)
        for name in columns
    )
    array = sa.cast(sa.bindparam("rows", type_=sa.Text), postgresql.JSON)
    function = sa.func.json_to_recordset(array).table_valued(*types)
    return function.render_derived(name="given", with_types=True)


def _as_column(given: Any, column: sa.Column[Any]) -> Any:
    """Cast a value of :func:`json_rows` to its column's type: JSON is given as text."""
    return sa.cast(given, postgresql.JSON) if isinstance(column.type, Json) else given


@cache
def statements(is_postgresql: bool) -> Statements:
    """Compile all statements for one dialect; cached."""
    insert: Any = postgresql.insert if is_postgresql else sqlite.insert
    dialect: sa.Dialect = (
        psycopg.dialect(paramstyle="format")  # type: ignore[no-untyped-call]
        if is_postgresql
        else sqlite.dialect(paramstyle="qmark")
    )

    def compile_(statement: Any, columns: Sequence[str] = ()) -> Prepared:
        if isinstance(statement, sa.Insert):
            statement = statement.inline()  # without RETURNING: the ids are not read
        compiled = statement.compile(dialect=dialect, column_keys=list(columns) or None)
        return Prepared(str(compiled), tuple(compiled.positiontup or ()))

    def compile_insert(statement: Any, columns: Sequence[str]) -> Prepared:
        """Compile an INSERT … ON CONFLICT: of one row, on PostgreSQL of many as JSON."""
        if not is_postgresql:
            return compile_(statement, columns)
        given = json_rows(statement.table, columns)
        selected = sa.select(
            *(_as_column(given.c[name], statement.table.c[name]) for name in columns)
        )
        compiled = compile_(statement.from_select(list(columns), selected))
        return Prepared(compiled.sql, tuple(columns), takes_json_rows=True)

    def is_in(column: sa.ColumnElement[Any], values: str) -> sa.ColumnElement[bool]:
        """Compare with a list given as one parameter, so that the text is the same for any length."""
        if is_postgresql:
            array = sa.bindparam(values, type_=postgresql.ARRAY(column.type))
            return column == sa.func.any(array)
        items = sa.func.json_each(sa.bindparam(values, type_=sa.Text)).table_valued("value")
        return column.in_(sa.select(items.c.value))

    def equals_pair(first: sa.Column[Any], second: sa.Column[Any]) -> Any:
        """Compare two columns with a list of pairs: two arrays, on SQLite one JSON array."""
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

    def select_stored_pairs(table: sa.Table, *wanted: sa.Column[Any]) -> Prepared:
        """Select the given pairs of fingerprint and user or project that are in a table."""
        columns = (failures.c.fingerprint, wanted[0])
        return compile_(
            sa.select(failures.c.fingerprint, *wanted)
            .select_from(table.join(failures, failures.c.id == table.c.failure_id))
            .where(equals_pair(*columns))
        )

    failures, rollups = schema.failures, schema.rollups
    producers, counts = schema.producers, schema.active_user_counts
    failure_users, failure_projects = schema.failure_users, schema.failure_projects
    active_users, tests = schema.active_users, schema.tests

    move = insert(producers)
    upsert = insert(failures)
    is_newer = upsert.excluded.last_seen_at >= failures.c.last_seen_at
    is_older = upsert.excluded.first_seen_at < failures.c.first_seen_at
    rollup = insert(rollups)
    user = insert(failure_users)
    count = insert(counts)
    active = insert(active_users)

    def update_failure(value: Any) -> sa.Update:
        """Update a failure's row; ``value`` returns the expression for a column's name."""
        return (
            sa.update(failures)
            .where(failures.c.id == value("id"))
            .values(
                {name: value(name) for name in REPLACED}
                | {name: failures.c[name] + value(name) for name in INCREMENTED}
            )
        )

    if is_postgresql:
        given = json_rows(failures, UPDATED)
        text = compile_(
            update_failure(lambda name: _as_column(given.c[name], failures.c[name]))
        ).sql
        update = Prepared(text, UPDATED, takes_json_rows=True)
    else:
        update = compile_(update_failure(lambda name: sa.bindparam(f"new_{name}", type_=sa.Text)))

    if is_postgresql:  # RETURNING lists which rows this transaction inserted, not a concurrent one
        arrays = (
            sa.bindparam("users", type_=postgresql.ARRAY(sa.Text)),
            sa.bindparam("days", type_=postgresql.ARRAY(sa.Integer)),
        )
        given = sa.func.unnest(*arrays).table_valued("user_id", "day").render_derived()
        insert_active = compile_(
            active.from_select(
                ["user_id", "day"],
                sa.select(given.c.user_id, given.c.day).order_by(given.c.user_id, given.c.day),
            )
            .on_conflict_do_nothing()
            .returning(active_users.c.user_id, active_users.c.day)
        )
    else:
        insert_active = compile_(active.on_conflict_do_nothing(), ("user_id", "day"))

    return Statements(
        # Compare-and-swap on the producer's position. It changes no row where this batch was
        # committed before. A stored position that is lower than expected is accepted: the database
        # was restored from a backup.
        advance_producer=compile_(
            move.on_conflict_do_update(
                index_elements=["id"],
                set_={name: move.excluded[name] for name in ("position", "journal_seq", "seen_at")},
                where=producers.c.position < move.excluded.position,
            ),
            ("id", "position", "journal_seq", "seen_at"),
        ),
        insert_analytics=compile_(sa.insert(schema.analytics), ANALYTICS),
        copy_analytics=f"COPY {schema.analytics.name} ({', '.join(ANALYTICS)}) FROM STDIN",
        upsert_failures=compile_insert(
            upsert.on_conflict_do_update(
                index_elements=["fingerprint"],
                set_={
                    "occurrence_count": failures.c.occurrence_count
                    + upsert.excluded.occurrence_count,
                    "first_seen_at": sa.case(
                        (is_older, upsert.excluded.first_seen_at),
                        else_=failures.c.first_seen_at,
                    ),
                    "last_seen_at": sa.case(
                        (is_newer, upsert.excluded.last_seen_at), else_=failures.c.last_seen_at
                    ),
                    **{
                        name: sa.case((is_newer, upsert.excluded[name]), else_=failures.c[name])
                        for name in FROM_NEWEST
                    },
                    # A severity that a person set stays; the rules' goes to rules_severity.
                    **{
                        name: sa.case(
                            (sa.and_(is_newer, applies), upsert.excluded.severity),
                            else_=failures.c[name],
                        )
                        for name, applies in (
                            ("severity", failures.c.relabelled_at.is_(None)),
                            ("rules_severity", failures.c.relabelled_at.is_not(None)),
                        )
                    },
                },
            ),
            FAILURES,
        ),
        lock_failure=compile_(
            sa.select(failures.c.id)
            .where(failures.c.fingerprint == sa.bindparam("fingerprint"))
            .with_for_update()
        ),
        lock_handles=compile_(
            sa.select(sa.func.pg_advisory_xact_lock(sa.bindparam("key", type_=sa.BigInteger)))
        ),
        read_failures=compile_(
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
            .where(is_in(failures.c.fingerprint, "fingerprints"))
        ),
        update_failures=update,
        read_handles=compile_(
            sa.select(failures.c.handle).where(is_in(failures.c.handle, "handles"))
        ),
        read_failure_users=select_stored_pairs(
            failure_users, failure_users.c.user_id, failure_users.c.last_day
        ),
        upsert_failure_users=compile_insert(
            user.on_conflict_do_update(
                index_elements=["failure_id", "user_id"],
                set_={"last_day": user.excluded.last_day},
            ),
            ("failure_id", "user_id", "last_day"),
        ),
        read_failure_projects=select_stored_pairs(failure_projects, failure_projects.c.project_id),
        insert_failure_projects=compile_insert(
            insert(failure_projects).on_conflict_do_nothing(), ("failure_id", "project_id")
        ),
        read_active_users=compile_(
            sa.select(active_users.c.user_id, active_users.c.day).where(
                is_in(active_users.c.user_id, "users"),
                active_users.c.day >= sa.bindparam("first"),
                active_users.c.day <= sa.bindparam("last"),
            )
        ),
        insert_active_users=insert_active,
        upsert_active_user_counts=compile_insert(
            count.on_conflict_do_update(
                index_elements=["day", "gap", "shard"],
                set_={"users": counts.c.users + count.excluded.users},
            ),
            ("day", "gap", "shard", "users"),
        ),
        upsert_rollups=compile_insert(
            rollup.on_conflict_do_update(
                index_elements=["minute", "operation", "framework", "outcome", "category", "shard"],
                set_={
                    "count": rollups.c.count + rollup.excluded.count,
                    "duration_sum_s": rollups.c.duration_sum_s + rollup.excluded.duration_sum_s,
                },
            ),
            tuple(column.name for column in rollups.columns),
        ),
        read_guarding_cases=compile_(
            sa.select(tests.c.id, tests.c.signature, tests.c.trigger_signature).where(
                tests.c.state == sa.literal_column(f"'{CaseState.GUARDING}'"),
                tests.c.trigger == sa.literal_column("'fault'"),
            )
        ),
    )
