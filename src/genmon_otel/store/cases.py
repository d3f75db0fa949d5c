"""Reading cases, and moving them: a person's word, the red gate's, never two at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import sqlalchemy as sa

from genmon_otel import conventions as names
from genmon_otel.errors import InvalidTransition, NotFound
from genmon_otel.policy import CaseState, Verdict, transition
from genmon_otel.records import Tree
from genmon_otel.store import schema
from genmon_otel.store.codec import MESSAGE_LIMIT, as_handle, loads, optional_name
from genmon_otel.store.reading import RowReader
from genmon_otel.store.rows import CaseRow, RunRow
from genmon_otel.text import clean

_TESTS, _FAILURES = schema.tests, schema.failures
_CASES: Final = sa.select(
    _TESTS,
    _FAILURES.c.handle,
    _FAILURES.c.operation,
    _FAILURES.c.failure_category.label("category"),
).join_from(_TESTS, _FAILURES, _FAILURES.c.id == _TESTS.c.created_from_failure_id)


def listed(
    connection: sa.Connection,
    *,
    state: str | None = None,
    operation: str | None = None,
    limit: int = 100,
) -> list[CaseRow]:
    """List cases, newest first."""
    query = _CASES.order_by(_TESTS.c.id.desc()).limit(limit)
    if state is not None:
        query = query.where(_TESTS.c.state == CaseState(state))
    if operation is not None:
        query = query.where(_FAILURES.c.operation == operation)
    return [_row(connection, found) for found in connection.execute(query).mappings()]


def find(connection: sa.Connection, ref: int | str) -> CaseRow:
    """Find a case by its number, or by the handle of the failure it was made from.

    Raises:
        NotFound: there is none, or there are several whose handle starts so.
    """
    text = str(ref).strip()
    if text.isdecimal() and len(text) < 18:
        found = connection.execute(_CASES.where(_TESTS.c.id == int(text))).mappings().all()
        if found:
            return _row(connection, found[0])
    short = as_handle(text)
    handle = _FAILURES.c.handle
    for where in (handle == short, handle.startswith(short, autoescape=True)):
        found = connection.execute(_CASES.where(where).limit(2)).mappings().all()
        if len(found) == 1 and short != "F-":
            return _row(connection, found[0])
    raise NotFound(f"There is no one case {text!r}. 'genmon cases list' shows those there are.")


def of_failure(connection: sa.Connection, failure_id: int) -> CaseRow | None:
    """Return the case made from a failure; None when there is none."""
    query = _CASES.where(_TESTS.c.created_from_failure_id == failure_id)
    found = connection.execute(query).mappings().first()
    return None if found is None else _row(connection, found)


def set_state(
    connection: sa.Connection,
    ref: int | str,
    wanted: CaseState,
    *,
    at: float,
    expected: CaseState | None = None,
    reviewer: str | None = None,
    reason: str = "",
) -> CaseRow:
    """Move a case to another state, if :func:`genmon_otel.policy.transition` allows it.

    Args:
        connection: inside a transaction.
        ref: number, or handle of the failure.
        wanted: the state asked for.
        at: Unix seconds.
        expected: the state that the asker saw; None when it does not matter.
        reviewer: who decided; None when the red gate did.
        reason: why, for the card.

    Raises:
        NotFound: there is no such case.
        InvalidTransition: the state does not lead there, or is not the one expected.
    """
    case = _locked(connection, ref)
    if expected is not None and case.state is not expected:
        raise InvalidTransition(
            f"Case {case.handle} is {case.state} by now, not {expected}. Look at it again: "
            f"genmon cases show {case.handle}."
        )
    values: dict[str, Any] = {
        "state": transition(case.state, wanted),
        "state_reason": clean(reason, MESSAGE_LIMIT),
    }
    if reviewer is not None:
        values |= {"reviewer": optional_name(reviewer), "reviewed_at": at}
    connection.execute(sa.update(_TESTS).where(_TESTS.c.id == case.id).values(**values))
    return find(connection, case.id)


def save(connection: sa.Connection, ref: int | str, case: Mapping[str, Tree]) -> CaseRow:
    """Replace a case's JSON, as after the red gate or ``genmon cases rebind``.

    It may hold what any recording of its failure and any sample of its operation held:
    ``genmon db forget`` finds it by whose these are.
    """
    row = _locked(connection, ref)
    recordings, samples = schema.recordings, schema.samples
    whose = connection.execute(
        sa.union(
            sa.select(recordings.c.user_id).where(recordings.c.failure_id == row.failure_id),
            sa.select(samples.c.user_id).where(samples.c.operation == row.operation),
        )
    ).scalars()
    known = connection.execute(
        sa.select(_TESTS.c.user_ids).where(_TESTS.c.id == row.id)
    ).scalar_one()
    owners = loads(known)
    listed_owners = owners if isinstance(owners, list) else []
    users = sorted({*map(str, listed_owners), *(str(user) for user in whose if user is not None)})
    connection.execute(
        sa.update(_TESTS).where(_TESTS.c.id == row.id).values(case=dict(case), user_ids=users)
    )
    return find(connection, row.id)


def rename(
    connection: sa.Connection,
    ref: int | str,
    signature: str,
    trigger_signature: str | None,
    reason: str,
) -> CaseRow:
    """Give a case the signatures that its failure and its trigger have today.

    Args:
        connection: inside a transaction.
        ref: number, or handle of the failure.
        signature: what a replay, and production, are compared with from now on.
        trigger_signature: of the fault it came from; None for none.
        reason: for the card.
    """
    row = _locked(connection, ref)
    connection.execute(
        sa.update(_TESTS)
        .where(_TESTS.c.id == row.id)
        .values(
            signature=signature,
            trigger_signature=trigger_signature,
            state_reason=clean(reason, MESSAGE_LIMIT),
        )
    )
    return find(connection, row.id)


def runs(connection: sa.Connection, case_id: int, limit: int = 50) -> list[RunRow]:
    """Return the newest runs of a case, newest first."""
    table = schema.test_runs
    found = connection.execute(
        sa.select(table).where(table.c.test_id == case_id).order_by(table.c.id.desc()).limit(limit)
    )
    return [_run(connection, run) for run in found.mappings()]


def _run(connection: sa.Connection, found: Mapping[Any, Any]) -> RunRow:
    read = RowReader(connection, names.TABLE_TEST_RUNS, found, found["id"])
    return RunRow(
        run_id=read.text("run_id"),
        case_id=read.integer("test_id"),
        at=read.moment("created_at"),
        channel=read.text("channel"),
        code_version=read.optional_text("code_version"),
        verdict=read.choice("verdict", Verdict, Verdict.INCONCLUSIVE),
        detail=read.text("detail"),
    )


def _locked(connection: sa.Connection, ref: int | str) -> CaseRow:
    """Find a case and keep others from moving it until the transaction ends."""
    case = find(connection, ref)
    connection.execute(sa.select(_TESTS.c.id).where(_TESTS.c.id == case.id).with_for_update())
    return find(connection, case.id)


def _row(connection: sa.Connection, found: Mapping[Any, Any]) -> CaseRow:
    read = RowReader(connection, names.TABLE_TESTS, found, found["handle"] or found["id"])
    return CaseRow(
        id=read.integer("id"),
        failure_id=read.integer("created_from_failure_id"),
        handle=read.text("handle"),
        operation=read.text("operation"),
        category=read.text("category"),
        signature=read.text("signature"),
        trigger_signature=read.optional_text("trigger_signature"),
        trigger=read.text("trigger"),
        trigger_count=read.integer("trigger_count", 1),
        case=read.json_object("case"),
        created_at=read.moment("created_at"),
        # From here 'genmon cases verify' leads on.
        state=read.choice("state", CaseState, CaseState.UNREPRODUCIBLE),
        state_reason=read.text("state_reason"),
        reviewer=read.optional_text("reviewer"),
        reviewed_at=read.optional_moment("reviewed_at"),
        failing_version=read.optional_text("failing_version"),
        confidence_score=read.number("confidence_score"),
        flakiness=read.number("flakiness"),
        run_count=read.integer("run_count"),
        pass_count=read.integer("pass_count"),
        fail_count=read.integer("fail_count"),
        inconclusive_count=read.integer("inconclusive_count"),
        last_run_at=read.optional_moment("last_run_at"),
    )
