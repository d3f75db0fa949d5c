"""Saves runs of cases, each once, and updates the case's counters, confidence and state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from genmon_otel import conventions as names
from genmon_otel.errors import NotFound
from genmon_otel.policy import CaseState, Verdict, state_after_run
from genmon_otel.store import schema
from genmon_otel.store.codec import MESSAGE_LIMIT, storable_name, storable_name_or_none
from genmon_otel.store.confidence import MAX_RUNS, PastRun, confidence, flakiness
from genmon_otel.store.reading import RowReader
from genmon_otel.text import clean

_COUNTER_COLUMN: Final[Mapping[Verdict, str]] = {
    Verdict.PASS: "pass_count",
    Verdict.FAIL_SAME: "fail_count",
    Verdict.FAIL_OTHER: "fail_count",
    Verdict.INCONCLUSIVE: "inconclusive_count",
}


@dataclass(frozen=True, slots=True)
class NewRun:
    """One run of a case, to be saved."""

    #: Unique: a run whose id is already stored is not saved again.
    run_id: str
    case_id: int
    channel: str
    code_version: str | None
    verdict: Verdict
    #: Unix seconds.
    at: float
    detail: str = ""
    weight: float = 1.0
    #: The first step that was asked otherwise than recorded; empty: none.
    drift: str = ""


def save_run(connection: sa.Connection, run: NewRun) -> CaseState:
    """Save a run and return the state of its case after it.

    The case's row is locked until the transaction ends. A ``run_id`` that is already stored
    changes nothing.

    Raises:
        NotFound: there is no such case.
    """
    tests, runs = schema.tests, schema.test_runs
    case = (
        connection.execute(
            sa.select(tests.c.id, tests.c.state, tests.c.failing_version)
            .where(tests.c.id == run.case_id)
            .with_for_update()
        )
        .mappings()
        .first()
    )
    if case is None:
        raise NotFound(
            f"There is no case {run.case_id}. 'genmon cases list' shows those there are."
        )
    read = RowReader(connection, names.TABLE_TESTS, case, case["id"])
    state = read.member("state", CaseState, CaseState.UNREPRODUCIBLE)
    run_id, version = storable_name(run.run_id), storable_name_or_none(run.code_version)
    same_run = sa.select(runs.c.id).where(runs.c.run_id == run_id)
    if connection.execute(same_run).first() is not None:
        return state
    history = _fetch_history(connection, run.case_id)
    connection.execute(
        sa.insert(runs)
        .values(
            run_id=run_id,
            test_id=run.case_id,
            created_at=run.at,
            channel=run.channel,
            code_version=version,
            verdict=run.verdict,
            detail=clean(run.detail, MESSAGE_LIMIT),
            weight=run.weight,
            drift=clean(run.drift, MESSAGE_LIMIT) or None,
        )
        .inline()
    )
    new_state = state_after_run(
        state,
        run.verdict,
        code_version=version,
        failing_version=read.optional_text("failing_version"),
        earlier=[each.verdict for each in history if each.code_version == version],
    )
    history.append(PastRun(run.channel, version, run.verdict, run.at, run.weight))
    counter = tests.c[_COUNTER_COLUMN[run.verdict]]
    values: dict[str, Any] = {
        "state": new_state,
        "run_count": tests.c.run_count + 1,
        counter.name: counter + 1,
        "confidence_score": confidence(history),
        "flakiness": flakiness(history),
        "last_run_at": run.at,
    }
    connection.execute(sa.update(tests).where(tests.c.id == run.case_id).values(**values))
    return new_state


def weight_of(stored: Any) -> float:
    """Return a run's stored weight: between 0 and 1; 1 where none is stored."""
    return float(stored) if isinstance(stored, (int, float)) and 0 <= stored <= 1 else 1.0


def _fetch_history(connection: sa.Connection, case_id: int) -> list[PastRun]:
    """Fetch the newest runs of a case, oldest first."""
    runs = schema.test_runs
    newest = connection.execute(
        sa.select(
            runs.c.id,
            runs.c.channel,
            runs.c.code_version,
            runs.c.verdict,
            runs.c.created_at,
            runs.c.weight,
        )
        .where(runs.c.test_id == case_id)
        .order_by(runs.c.id.desc())
        .limit(MAX_RUNS)
    )
    history = []
    for row in newest.mappings():
        read = RowReader(connection, names.TABLE_TEST_RUNS, row, row["id"])
        version = read.optional_text("code_version")
        verdict = read.member("verdict", Verdict, Verdict.INCONCLUSIVE)
        history.append(
            PastRun(
                read.text("channel"),
                version,
                verdict,
                read.timestamp("created_at"),
                weight_of(row["weight"]),
            )
        )
    return history[::-1]
