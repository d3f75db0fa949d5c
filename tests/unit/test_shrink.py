"""The search for a smaller case, with replays that are made up: what it does where they do not hold still."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from genmon_otel.errors import ConfigurationError
from genmon_otel.policy import Verdict
from genmon_otel.records import StepRecord
from genmon_otel.regression import shrink
from genmon_otel.regression.case import Case, CaseTrigger, Expected, Shrinkage
from genmon_otel.regression.run_result import RunResult

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
    assert found.case == CASE
    assert found.unchanged


def test_the_smallest_trigger_is_put_in_its_place() -> None:
    """``replay --minimal`` answers with it; where there is none, the command that finds it is named."""
    shrunk = replace(CASE, shrunk=Shrinkage(9, 1, 1, 1, "("))
    assert shrink.minimal(shrunk).steps[0].outcome == "("
    with pytest.raises(ConfigurationError, match="genmon cases verify"):
        shrink.minimal(CASE)
