"""The reproduction check: three of three, or the reason and what to do."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import pytest

from genmon_otel.policy import CaseState, Verdict
from genmon_otel.records import StepRecord
from genmon_otel.regression import reproduction_check as module
from genmon_otel.regression.cases.case import Case, CaseTrigger, Expected
from genmon_otel.regression.cases.trust import Trust
from genmon_otel.regression.judging.observation import Reason
from genmon_otel.regression.judging.run_result import RunResult
from genmon_otel.regression.reproduction_check import check

CASE = Case(
    slug="build-1",
    operation="build",
    target="app:build",
    inputs={},
    steps=(StepRecord("ask", {}, "value", "x", ended_s=1.0),),
    trigger=CaseTrigger("content", 0),
    expected=Expected("v2:s", "syntax_error", "JSONDecodeError"),
)
SAME = RunResult(verdict=Verdict.FAIL_SAME, detail="again")
OTHER = RunResult(verdict=Verdict.FAIL_OTHER, detail="KeyError: 'x'")
PASS = RunResult(verdict=Verdict.PASS, detail="It succeeded")


@pytest.fixture
def replays(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[Any]]:
    """Let replays show what is told here, in order."""

    def tell(*shown: RunResult) -> list[Any]:
        left, asked, lock = list(shown), [], threading.Lock()

        def run_case(case: Case, *, cwd: Path | None, trust: Trust) -> RunResult:
            with lock:
                asked.append((case, cwd))
                return left.pop(0)

        monkeypatch.setattr(module, "run_case", run_case)
        return asked

    return tell


def test_three_of_three_reproduce(replays: Callable[..., list[Any]], tmp_path: Path) -> None:
    """All replays show the failure: reproduced, and each was announced."""
    asked, seen = replays(SAME, SAME, SAME), []
    found = check(CASE, cwd=tmp_path, progress=lambda: seen.append(1))
    assert (found.state, found.reason) == (CaseState.REPRODUCED, "reproduced 3 of 3")
    assert found.reproduced == len(found.runs) == len(seen) == 3
    assert asked == [(CASE, tmp_path)] * 3


@pytest.mark.parametrize("odd", [OTHER, PASS])
def test_two_of_three_do_not(replays: Callable[..., list[Any]], odd: RunResult) -> None:
    """One replay that shows anything else makes the case unreproducible, and says how often."""
    replays(SAME, SAME, odd)
    found = check(CASE)
    assert found.state is CaseState.UNREPRODUCIBLE
    assert found.reason.startswith("reproduced 2 of 3; once it ")


def test_the_first_miss_decides(replays: Callable[..., list[Any]]) -> None:
    """Nothing is replayed again after a first replay that did not show the failure."""
    asked = replays(OTHER)
    found = check(CASE)
    assert found.state is CaseState.UNREPRODUCIBLE
    assert found.reason.startswith("it failed otherwise: KeyError: 'x'. If the recorded failure ")
    assert len(asked) == 1


@pytest.mark.parametrize("reason", [r for r in get_args(Reason) if r and r != "postcondition"])
def test_reasons_are_readable(replays: Callable[..., list[Any]], reason: Reason) -> None:
    """An inconclusive replay's detail is kept, with a remedy where there is one."""
    replays(RunResult(verdict=Verdict.INCONCLUSIVE, detail="This happened.", reason=reason))
    said = check(CASE).reason
    assert said.startswith("This happened.")
    if reason in ("import", "size", "opaque", "factory", "unrecorded", "network", "subprocess",
                  "write", "deadline"):  # fmt: skip
        assert len(said) > len("This happened.") + 20


def test_an_unconfirmed_pass_is_a_pass(replays: Callable[..., list[Any]]) -> None:
    """A replay without the failure says that something else decides, also where no answer was read."""
    reasons = []
    for run in (PASS, RunResult(verdict=Verdict.INCONCLUSIVE, detail="x", reason="postcondition")):
        replays(run)
        reasons.append(check(CASE).reason)
    assert reasons[0] == reasons[1]
    assert "it passed" in reasons[0]
    assert "neither an input nor the outcome of a step" in reasons[0]


def test_a_remedy_is_given_once(replays: Callable[..., list[Any]]) -> None:
    """A detail that names the command already is not followed by it again."""
    detail = "app has no 'x'. genmon cases rebind OLD NEW"
    replays(RunResult(verdict=Verdict.INCONCLUSIVE, detail=detail, reason="import"))
    assert check(CASE).reason == detail


def test_what_cannot_be_replayed_is_not(replays: Callable[..., list[Any]]) -> None:
    """A recording that the writer found unreplayable says why without a replay."""
    asked = replays()
    found = check(CASE, unreplayable="size: 300 KiB")
    assert found.state is CaseState.UNREPRODUCIBLE
    assert found.reason.startswith("size: 300 KiB. At most 256 KiB ")
    assert asked == []


def test_a_fault_is_met_as_often_as_the_failing_code_asks(
    replays: Callable[..., list[Any]],
) -> None:
    """Where chance makes the code try more often than it did, the case says how much more."""
    fault = StepRecord("ask", {}, "exception", {"$": "error"}, ended_s=1.0)
    case = replace(CASE, steps=(fault,), trigger=CaseTrigger("fault", 0))
    once_more = RunResult(verdict=Verdict.INCONCLUSIVE, detail="", reason="unrecorded")
    probed = replace(SAME, steps=("ask", "ask", "ask"))
    asked = replays(once_more, probed, SAME, SAME, SAME)
    found = check(case)
    assert found.state is CaseState.REPRODUCED
    assert found.case is not None
    assert found.case.trigger.repeats == 2
    assert [replayed.trigger.repeats for replayed, _ in asked[2:]] == [2, 2, 2]


def test_missing_variables_are_named(replays: Callable[..., list[Any]]) -> None:
    """A replay that asked for variables it does not have says which, and the command to give them."""
    replays(replace(OTHER, missing=("MODEL", "REGION")))
    assert "MODEL, REGION. Give it what it needs: genmon cases verify" in check(CASE).reason
