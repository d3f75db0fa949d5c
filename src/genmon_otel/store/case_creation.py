"""Creates a case at a failure's third strike, and rebuilds it while it waits for review."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from genmon_otel import conventions as names
from genmon_otel.internal_errors import stack_for_log
from genmon_otel.policy import CaseState
from genmon_otel.ports import Propose
from genmon_otel.records import Tree
from genmon_otel.store import schema
from genmon_otel.store.codec import (
    dumps_exactly,
    load_recording,
    loads,
    storable_name,
    storable_name_or_none,
)
from genmon_otel.store.columns import Unreadable
from genmon_otel.store.grouping import FailureGroup, failure_of, trigger_count
from genmon_otel.store.reading import load_each

_log = logging.getLogger(names.LOGGER)


def create_cases(
    connection: sa.Connection, due: Sequence[FailureGroup], propose: Propose | None, now: float
) -> None:
    """Create a case for each failure, except where a case with the same signature was rejected.

    This transaction holds the locks on the failures' rows, so concurrent processes create one
    case for a failure.

    Args:
        connection: inside the batch's transaction.
        due: the failures that reached three strikes.
        propose: builds a case's JSON; None leaves it empty.
        now: Unix seconds.
    """
    tests, failures = schema.tests, schema.failures
    signatures = {each.id: storable_name(failure_of(each.newest).signature) for each in due}
    rejected = set(
        connection.execute(
            sa.select(tests.c.signature).where(
                tests.c.signature.in_(sorted(signatures.values())),
                tests.c.state == CaseState.REJECTED,
            )
        ).scalars()
    )
    to_create = {each.id: each for each in due if signatures[each.id] not in rejected}
    if not to_create:
        return
    proposed = build_proposals(connection, to_create, propose)
    rows = []
    for each in to_create.values():
        failure, (case, users) = failure_of(each.newest), proposed[each.id]
        rows.append(
            {
                "created_from_failure_id": each.id,
                "signature": signatures[each.id],
                "trigger_signature": storable_name_or_none(failure.trigger_signature),
                "trigger": failure.trigger,
                "trigger_count": trigger_count(each.newest),
                "case": case,
                "created_at": now,
                "state": CaseState.PROPOSED,
                "state_reason": "",
                "failing_version": storable_name_or_none(each.newest.code_version),
                "user_ids": users,
            }
        )
    connection.execute(sa.insert(tests), rows)
    connection.execute(
        sa.update(failures).where(failures.c.id.in_(list(to_create))).values(test_generated=True)
    )
    ids = connection.execute(
        sa.select(tests.c.created_from_failure_id, tests.c.id).where(
            tests.c.created_from_failure_id.in_(list(to_create))
        )
    )
    for failure_id, case_id in ids:
        to_create[failure_id].case_id = case_id


def rebuild_proposed_cases(
    connection: sa.Connection, failure_ids: Iterable[int], propose: Propose | None
) -> None:
    """Build the cases of failures again, from all their recordings, while they are ``proposed``."""
    tests = schema.tests
    proposed_rows = connection.execute(
        sa.select(tests.c.id, tests.c.created_from_failure_id)
        .where(
            tests.c.created_from_failure_id.in_(sorted(set(failure_ids))),
            tests.c.state == CaseState.PROPOSED,
        )
        .order_by(tests.c.id)
        .with_for_update()
    ).all()
    proposed = build_proposals(
        connection, [row.created_from_failure_id for row in proposed_rows], propose
    )
    for case_id, failure_id in proposed_rows:
        case, users = proposed[failure_id]
        connection.execute(
            sa.update(tests).where(tests.c.id == case_id).values(case=case, user_ids=users)
        )


#: A case's JSON, and the users whose recordings it was built from.
Proposal = tuple[dict[str, Tree], list[str]]


def build_proposals(
    connection: sa.Connection, failure_ids: Iterable[int], propose: Propose | None
) -> dict[int, Proposal]:
    """Build the cases' JSON from the failures' rows and recordings; return it by failure id.

    An exception of ``propose`` is logged and leaves the JSON empty, so that the batch is stored
    all the same. The case's card says so, and the next recording builds it again.
    """
    ids = sorted(failure_ids)
    if propose is None or not ids:
        return {failure_id: ({}, []) for failure_id in ids}
    failures, table = schema.failures, schema.recordings
    recordings_of: dict[int, list[Any]] = defaultdict(list)
    for recorded in connection.execute(
        sa.select(table.c.id, table.c.failure_id, table.c.recording, table.c.user_id)
        .where(table.c.failure_id.in_(ids))
        .order_by(table.c.unreplayable != "", table.c.id.desc())
    ):
        recordings_of[recorded.failure_id].append(recorded)
    built: dict[int, Proposal] = {}
    for row in connection.execute(sa.select(failures).where(failures.c.id.in_(ids))).mappings():
        stored = recordings_of[row["id"]]
        users = sorted({str(each.user_id) for each in stored if each.user_id is not None})
        try:
            recordings = load_each(
                connection, names.TABLE_RECORDINGS, (each._mapping for each in stored), "recording",
                load_recording,
            )  # fmt: skip
            case = dict(propose(proposal_input(row), list(recordings)))
            dumps_exactly(case)
        except Exception:
            _log.error(
                "genmon could not propose a case for failure %s:\n%s",
                row["handle"],
                stack_for_log(),
            )
            case = {}
        built[row["id"]] = (case, users)
    return built


def proposal_input(row: Mapping[Any, Any]) -> dict[str, Tree]:
    """Return what ``propose`` gets of a failure: the row's columns and the keys of its context."""
    context = loads(row["context"])
    context = (
        {k: v for k, v in context.items() if k != "user_id"} if isinstance(context, dict) else {}
    )
    internal = ("strikes", "users_by_day", "resolved_through", "relabelled_by", "relabelled_at")
    columns = {
        key: None if isinstance(value, Unreadable) else value
        for key, value in row.items()
        if key not in internal
    }
    return {**columns, **context, "category": row["failure_category"]}
