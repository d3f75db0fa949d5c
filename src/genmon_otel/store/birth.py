"""The birth of a case: the third strike, and recordings that come after it."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import Any

import sqlalchemy as sa

from genmon_otel import conventions as names
from genmon_otel.policy import CaseState
from genmon_otel.ports import Propose
from genmon_otel.records import Tree
from genmon_otel.store import schema
from genmon_otel.store.codec import dumps_exactly, load_recording, loads, name, optional_name
from genmon_otel.store.grouping import Group, failure_of, trigger_count

_log = logging.getLogger(names.LOGGER)


def make_case(
    connection: sa.Connection, each: Group, propose: Propose | None, now: float
) -> int | None:
    """Make the case of a failure that struck three times; None if its like was rejected.

    The failure's row is locked by this transaction, so racing processes make one.
    """
    tests, failures = schema.tests, schema.failures
    failure = failure_of(each.newest)
    signature = name(failure.signature)
    rejected = connection.execute(
        sa.select(tests.c.id)
        .where(tests.c.signature == signature, tests.c.state == CaseState.REJECTED)
        .limit(1)
    ).first()
    if rejected is not None:
        return None
    case, users = proposal(connection, each.id, propose)
    connection.execute(
        sa.insert(tests)
        .values(
            created_from_failure_id=each.id,
            signature=signature,
            trigger_signature=optional_name(failure.trigger_signature),
            trigger=failure.trigger,
            trigger_count=trigger_count(each.newest),
            case=case,
            created_at=now,
            state=CaseState.PROPOSED,
            state_reason="",
            failing_version=optional_name(each.newest.code_version),
            user_ids=users,
        )
        .inline()
    )
    connection.execute(
        sa.update(failures).where(failures.c.id == each.id).values(test_generated=True)
    )
    each.test_generated = True
    return int(
        connection.execute(
            sa.select(tests.c.id).where(tests.c.created_from_failure_id == each.id)
        ).scalar_one()
    )


def complete(
    connection: sa.Connection, failure_ids: Iterable[int], propose: Propose | None
) -> None:
    """Propose anew, with recordings that came after the strike, cases nobody looked at yet."""
    tests = schema.tests
    for failure_id in sorted(set(failure_ids)):
        waiting = connection.execute(
            sa.select(tests.c.id)
            .where(
                tests.c.created_from_failure_id == failure_id,
                tests.c.state == CaseState.PROPOSED,
            )
            .with_for_update()
        ).scalar()
        if waiting is not None:
            case, users = proposal(connection, failure_id, propose)
            connection.execute(
                sa.update(tests).where(tests.c.id == waiting).values(case=case, user_ids=users)
            )


def proposal(
    connection: sa.Connection, failure_id: int, propose: Propose | None
) -> tuple[dict[str, Tree], list[str]]:
    """Build a case of a failure's row and recordings; with whose recordings they are.

    What ``propose`` raises costs the case's content, never the batch: a later recording
    proposes it again, and its card says that it has none.
    """
    failures, recordings = schema.failures, schema.recordings
    row = (
        connection.execute(sa.select(failures).where(failures.c.id == failure_id)).mappings().one()
    )
    found = connection.execute(
        sa.select(recordings.c.recording, recordings.c.user_id)
        .where(recordings.c.failure_id == failure_id)
        .order_by(recordings.c.unreplayable != "", recordings.c.id.desc())
    ).all()
    users = sorted({user for _recording, user in found if user is not None})
    if propose is None:
        return {}, users
    try:
        case = dict(propose(described(row), [load_recording(each) for each, _user in found]))
        dumps_exactly(case)
    except Exception:
        _log.exception("genmon could not propose a case for failure %s", row["handle"])
        return {}, users
    return case, users


def described(row: Mapping[Any, Any]) -> dict[str, Tree]:
    """Return a failure's row as ``propose`` reads it: its columns and what its context says."""
    context = dict(loads(row["context"]))
    context.pop("user_id", None)
    private = ("strikes", "users_by_day", "resolved_through")
    columns = {key: value for key, value in row.items() if key not in private}
    return {**columns, **context, "category": row["failure_category"]}
