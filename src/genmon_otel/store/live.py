"""The live channel: generations in production that meet what a case guards against.

For cases in state ``guarding`` whose trigger is a fault. A generation on another,
known version than the failing one that met the trigger at least as often in a row
as recorded and succeeded passes; one that failed with the case's signature fails.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any, Final

import sqlalchemy as sa

from genmon_otel.policy import DAY_S, LIVE_A_DAY, CaseState, Verdict
from genmon_otel.records import GenerationRecord, Outcome
from genmon_otel.store import schema
from genmon_otel.store.codec import name, optional_name
from genmon_otel.store.cursor import Cursor
from genmon_otel.store.runs import Run, record

_DETAIL: Final = {
    Verdict.PASS: "met the trigger {count} times in a row and succeeded",
    Verdict.FAIL_SAME: "failed with the same signature",
}


class LiveRuns:
    """What a batch's generations say of the cases that are guarding.

    Made, it asks which cases are, if any generation may have met one.
    """

    def __init__(self, cursor: Cursor, records: Iterable[GenerationRecord]) -> None:
        self._cursor = cursor
        self._met: dict[str, list[tuple[GenerationRecord, int]]] = defaultdict(list)
        self._failed: dict[str, list[GenerationRecord]] = defaultdict(list)
        for each in records:
            if each.code_version is None:
                continue
            if each.outcome is Outcome.SUCCESS:
                for fault in each.step_faults:
                    self._met[name(fault.trigger_signature)].append((each, fault.consecutive))
            elif each.failure is not None and each.failure.origin == "generation":
                self._failed[name(each.failure.signature)].append(each)
        self._asked: Any = None
        if self._met or self._failed:
            self._asked = cursor.run(cursor.statements.read_guarding)

    def keep(self) -> None:
        """Keep their runs."""
        if self._asked is None:
            return
        touched = [
            case_id
            for case_id, signature, trigger in self._asked.fetchall()
            if signature in self._failed or trigger in self._met
        ]
        if not touched:
            return
        connection = self._cursor.connection
        for case in _lock(connection, touched):
            runs = [
                _run(case, each, Verdict.FAIL_SAME, 0)
                for each in self._failed.get(case.signature, ())
            ] + [
                _run(case, each, Verdict.PASS, count)
                for each, count in self._met.get(case.trigger_signature, ())
                if isinstance(case.trigger_count, int) and count >= case.trigger_count
            ]
            state = CaseState.GUARDING
            for run in sorted(runs, key=lambda run: run.at):
                if run.code_version == case.failing_version or state is not CaseState.GUARDING:
                    continue
                if run.verdict is Verdict.PASS and _full(connection, run):
                    continue
                state = record(connection, run)


def _lock(connection: sa.Connection, ids: list[int]) -> list[sa.Row[Any]]:
    """Lock cases in key order: two batches that meet the same ones then do not cross."""
    tests = schema.tests
    query = (
        sa.select(
            tests.c.id,
            tests.c.signature,
            tests.c.trigger_signature,
            tests.c.trigger_count,
            tests.c.failing_version,
        )
        .where(tests.c.id.in_(ids), tests.c.state == CaseState.GUARDING)
        .order_by(tests.c.id)
    )
    return list(connection.execute(query.with_for_update()))


def _run(case: sa.Row[Any], each: GenerationRecord, verdict: Verdict, count: int) -> Run:
    return Run(
        run_id=f"live:{case.id}:{each.generation_id}",
        case_id=case.id,
        channel="live",
        code_version=optional_name(each.code_version),
        verdict=verdict,
        at=each.ended_at,
        detail=f"generation {each.generation_id} " + _DETAIL[verdict].format(count=count),
    )


def _full(connection: sa.Connection, run: Run) -> bool:
    """Whether as many passes of that day are kept as count; more would only fill the table."""
    runs = schema.test_runs
    start = run.at // DAY_S * DAY_S
    kept = connection.execute(
        sa.select(sa.func.count())
        .select_from(runs)
        .where(
            runs.c.test_id == run.case_id,
            runs.c.channel == "live",
            runs.c.verdict == Verdict.PASS,
            runs.c.created_at >= start,
            runs.c.created_at < start + DAY_S,
        )
    ).scalar_one()
    return int(kept) >= LIVE_A_DAY
