"""The table of frameworks: what its rows, its outcomes and the applications of examples/ say of each other."""

from __future__ import annotations

import ast

import pytest

from tests.frameworks.table import (
    EXAMPLES,
    FIXES,
    ROWS,
    WORDS,
    Row,
    cells,
    fixed,
    outcomes,
    version_of,
)


def test_each_example_is_a_row() -> None:
    """What stands in examples/ is tried, and what is tried stands there; the model is no application."""
    applications = {path.stem for path in EXAMPLES.glob("*.py")} - {"model"}
    assert applications == {row.app for row in ROWS}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.app)
def test_an_example_is_short_and_decorates_no_step(row: Row) -> None:
    """setup() and @generation are all that it takes of genmon; it is no longer than it must be."""
    source = (EXAMPLES / f"{row.app}.py").read_text(encoding="utf-8")
    assert "from genmon_otel import generation, setup\n" in source
    assert source.count("genmon_otel") == 1
    assert len(source.splitlines()) <= 80


@pytest.mark.parametrize("fault", FIXES)
def test_a_fix_changes_one_statement(fault: str) -> None:
    """Every application has a place to be fixed, and the fixed source is Python that asks as it should."""
    for row in ROWS:
        source = (EXAMPLES / f"{row.app}.py").read_text(encoding="utf-8")
        changed = fixed(row, fault, source)
        ast.parse(changed)
        assert changed != source, row.app
        asks_another = f"ask(request, '{row.spare}')" in changed
        assert asks_another is (row.fix(fault) == "spare"), row.app


def test_each_library_is_locked_and_tried_in_short() -> None:
    """Every library has a version, and one cell that `make test` runs."""
    libraries = {row.library for row in ROWS if row.library}
    assert {name for name in libraries if version_of(name) == "?"} == set()
    assert {row.library for row in ROWS if row.short} - {""} == libraries
    assert all(row.short in row.faults for row in ROWS if row.short)


def test_outcomes_are_of_cells_that_there_are() -> None:
    """No outcome is left of a cell that is gone; what does not close says why."""
    known = {(row.app, fault) for row, fault in cells()}
    for app, of in outcomes().items():
        for fault, (word, why) in of.items():
            assert (app, fault) in known
            assert word in WORDS
            assert why or word == "closes", (app, fault)
