"""Forget a person: clear them from rows, recordings and the cases made from these.

Counts stay (a number of users is nobody's), and so do the failures' redacted messages.
Journals are not the store's: ``genmon db forget`` clears them, too.
"""

from __future__ import annotations

from typing import Any, Final

import sqlalchemy as sa

from genmon_otel.policy import CaseState
from genmon_otel.ports import Propose
from genmon_otel.store import schema
from genmon_otel.store.case_creation import proposals
from genmon_otel.store.codec import loads, name
from genmon_otel.store.connect import Database
from genmon_otel.store.rows import Forgotten

#: Rows looked at in one transaction: writers get their turn in between.
WINDOW: Final = 20_000
#: Where a case goes whose every recording was this person's.
_EMPTIED: Final = {
    CaseState.PROPOSED: CaseState.UNREPRODUCIBLE,
    CaseState.REPRODUCED: CaseState.UNREPRODUCIBLE,
    CaseState.OPEN: CaseState.RETIRED,
    CaseState.GUARDING: CaseState.RETIRED,
    CaseState.REGRESSED: CaseState.RETIRED,
    CaseState.QUARANTINED: CaseState.RETIRED,
}
_REASON: Final = "its recordings were of a person who asked to be forgotten"


def forget(database: Database, user: str, propose: Propose | None) -> Forgotten:
    """Clear a person by the id that is stored (their pseudonym, where ids are pseudonyms).

    Each table in a transaction of its own, so as not to hold what writers lock in
    another order; interrupted, it can simply be run again.
    """
    person = name(user)
    generations = _clear_generations(database, person)
    recordings = _delete(database, schema.recordings, person)
    samples = _delete(database, schema.samples, person)
    counters = _delete(database, schema.failure_users, person)
    counters += _delete(database, schema.active_users, person)
    with database.begin() as connection:
        cases = _clear_cases(connection, person, propose)
    with database.begin() as connection:
        failures = _clear_failures(connection, person)
    return Forgotten(generations, failures, recordings, samples, cases, counters)


def _object(value: Any) -> dict[str, Any]:
    """What a JSON column holds; an empty object for what is none."""
    found = loads(value)
    return found if isinstance(found, dict) else {}


def _delete(database: Database, table: sa.Table, person: str) -> int:
    with database.begin() as connection:
        return int(connection.execute(sa.delete(table).where(table.c.user_id == person)).rowcount)


def _clear_generations(database: Database, person: str) -> int:
    table = schema.analytics
    with database.begin() as connection:
        first, last = connection.execute(
            sa.select(sa.func.min(table.c.id), sa.func.max(table.c.id))
        ).one()
    cleared = 0
    for start in range(first or 0, (last or -1) + 1, WINDOW):
        with database.begin() as connection:
            found = connection.execute(
                sa.select(table.c.id, table.c.metadata).where(
                    table.c.id >= start, table.c.id < start + WINDOW, table.c.user_id == person
                )
            ).all()
            for row in found:
                metadata = {k: v for k, v in _object(row.metadata).items() if k != "context"}
                connection.execute(
                    sa.update(table)
                    .where(table.c.id == row.id)
                    .values(user_id=None, project_id=None, user_request=None, metadata=metadata)
                )
            cleared += len(found)
    return cleared


def _clear_failures(connection: sa.Connection, person: str) -> int:
    """Clear what failures keep of their newest occurrence, where it was this person's."""
    table = schema.failures
    said = sa.cast(table.c.context, sa.Text).contains(person, autoescape=True)
    cleared = 0
    for row in connection.execute(sa.select(table.c.id, table.c.context).where(said)).all():
        context = _object(row.context)
        if context and context.get("user_id") != person:
            continue  # what cannot be read goes as a whole: it says this person somewhere
        context |= {"user_id": None, "project_id": None, "context": {}}
        connection.execute(sa.update(table).where(table.c.id == row.id).values(context=context))
        cleared += 1
    return cleared


def _clear_cases(connection: sa.Connection, person: str, propose: Propose | None) -> int:
    """Make this person's cases anew from other people's recordings, or empty them."""
    table = schema.tests
    touched = 0
    for row in connection.execute(
        sa.select(
            table.c.id, table.c.created_from_failure_id, table.c.state, table.c.user_ids
        ).order_by(table.c.id)
    ).all():
        owners = loads(row.user_ids)
        if isinstance(owners, list) and person not in owners:
            continue  # whose a case is that cannot be read is made anew
        failure_id = row.created_from_failure_id
        case, users = proposals(connection, [failure_id], propose)[failure_id]
        values: dict[str, Any] = {"case": case, "user_ids": users}
        state = CaseState(row.state) if row.state in list(CaseState) else None
        if not case and state is not None and state in _EMPTIED:
            values |= {"state": _EMPTIED[state], "state_reason": _REASON}
        connection.execute(sa.update(table).where(table.c.id == row.id).values(**values))
        touched += 1
    return touched
