"""Deletes the data of one person: in rows, recordings and the cases built from these.

Counts of users and the failures' redacted messages stay: they identify no person. Journals are
outside the store; ``genmon db forget`` clears them, too.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

import sqlalchemy as sa

from genmon_otel.policy import CaseState
from genmon_otel.ports import Propose
from genmon_otel.store import schema
from genmon_otel.store.case_creation import build_proposals
from genmon_otel.store.codec import loads, storable_name
from genmon_otel.store.connect import Database
from genmon_otel.store.rows import Forgotten

#: Rows that one transaction reads, so that other processes can write between two.
ROWS_PER_TRANSACTION: Final = 20_000
#: New state, by present state, of a case that has no recording of another person.
_STATE_WITHOUT_RECORDINGS: Final = {
    CaseState.PROPOSED: CaseState.UNREPRODUCIBLE,
    CaseState.REPRODUCED: CaseState.UNREPRODUCIBLE,
    CaseState.OPEN: CaseState.RETIRED,
    CaseState.GUARDING: CaseState.RETIRED,
    CaseState.REGRESSED: CaseState.RETIRED,
    CaseState.QUARANTINED: CaseState.RETIRED,
}
#: A reviewer's settings of a case, which stay when it is built again. A recovery may quote the person's answers.
_DECIDED: Final = ("postcondition", "fails_as", "live", "env", "programs")
#: Generations that one query asks for.
_IDS_AT_ONCE: Final = 500
_REASON: Final = "its recordings were of a person who asked to be forgotten"


def forget_user(database: Database, user: str, propose: Propose | None) -> Forgotten:
    """Delete a person's data and return what was changed.

    One transaction a table: a single one would take row locks in another order than writers do,
    and could deadlock with them. After an interruption, run it again.

    Args:
        database: where.
        user: the stored id; a pseudonym where the store holds pseudonyms.
        propose: builds cases again from other people's recordings; None empties them.
    """
    person = storable_name(user)
    with database.read() as connection:
        of_others = _generations_of_others(connection, person)
    generations = _clear_generations(database, person)
    recordings = _delete_rows(database, schema.recordings, person)
    samples = _delete_rows(database, schema.samples, person)
    counters = _delete_rows(database, schema.failure_users, person)
    counters += _delete_rows(database, schema.active_users, person)
    with database.begin() as connection:
        cases = _clear_cases(connection, person, propose, of_others)
    with database.begin() as connection:
        failures = _clear_failures(connection, person)
    return Forgotten(generations, failures, recordings, samples, cases, counters)


def _json_object(value: Any) -> dict[str, Any]:
    """Return the object in a JSON column, else an empty one."""
    stored = loads(value)
    return stored if isinstance(stored, dict) else {}


def _delete_rows(database: Database, table: sa.Table, person: str) -> int:
    with database.begin() as connection:
        return int(connection.execute(sa.delete(table).where(table.c.user_id == person)).rowcount)


def _clear_generations(database: Database, person: str) -> int:
    table = schema.analytics
    with database.begin() as connection:
        first, last = connection.execute(
            sa.select(sa.func.min(table.c.id), sa.func.max(table.c.id))
        ).one()
    cleared = 0
    for start in range(first or 0, (last or -1) + 1, ROWS_PER_TRANSACTION):
        with database.begin() as connection:
            found = connection.execute(
                sa.select(table.c.id, table.c.metadata).where(
                    table.c.id >= start,
                    table.c.id < start + ROWS_PER_TRANSACTION,
                    table.c.user_id == person,
                )
            ).all()
            for row in found:
                metadata = {k: v for k, v in _json_object(row.metadata).items() if k != "context"}
                connection.execute(
                    sa.update(table)
                    .where(table.c.id == row.id)
                    .values(user_id=None, project_id=None, user_request=None, metadata=metadata)
                )
            cleared += len(found)
    return cleared


def _clear_failures(connection: sa.Connection, person: str) -> int:
    """Clear the failures' ``context``, which is of their newest occurrence, where it names a person."""
    table = schema.failures
    mentions = sa.cast(table.c.context, sa.Text).contains(person, autoescape=True)
    cleared = 0
    for row in connection.execute(sa.select(table.c.id, table.c.context).where(mentions)).all():
        context = _json_object(row.context)
        if context and context.get("user_id") != person:
            continue  # named, but not as the user. A damaged context is replaced as a whole.
        context |= {"user_id": None, "project_id": None, "context": {}}
        connection.execute(sa.update(table).where(table.c.id == row.id).values(context=context))
        cleared += 1
    return cleared


def _cases_with(connection: sa.Connection, person: str) -> list[tuple[int, list[Any]]]:
    """Return the row ids of the cases that may hold a person's data, and whose data each holds.

    A case whose list of users is damaged is included, with an empty list. What the cases
    hold is not read here: together it may be more than fits into memory.
    """
    table = schema.tests
    found: list[tuple[int, list[Any]]] = []
    rows = connection.execute(sa.select(table.c.id, table.c.user_ids).order_by(table.c.id)).all()
    for row in rows:
        users = loads(row.user_ids)
        if not isinstance(users, list):
            found.append((row.id, []))
        elif person in users:
            found.append((row.id, users))
    return found


def _content(connection: sa.Connection, case_id: int) -> dict[str, Any]:
    """Read the JSON of one case."""
    table = schema.tests
    query = sa.select(table.c.case).where(table.c.id == case_id)
    return _json_object(connection.execute(query).scalar_one())


def _generations_of_others(connection: sa.Connection, person: str) -> frozenset[str]:
    """Return which of the generations that a person's cases hold data of are known to belong to another person.

    This query must run before anything is cleared: a cleared generation has no user, like one that never had any.
    """
    wanted: set[str] = set()
    for case_id, users in _cases_with(connection, person):
        if users:
            wanted |= _sources(_content(connection, case_id))
    found: set[str] = set()
    for start in range(0, len(ids := sorted(wanted)), _IDS_AT_ONCE):
        for owned in (schema.analytics, schema.recordings, schema.samples):
            found.update(
                connection.execute(
                    sa.select(owned.c.generation_id).where(
                        owned.c.generation_id.in_(ids[start : start + _IDS_AT_ONCE]),
                        owned.c.user_id.is_not(None),
                        owned.c.user_id != person,
                    )
                ).scalars()
            )
    return frozenset(found)


def _sources(case: Mapping[str, Any]) -> set[str]:
    """The generations that a case holds data of: the one that failed, and those of its donors."""
    return set(filter(None, [_source(case), *map(_donor_of, _donors(case))]))


def _source(case: Mapping[str, Any]) -> str:
    """The generation whose recording a case was made of; empty where that cannot be read."""
    provenance = case.get("provenance")
    found = provenance.get("generation_id") if isinstance(provenance, dict) else None
    return found if isinstance(found, str) else ""


def _donors(case: Mapping[str, Any]) -> list[Any]:
    donors = case.get("donors")
    return donors if isinstance(donors, list) else []


def _donor_of(donor: Any) -> str:
    found = donor.get("generation_id") if isinstance(donor, dict) else None
    return found if isinstance(found, str) else ""


def _with_donors_of_others(case: dict[str, Any], of_others: Collection[str]) -> dict[str, Any]:
    """Return a case of another person's recording without donors that may be the forgotten person's."""
    kept = [donor for donor in _donors(case) if _donor_of(donor) in of_others]
    return {**case, "donors": kept}


def _clear_cases(
    connection: sa.Connection, person: str, propose: Propose | None, of_others: Collection[str]
) -> int:
    """Build a person's cases again from other people's recordings, or empty them.

    A case that was built from another person's recording stays, except for its donors.

    Args:
        connection: inside a transaction.
        person: the stored id.
        propose: builds cases; None empties them.
        of_others: generations that are known to belong to another person.
    """
    table = schema.tests
    changed = 0
    for case_id, users_of_case in _cases_with(connection, person):
        row = connection.execute(
            sa.select(table.c.created_from_failure_id, table.c.state).where(table.c.id == case_id)
        ).one()
        failure_id = row.created_from_failure_id
        before = _content(connection, case_id)
        values: dict[str, Any]
        if users_of_case and _source(before) in of_others:
            users = [user for user in users_of_case if user != person]
            values = {"case": _with_donors_of_others(before, of_others), "user_ids": users}
        else:
            case, users = build_proposals(connection, [failure_id], propose)[failure_id]
            if case:
                case = {**case, **{k: v for k, v in before.items() if k in _DECIDED and k in case}}
            values = {"case": case, "user_ids": users}
            state = CaseState(row.state) if row.state in list(CaseState) else None
            if not case and state is not None and state in _STATE_WITHOUT_RECORDINGS:
                values |= {"state": _STATE_WITHOUT_RECORDINGS[state], "state_reason": _REASON}
        connection.execute(sa.update(table).where(table.c.id == case_id).values(**values))
        # How the work ended may quote the person's recording.
        connection.execute(sa.delete(schema.work).where(schema.work.c.test_id == case_id))
        changed += 1
    return changed
