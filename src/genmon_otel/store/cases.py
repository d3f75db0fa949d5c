"""Lists, fetches and saves cases. A change of a case locks its row until the transaction ends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import sqlalchemy as sa

from genmon_otel import conventions as names
from genmon_otel.errors import InvalidTransition, NotFound
from genmon_otel.policy import CaseState, Verdict, check_transition
from genmon_otel.records import Tree
from genmon_otel.store import schema
from genmon_otel.store.codec import MESSAGE_LIMIT, loads, normalise_handle, storable_name_or_none
from genmon_otel.store.columns import Json
from genmon_otel.store.decisions import save_decision
from genmon_otel.store.reading import RowReader
from genmon_otel.store.rows import CaseRow, CaseSummary, RunRow
from genmon_otel.store.runs import weight_of
from genmon_otel.text import clean

_TESTS, _FAILURES = schema.tests, schema.failures
#: Characters of a failure's message in a list of cases.
SUMMARY_LIMIT: Final = 300
_SELECT_CASES: Final = sa.select(
    _TESTS,
    _FAILURES.c.handle,
    _FAILURES.c.operation,
    _FAILURES.c.failure_category.label("category"),
).join_from(_TESTS, _FAILURES, _FAILURES.c.id == _TESTS.c.created_from_failure_id)


def list_cases(
    connection: sa.Connection,
    *,
    state: str | None = None,
    operation: str | None = None,
    limit: int = 100,
) -> list[CaseRow]:
    """List at most ``limit`` cases, newest first; None for a filter means all."""
    query = _SELECT_CASES.order_by(_TESTS.c.id.desc()).limit(limit)
    if state is not None:
        query = query.where(_TESTS.c.state == CaseState(state))
    if operation is not None:
        query = query.where(_FAILURES.c.operation == operation)
    return [_case_row(connection, found) for found in connection.execute(query).mappings()]


def list_summaries(
    connection: sa.Connection,
    states: Sequence[CaseState],
    *,
    limit: int,
    offset: int = 0,
    read_content: bool = True,
) -> tuple[list[CaseSummary], int]:
    """List cases without their content, in the order of ``states``, and count all of these.

    With ``read_content`` False none is unfixable: contents are large, and reading them takes time.
    """
    # The ids first: a sort of whole rows would take each case's content apart.
    rank = sa.case(*((_TESTS.c.state == state, at) for at, state in enumerate(states)))
    ids = (
        sa.select(_TESTS.c.id)
        .where(_TESTS.c.state.in_(states))
        .order_by(rank, _TESTS.c.id.desc())
        .limit(limit)
        .offset(offset)
    )
    page = list(connection.execute(ids).scalars())
    trigger = _TESTS.c.case["trigger"]
    if connection.dialect.name == "sqlite":
        # One damaged row would fail the whole query.
        trigger = sa.case((sa.func.json_valid(_TESTS.c.case) == 1, trigger), else_=None)
    columns = [each for each in _TESTS.c if each.name not in ("case", "trigger", "user_ids")]
    query = (
        sa.select(
            *columns,
            sa.type_coerce(trigger if read_content else sa.null(), Json).label("trigger_of_case"),
            _FAILURES.c.handle,
            _FAILURES.c.operation,
            _FAILURES.c.failure_category.label("category"),
            sa.func.substr(_FAILURES.c.error_message, 1, SUMMARY_LIMIT).label("error_message"),
        )
        .join_from(_TESTS, _FAILURES, _FAILURES.c.id == _TESTS.c.created_from_failure_id)
        .where(_TESTS.c.id.in_(page))
        .order_by(rank, _TESTS.c.id.desc())
    )
    rows = [
        _summary(connection, found, read_content) for found in connection.execute(query).mappings()
    ]
    count = sa.select(sa.func.count()).select_from(_TESTS).where(_TESTS.c.state.in_(states))
    return rows, int(connection.execute(count).scalar_one())


def fetch_case(connection: sa.Connection, ref: int | str) -> CaseRow:
    """Fetch a case by its number, or by the handle (or its start) of the failure it was made from.

    Raises:
        NotFound: no case matches, or several do.
    """
    text = str(ref).strip()
    if text.isdecimal() and len(text) < 18:
        found = connection.execute(_SELECT_CASES.where(_TESTS.c.id == int(text))).mappings().all()
        if found:
            return _case_row(connection, found[0])
    short = normalise_handle(text)
    handle = _FAILURES.c.handle
    for where in (handle == short, handle.startswith(short, autoescape=True)):
        found = connection.execute(_SELECT_CASES.where(where).limit(2)).mappings().all()
        if len(found) == 1 and short != "F-":
            return _case_row(connection, found[0])
    raise NotFound(f"There is no one case {text!r}. 'genmon cases list' shows those there are.")


def fetch_case_of_failure(connection: sa.Connection, failure_id: int) -> CaseRow | None:
    """Fetch the case made from a failure; None when there is none."""
    query = _SELECT_CASES.where(_TESTS.c.created_from_failure_id == failure_id)
    found = connection.execute(query).mappings().first()
    return None if found is None else _case_row(connection, found)


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
    """Change the state of a case, if :func:`genmon_otel.policy.check_transition` allows it.

    Args:
        connection: inside a transaction.
        ref: number of the case, or handle of its failure.
        wanted: the state asked for.
        at: Unix seconds.
        expected: the state that the reviewer was shown; None to skip this check.
        reviewer: who decided; None when the reproduction check did.
        reason: shown on the card.

    Raises:
        NotFound: there is no such case.
        InvalidTransition: not allowed from the present state, or that is not ``expected``.
    """
    case = _lock_case(connection, ref)
    if expected is not None and case.state is not expected:
        raise InvalidTransition(
            f"Case {case.handle} is {case.state} by now, not {expected}. Look at it again: "
            f"genmon cases show {case.handle}."
        )
    values: dict[str, Any] = {
        "state": check_transition(case.state, wanted),
        "state_reason": clean(reason, MESSAGE_LIMIT),
    }
    if reviewer is not None:
        values |= {"reviewer": storable_name_or_none(reviewer), "reviewed_at": at}
    connection.execute(sa.update(_TESTS).where(_TESTS.c.id == case.id).values(**values))
    save_decision(connection, case.failure_id, wanted, at=at, reviewer=reviewer, detail=reason)
    return fetch_case(connection, case.id)


def save_case(connection: sa.Connection, ref: int | str, case: Mapping[str, Tree]) -> CaseRow:
    """Replace a case's JSON, after the reproduction check or ``genmon cases rebind``.

    The JSON may contain data from any recording of the failure and any sample of the operation,
    so their users are added to ``user_ids``, by which ``genmon db forget`` finds the case.
    """
    row = _lock_case(connection, ref)
    recordings, samples = schema.recordings, schema.samples
    users_of_sources = connection.execute(
        sa.union(
            sa.select(recordings.c.user_id).where(recordings.c.failure_id == row.failure_id),
            sa.select(samples.c.user_id).where(samples.c.operation == row.operation),
        )
    ).scalars()
    stored = connection.execute(
        sa.select(_TESTS.c.user_ids).where(_TESTS.c.id == row.id)
    ).scalar_one()
    earlier_users = loads(stored)
    if not isinstance(earlier_users, list):
        earlier_users = []
    users = sorted(
        {*map(str, earlier_users), *(str(user) for user in users_of_sources if user is not None)}
    )
    connection.execute(
        sa.update(_TESTS).where(_TESTS.c.id == row.id).values(case=dict(case), user_ids=users)
    )
    return fetch_case(connection, row.id)


def save_signatures(
    connection: sa.Connection,
    ref: int | str,
    signature: str,
    trigger_signature: str | None,
    reason: str,
) -> CaseRow:
    """Replace the signatures of a case and of its trigger, after a change of the fingerprint version.

    Args:
        connection: inside a transaction.
        ref: number of the case, or handle of its failure.
        signature: compared with replays and with failures in production.
        trigger_signature: of the step outcome that caused the failure; None when no step did.
        reason: shown on the card.
    """
    row = _lock_case(connection, ref)
    connection.execute(
        sa.update(_TESTS)
        .where(_TESTS.c.id == row.id)
        .values(
            signature=signature,
            trigger_signature=trigger_signature,
            state_reason=clean(reason, MESSAGE_LIMIT),
        )
    )
    return fetch_case(connection, row.id)


def list_runs(connection: sa.Connection, case_id: int, limit: int = 50) -> list[RunRow]:
    """List at most ``limit`` runs of a case, newest first."""
    table = schema.test_runs
    found = connection.execute(
        sa.select(table).where(table.c.test_id == case_id).order_by(table.c.id.desc()).limit(limit)
    )
    return [_run_row(connection, run) for run in found.mappings()]


def list_runs_of(
    connection: sa.Connection, case_ids: Sequence[int], most: int
) -> dict[int, list[RunRow]]:
    """List at most ``most`` runs of each of some cases, newest first, by one query."""
    table = schema.test_runs
    rank = sa.func.row_number().over(partition_by=table.c.test_id, order_by=table.c.id.desc())
    ranked = sa.select(table.c.id, rank.label("rank")).where(table.c.test_id.in_(case_ids))
    newest = ranked.subquery()
    found = connection.execute(
        sa.select(table)
        .join(newest, newest.c.id == table.c.id)
        .where(newest.c.rank <= most)
        .order_by(table.c.id.desc())
    )
    listed: dict[int, list[RunRow]] = {}
    for each in found.mappings():
        listed.setdefault(int(each["test_id"]), []).append(_run_row(connection, each))
    return listed


def _run_row(connection: sa.Connection, found: Mapping[Any, Any]) -> RunRow:
    read = RowReader(connection, names.TABLE_TEST_RUNS, found, found["id"])
    return RunRow(
        run_id=read.text("run_id"),
        case_id=read.integer("test_id"),
        at=read.timestamp("created_at"),
        channel=read.text("channel"),
        code_version=read.optional_text("code_version"),
        verdict=read.member("verdict", Verdict, Verdict.INCONCLUSIVE),
        detail=read.text("detail"),
        weight=weight_of(found["weight"]),
        drift=read.optional_text("drift") or "",
    )


def _lock_case(connection: sa.Connection, ref: int | str) -> CaseRow:
    """Fetch a case after locking its row until the transaction ends."""
    case = fetch_case(connection, ref)
    connection.execute(sa.select(_TESTS.c.id).where(_TESTS.c.id == case.id).with_for_update())
    return fetch_case(connection, case.id)


def _summary(
    connection: sa.Connection, found: Mapping[Any, Any], read_content: bool
) -> CaseSummary:
    read = RowReader(connection, names.TABLE_TESTS, found, found["handle"] or found["id"])
    trigger = found["trigger_of_case"]
    kind = trigger.get("kind") if isinstance(trigger, dict) else None
    return CaseSummary(
        id=read.integer("id"),
        handle=read.text("handle"),
        operation=read.text("operation"),
        category=read.text("category"),
        state=read.member("state", CaseState, CaseState.UNREPRODUCIBLE),
        state_reason=read.text("state_reason"),
        created_at=read.timestamp("created_at"),
        unfixable=read_content
        and (kind is None or (kind == "fault" and bool(trigger.get("persistent")))),
        error_message=read.text("error_message"),
        confidence_score=read.number("confidence_score"),
        run_count=read.integer("run_count"),
        pass_count=read.integer("pass_count"),
        fail_count=read.integer("fail_count"),
        inconclusive_count=read.integer("inconclusive_count"),
        last_run_at=read.optional_timestamp("last_run_at"),
    )


def _case_row(connection: sa.Connection, found: Mapping[Any, Any]) -> CaseRow:
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
        created_at=read.timestamp("created_at"),
        # An unknown state becomes one from which 'genmon cases verify' can continue.
        state=read.member("state", CaseState, CaseState.UNREPRODUCIBLE),
        state_reason=read.text("state_reason"),
        reviewer=read.optional_text("reviewer"),
        reviewed_at=read.optional_timestamp("reviewed_at"),
        failing_version=read.optional_text("failing_version"),
        confidence_score=read.number("confidence_score"),
        flakiness=read.number("flakiness"),
        run_count=read.integer("run_count"),
        pass_count=read.integer("pass_count"),
        fail_count=read.integer("fail_count"),
        inconclusive_count=read.integer("inconclusive_count"),
        last_run_at=read.optional_timestamp("last_run_at"),
    )
