"""Take today's requests of a case's steps as the recorded ones, and donors of newer successes; outcomes stay."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from genmon_otel.errors import InvalidTransition
from genmon_otel.exchanges import compacted, expanded, keys_of
from genmon_otel.payload import digest
from genmon_otel.policy import Verdict
from genmon_otel.records import StepRecord, Tree
from genmon_otel.regression import review
from genmon_otel.regression.cases.case import Case
from genmon_otel.regression.cases.trust import Trust
from genmon_otel.regression.judging.run_result import RunResult
from genmon_otel.regression.propose import with_newer_donors
from genmon_otel.regression.runner import run_case
from genmon_otel.store import SqlStore
from genmon_otel.store.rows import CaseRow


def refresh(store: SqlStore, ref: int | str, *, cwd: Path | None = None) -> tuple[CaseRow, str]:
    """Replay a case, take the requests of that replay as the recorded ones, and replay it again.

    The second replay must show what the first one showed, without drift: else nothing is kept. What
    successful generations since then were answered becomes donors, if it changes no verdict that says something.

    Args:
        store: where the case is.
        ref: its number, or the handle of its failure.
        cwd: folder of the code under test; None: the working directory.

    Returns:
        The case, and what was done.

    Raises:
        NotFound: there is no such case.
        InvalidTransition: the case is over, or the replays do not agree.
    """
    row = store.case(ref)
    if row.state not in (*review.CHECKABLE, *review.APPROVED):
        raise InvalidTransition(f"Case {row.handle} is {row.state}; it is not replayed any more.")
    known = review.stored(row)
    trust = Trust.of_reviewed(known)
    case, count = with_newer_donors(known, store.success_samples(row.operation))
    shown = run_case(case, cwd=cwd, trust=trust, requests=True)
    if case != known and _says_other(before := run_case(known, cwd=cwd, trust=trust), shown):
        raise InvalidTransition(
            f"Case {row.handle} stays as it is: with the answers of newer generations the replay shows "
            f"{shown.verdict} instead of {before.verdict}. {shown.detail}"
        )
    done = f"answers of {count} newer generation{'s' * (count != 1)} taken" if count else ""
    if shown.drifted:
        case, shown, asked = _with_requests_of_now(row, case, shown, cwd)
        done = f"{asked}; {done}" if done else asked
    if case == known:
        return row, f"nothing has drifted, and no newer generation has answers ({shown.verdict})"
    row = store.save_case(row.id, case.to_dict())
    return row, f"{done or 'what successes look like taken'}; it shows {shown.verdict}"


def _with_requests_of_now(
    row: CaseRow, case: Case, shown: RunResult, cwd: Path | None
) -> tuple[Case, RunResult, str]:
    """The case with the requests of a replay that drifted, what it shows, and how many these are."""
    if not shown.requests:
        raise InvalidTransition(f"The requests of {row.handle} are too large to be taken anew.")
    today = {int(at): request for at, request in shown.requests.items()}
    steps = [_asked(step, today.get(at)) for at, step in enumerate(expanded(case.steps))]
    fresh = replace(case, steps=tuple(compacted(steps)))
    again = run_case(fresh, cwd=cwd, trust=Trust.of_reviewed(case))
    if again.drifted or again.verdict is Verdict.INCONCLUSIVE or _says_other(shown, again):
        raise InvalidTransition(
            f"Case {row.handle} stays as it is: with today's requests the replay shows "
            f"{again.verdict} instead of {shown.verdict}{' and drifts again' if again.drifted else ''}. "
            f"{again.detail}"
        )
    return fresh, again, f"{len(today)} of {len(steps)} requests taken anew"


def _says_other(before: RunResult, after: RunResult) -> bool:
    """Whether two verdicts differ; a prompt that was changed said nothing."""
    return before.verdict is not Verdict.INCONCLUSIVE and before.verdict is not after.verdict


def _asked(step: StepRecord, request: Tree | None) -> StepRecord:
    if request is None:
        return step
    key = keys_of(request).exact if step.adapter else digest(request)
    return replace(step, arguments=request, digest=key)
