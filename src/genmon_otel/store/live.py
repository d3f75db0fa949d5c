"""The live channel: saves runs of guarding cases from generations in production.

Only for cases in state ``guarding`` whose trigger is a fault, and generations on a known version
other than the failing one. A generation in which the step had the trigger at least as many times
in a row as recorded, and which succeeded, is a pass. One that failed with the case's signature is
a ``fail_same``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any, Final

import sqlalchemy as sa

from genmon_otel.policy import DAY_S, LIVE_RUNS_PER_DAY, CaseState, Verdict
from genmon_otel.records import GenerationRecord, Outcome
from genmon_otel.store import schema
from genmon_otel.store.codec import storable_name, storable_name_or_none
from genmon_otel.store.cursor import Cursor
from genmon_otel.store.runs import NewRun, save_run

_DETAIL: Final = {
    Verdict.PASS: "met the trigger {count} times in a row and succeeded",
    Verdict.FAIL_SAME: "failed with the same signature",
}


class LiveRuns:
    """Finds the guarding cases that the generations of one batch concern, and saves their runs.

    The constructor sends the query for guarding cases, if any generation failed or met a fault;
    :meth:`save` fetches its answer.
    """

    def __init__(self, cursor: Cursor, records: Iterable[GenerationRecord]) -> None:
        self._cursor = cursor
        self._survived: dict[str, list[tuple[GenerationRecord, int]]] = defaultdict(list)
        self._failed: dict[str, list[GenerationRecord]] = defaultdict(list)
        for each in records:
            if each.code_version is None:
                continue
            if each.outcome is Outcome.SUCCESS:
                for fault in each.step_faults:
                    self._survived[storable_name(fault.trigger_signature)].append(
                        (each, fault.consecutive)
                    )
            elif each.failure is not None and each.failure.origin == "generation":
                self._failed[storable_name(each.failure.signature)].append(each)
        self._result: Any = None
        if self._survived or self._failed:
            self._result = cursor.execute(cursor.statements.read_guarding_cases)

    def save(self) -> None:
        """Save the runs."""
        if self._result is None:
            return
        case_ids = [
            case_id
            for case_id, signature, trigger in self._result.fetchall()
            if signature in self._failed or trigger in self._survived
        ]
        if not case_ids:
            return
        connection = self._cursor.connection
        for case in _lock_guarding_cases(connection, case_ids):
            runs = [
                _live_run(case, each, Verdict.FAIL_SAME, 0)
                for each in self._failed.get(case.signature, ())
            ] + [
                _live_run(case, each, Verdict.PASS, count)
                for each, count in self._survived.get(case.trigger_signature, ())
                if isinstance(case.trigger_count, int) and count >= case.trigger_count
            ]
            state = CaseState.GUARDING
            for run in sorted(runs, key=lambda run: run.at):
                if run.code_version == case.failing_version or state is not CaseState.GUARDING:
                    continue
                if run.verdict is Verdict.PASS and _has_enough_passes(connection, run):
                    continue
                state = save_run(connection, run)


def _lock_guarding_cases(connection: sa.Connection, ids: list[int]) -> list[sa.Row[Any]]:
    """Lock the cases' rows in the order of ids, so that concurrent batches cannot deadlock."""
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


def _live_run(case: sa.Row[Any], each: GenerationRecord, verdict: Verdict, count: int) -> NewRun:
    return NewRun(
        run_id=f"live:{case.id}:{each.generation_id}",
        case_id=case.id,
        channel="live",
        code_version=storable_name_or_none(each.code_version),
        verdict=verdict,
        at=each.ended_at,
        detail=f"generation {each.generation_id} " + _DETAIL[verdict].format(count=count),
    )


def _has_enough_passes(connection: sa.Connection, run: NewRun) -> bool:
    """Whether the case has as many live passes of that day as its confidence counts."""
    runs = schema.test_runs
    start = run.at // DAY_S * DAY_S
    stored = connection.execute(
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
    return int(stored) >= LIVE_RUNS_PER_DAY
