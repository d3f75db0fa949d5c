"""The birth of a case: the third strike, and recordings that come after it."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from genmon_otel import conventions as names
from genmon_otel.policy import CaseState
from genmon_otel.ports import Propose
from genmon_otel.records import Tree
from genmon_otel.store import schema
from genmon_otel.store.codec import dumps_exactly, load_recording, loads, name, optional_name
from genmon_otel.store.columns import Unreadable
from genmon_otel.store.grouping import Group, failure_of, trigger_count
from genmon_otel.store.reading import kept_in

_log = logging.getLogger(names.LOGGER)


def make_cases(
    connection: sa.Connection, due: Sequence[Group], propose: Propose | None, now: float
) -> None:
    """Make the cases of failures that struck three times, but of those whose like was rejected.

    The failures' rows are locked by this transaction, so racing processes make one each.
    """
    tests, failures = schema.tests, schema.failures
    signatures = {each.id: name(failure_of(each.newest).signature) for each in due}
    rejected = set(
        connection.execute(
            sa.select(tests.c.signature).where(
                tests.c.signature.in_(sorted(signatures.values())),
                tests.c.state == CaseState.REJECTED,
            )
        ).scalars()
    )
    born = {each.id: each for each in due if signatures[each.id] not in rejected}
    if not born:
        return
    proposed = proposals(connection, born, propose)
    rows = []
    for each in born.values():
        failure, (case, users) = failure_of(each.newest), proposed[each.id]
        rows.append(
            {
                "created_from_failure_id": each.id,
                "signature": signatures[each.id],
                "trigger_signature": optional_name(failure.trigger_signature),
                "trigger": failure.trigger,
                "trigger_count": trigger_count(each.newest),
                "case": case,
                "created_at": now,
                "state": CaseState.PROPOSED,
                "state_reason": "",
                "failing_version": optional_name(each.newest.code_version),
                "user_ids": users,
            }
        )
    connection.execute(sa.insert(tests), rows)
    connection.execute(
        sa.update(failures).where(failures.c.id.in_(list(born))).values(test_generated=True)
    )
    ids = connection.execute(
        sa.select(tests.c.created_from_failure_id, tests.c.id).where(
            tests.c.created_from_failure_id.in_(list(born))
        )
    )
    for failure_id, case_id in ids:
        born[failure_id].case_id = case_id


def complete(
    connection: sa.Connection, failure_ids: Iterable[int], propose: Propose | None
) -> None:
    """Propose anew, with recordings that came after the strike, cases nobody looked at yet."""
    tests = schema.tests
    waiting = connection.execute(
        sa.select(tests.c.id, tests.c.created_from_failure_id)
        .where(
            tests.c.created_from_failure_id.in_(sorted(set(failure_ids))),
            tests.c.state == CaseState.PROPOSED,
        )
        .order_by(tests.c.id)
        .with_for_update()
    ).all()
    proposed = proposals(connection, [row.created_from_failure_id for row in waiting], propose)
    for case_id, failure_id in waiting:
        case, users = proposed[failure_id]
        connection.execute(
            sa.update(tests).where(tests.c.id == case_id).values(case=case, user_ids=users)
        )


#: A case's JSON, and whose recordings it was made from.
Proposal = tuple[dict[str, Tree], list[str]]


def proposals(
    connection: sa.Connection, failure_ids: Iterable[int], propose: Propose | None
) -> dict[int, Proposal]:
    """Build cases of failures' rows and recordings, by the failures' ids.

    What ``propose`` raises costs the case's content, never the batch: a later recording
    proposes it again, and its card says that it has none.
    """
    ids = sorted(failure_ids)
    if propose is None or not ids:
        return {failure_id: ({}, []) for failure_id in ids}
    failures, table = schema.failures, schema.recordings
    kept: dict[int, list[Any]] = defaultdict(list)
    for recorded in connection.execute(
        sa.select(table.c.id, table.c.failure_id, table.c.recording, table.c.user_id)
        .where(table.c.failure_id.in_(ids))
        .order_by(table.c.unreplayable != "", table.c.id.desc())
    ):
        kept[recorded.failure_id].append(recorded)
    built: dict[int, Proposal] = {}
    for row in connection.execute(sa.select(failures).where(failures.c.id.in_(ids))).mappings():
        found = kept[row["id"]]
        users = sorted({str(each.user_id) for each in found if each.user_id is not None})
        try:
            recordings = kept_in(
                connection, names.TABLE_RECORDINGS, (each._mapping for each in found), "recording",
                load_recording,
            )  # fmt: skip
            case = dict(propose(described(row), list(recordings)))
            dumps_exactly(case)
        except Exception:
            _log.exception("genmon could not propose a case for failure %s", row["handle"])
            case = {}
        built[row["id"]] = (case, users)
    return built


def described(row: Mapping[Any, Any]) -> dict[str, Tree]:
    """Return a failure's row as ``propose`` reads it: its columns and what its context says."""
    context = loads(row["context"])
    context = (
        {k: v for k, v in context.items() if k != "user_id"} if isinstance(context, dict) else {}
    )
    private = ("strikes", "users_by_day", "resolved_through", "relabelled_by", "relabelled_at")
    columns = {
        key: None if isinstance(value, Unreadable) else value
        for key, value in row.items()
        if key not in private
    }
    return {**columns, **context, "category": row["failure_category"]}
