"""The search for a smaller case, with replays that are made up: what it does where they do not hold still."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from genmon_otel.errors import ConfigurationError
from genmon_otel.policy import Verdict
from genmon_otel.records import StepRecord
from genmon_otel.regression import shrink
from genmon_otel.regression.cases.case import Case, CaseTrigger, Expected, Shrinkage
from genmon_otel.regression.judging.run_result import RunResult
from genmon_otel.wording.case import size

LONG = "words that nobody needs " * 50
CASE = Case(
    slug="x", operation="build", target="app:build", inputs={"request": LONG},
    steps=(StepRecord("ask", {"p": LONG}, "value", f"{LONG}(", ended_s=1.0),),
    trigger=CaseTrigger("content", 0), expected=Expected("v2:s", "syntax_error", "SyntaxError"),
)  # fmt: skip
SHOWS = RunResult(
    verdict=Verdict.FAIL_SAME, detail="", fingerprint="v2:f", trigger_consumed=True,
    trigger_signature="s",
)  # fmt: skip


def test_a_smaller_case_that_stops_reproducing_is_left() -> None:
    """Where the smaller form does not show the failure each time, the case stays as it was."""
    proofs: list[Case] = []

    def replay(case: Case, **options: Any) -> RunResult:
        if case.inputs != CASE.inputs:
            proofs.append(case)
            if len(proofs) > 3:
                return replace(SHOWS, fingerprint="v2:another")
        return SHOWS

    found = shrink.shrink(CASE, replay)
    assert found.case == CASE
    assert "did not show the failure each time" in found.unchanged


def test_a_replay_that_dies_changes_nothing() -> None:
    """A replay without an answer shows nothing, so nothing smaller is taken."""

    def replay(case: Case, **options: Any) -> RunResult:
        if case == CASE:
            return SHOWS
        return RunResult(verdict=Verdict.INCONCLUSIVE, detail="it died", reason="crash")

    found = shrink.shrink(CASE, replay)
    assert replace(found.case, shrunk=None) == CASE
    assert found.unchanged == shrink.WHOLE


def breaks(case: Case, **options: Any) -> RunResult:
    """Show the failure where the answer holds an open bracket and the input is whole."""
    shows = "(" in str(case.steps[0].outcome) and case.inputs == CASE.inputs
    return SHOWS if shows else replace(SHOWS, fingerprint=None)


def test_the_smallest_trigger_is_put_in_its_place() -> None:
    """``replay --minimal`` answers with it, and seeks it where it is not known."""
    shrunk = replace(CASE, shrunk=Shrinkage(9, 1, 1, 1, "("))
    for case in (shrunk, CASE):
        small, says = shrink.minimal(case, breaks)
        assert small.steps[0].outcome == "("
        assert "1 of 1,201 characters" in says


def test_where_nothing_can_be_left_out_the_smallest_trigger_is_kept_all_the_same() -> None:
    """Else the command that is to find it is named for ever, and finds nothing."""
    found = shrink.shrink(CASE, breaks)
    assert found.unchanged == shrink.WHOLE
    assert found.case.shrunk is not None
    assert found.case.shrunk.smallest_trigger == "("
    assert not found.case.shrunk.is_smaller
    assert size(found.case) == (
        "nothing in it can be left out; the answer that broke it is kept whole, its smallest part is '('"
    )
    smallest = replace(CASE, steps=(replace(CASE.steps[0], outcome="("),))
    assert size(shrink.shrink(smallest, breaks).case).endswith("is the smallest that does")
    assert shrink.minimal(smallest, breaks) == (smallest, "its answer is the smallest already")


@pytest.mark.parametrize(
    ("case", "says"),
    [
        (replace(CASE, trigger=CaseTrigger("input")), "no answer that is a text"),
        (replace(CASE, trigger=CaseTrigger("fault", 0)), "no answer that is a text"),
        (replace(CASE, inputs={}), "does not show the failure"),
    ],
)
def test_without_a_smallest_trigger_the_way_on_is_named(case: Case, says: str) -> None:
    """No remedy leads in a circle: the failure is replayed without it."""
    with pytest.raises(ConfigurationError, match=f"{says}.*Leave out --minimal"):
        shrink.minimal(case, breaks)
