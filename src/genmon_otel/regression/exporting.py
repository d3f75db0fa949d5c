"""Write the store's cases as files, for CI."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

from genmon_otel.policy import CaseState
from genmon_otel.regression.cases import files
from genmon_otel.regression.cases.case import Case
from genmon_otel.regression.cases.case_reading import CaseError
from genmon_otel.regression.review import EXPORTED, stored
from genmon_otel.store import SqlStore
from genmon_otel.store.rows import CaseRow

#: States in which the file says that the case must pass.
_PASSING: Final = (CaseState.GUARDING, CaseState.REGRESSED)
#: Above the number of cases of any store.
_ALL: Final = 1_000_000


def for_file(row: CaseRow) -> Case:
    """The case in a row as its file holds it: with what is expected of it in its state.

    Raises:
        CaseError: nothing was recorded of its failure.
    """
    return replace(stored(row), expect="passes" if row.state in _PASSING else "fails")


def export(
    store: SqlStore,
    folder: Path,
    *,
    update: bool = False,
    on_unreadable: Callable[[CaseError], None],
) -> Iterator[tuple[Path, bool]]:
    """Write a file for every case that a person may commit.

    Args:
        store: where the cases are.
        folder: where the files go.
        update: whether a file that is there is written again where its case has changed; else it
            stays.
        on_unreadable: called for each case that cannot be read; the others are written.

    Yields:
        Each file, and whether it was written now.
    """
    for state in EXPORTED:
        for row in store.cases(state=state, limit=_ALL):
            try:
                case = for_file(row)
            except CaseError as error:
                on_unreadable(error)
                continue
            yield files.export(case, folder, update=update)
