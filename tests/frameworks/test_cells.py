"""``setup()`` and ``@generation`` close the loop with every library that is named in docs/frameworks.md."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path

import pytest
from frameworks.cell import Outcome, serve, try_cell
from frameworks.model_server import Server
from frameworks.table import OFTEN, ROWS, WORDS, Row, cells, outcomes

Record = Callable[[str, object], None]
SHORT = [pytest.param(row, id=f"{row.app}-{row.short}") for row in ROWS if row.short]
CELLS = [
    pytest.param(row, fault, id=f"{row.app}-{fault}", marks=pytest.mark.xdist_group(row.app))
    for row, fault in cells()
]


def need(row: Row) -> None:
    """Skip aloud where a library is missing."""
    for name in row.imports:
        try:
            found = importlib.util.find_spec(name)
        except ModuleNotFoundError:
            found = None
        if found is None:
            pytest.skip(f"needs {name} in the environment of the frameworks: make test-frameworks")


def judge(outcome: Outcome, record: Record) -> None:
    """A cell does at least what it did when its outcome was last kept; one that is new is reported."""
    record("cell", outcome.report())
    known, _ = outcomes().get(outcome.app, {}).get(outcome.fault, ("-", ""))
    assert WORDS.index(outcome.word) >= WORDS.index(known), outcome.why or outcome.fix


@pytest.mark.parametrize("row", SHORT)
def test_one_cell_of_each_library(
    row: Row, tmp_path: Path, model: Server, record_property: Record
) -> None:
    """One fault a library makes one case, which reproduces 3 of 3 without a server, and its fix passes."""
    need(row)
    wrong = serve(row, [row.short], tmp_path, model)
    outcome = Outcome(row.app, row.short, why=wrong)
    judge(outcome if wrong else try_cell(row, row.short, tmp_path, model), record_property)


@pytest.fixture(scope="session")
def served(
    tmp_path_factory: pytest.TempPathFactory, model: Server
) -> Callable[[Row], tuple[Path, str]]:
    """An application's folder after it met all its faults in one process, and what went wrong there."""
    done: dict[str, tuple[Path, str]] = {}

    def once(row: Row) -> tuple[Path, str]:
        if row.app not in done:
            folder = tmp_path_factory.mktemp(row.app)
            done[row.app] = folder, serve(row, row.faults, folder, model)
        return done[row.app]

    return once


@pytest.mark.long("every application with every fault, each replayed: hours")
@pytest.mark.parametrize(("row", "fault"), CELLS)
def test_cell(
    row: Row, fault: str, served: Callable[[Row], tuple[Path, str]], model: Server,
    record_property: Record, pytestconfig: pytest.Config,
) -> None:  # fmt: skip
    """Three failures make one case, further replays say the same, and its fix passes."""
    need(row)
    folder, wrong = served(row)
    if wrong:
        judge(Outcome(row.app, fault, why=wrong), record_property)
        return
    replays = min(100 if (row.app, fault) in OFTEN else 5, pytestconfig.getoption("--replays"))
    judge(try_cell(row, fault, folder, model, replays=replays - 3), record_property)
