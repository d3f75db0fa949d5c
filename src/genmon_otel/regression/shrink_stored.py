"""Make a case of the store smaller, and keep it."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from genmon_otel.errors import InvalidTransition
from genmon_otel.policy import CaseState
from genmon_otel.regression import review
from genmon_otel.regression import shrink as shrinker
from genmon_otel.regression.cases.trust import Trust
from genmon_otel.regression.runner import run_case
from genmon_otel.store import SqlStore
from genmon_otel.store.rows import CaseRow


def shrink_reproduced(
    store: SqlStore, ref: str, cwd: Path | None
) -> tuple[CaseRow, shrinker.Shrunk]:
    """Shrink a case that no person has decided about.

    Raises:
        NotFound: there is no such case.
        InvalidTransition: it is not reproduced.
    """
    row = store.case(ref)
    if row.state is not CaseState.REPRODUCED:
        way_on = (
            f" Check it first: genmon cases verify {row.handle}"
            if row.state in review.CHECKABLE
            else ""
        )
        raise InvalidTransition(
            f"Case {row.handle} is {row.state}: only a case that was reproduced, and that nobody has decided "
            f"about, is shrunk.{way_on}"
        )
    return row, shrunk_in_store(store, row, cwd)


def shrunk_in_store(store: SqlStore, row: CaseRow, cwd: Path | None) -> shrinker.Shrunk:
    """Make a reproduced case smaller, and keep it; its recording stays as it is."""
    case = review.stored(row)
    run = partial(run_case, cwd=cwd, trust=Trust.of_reviewed(case))
    try:
        shrunk = shrinker.shrink(case, run)
    except Exception as error:  # the case that was reproduced must not be lost for it
        return shrinker.Shrunk(case=case, unchanged=f"it could not be shrunk: {error!r:.200}")
    if shrunk.case != case:
        store.save_case(row.id, shrunk.case.to_dict())
    return shrunk
