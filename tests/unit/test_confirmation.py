"""Which answer a failure came from is tried: with a good one in its place the failure must vanish."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from genmon_otel.policy import Verdict
from genmon_otel.records import Outcome, StepRecord
from genmon_otel.regression.cases.case import Case, CaseTrigger, Donor, Expected
from genmon_otel.regression.confirmation import MOST_REPLAYS, confirmed
from genmon_otel.regression.judging.run_result import RunResult

GOOD = {"status": 200, "headers": {}, "body": "good"}
BAD = {"status": 200, "headers": {}, "body": "bad"}


def asked(number: int, outcome: Any, **more: Any) -> StepRecord:
    request = {"method": "POST", "path": "/v1/chat/completions", "body": str(number)}
    return StepRecord(
        "openai chat", request, "value", outcome, ended_s=1.0, adapter="httpx", digest=str(number), **more
    )  # fmt: skip


def case_of(steps: list[StepRecord], trigger: int, *, with_donors: bool = True) -> Case:
    donors = (Donor("g", asked(99, GOOD)),) if with_donors else ()
    return Case(
        slug="c", operation="op", target="m:op", inputs={}, steps=tuple(steps), donors=donors,
        trigger=CaseTrigger("content", trigger), expected=Expected("v2:x", "unknown", "ValueError"),
    )  # fmt: skip


class Code:
    """Code that fails while the answer of one step is bad; counts how often it ran."""

    def __init__(self, culprit: int, otherwise: Callable[[int], RunResult] | None = None) -> None:
        self.runs = 0
        self._culprit = culprit
        self._otherwise = otherwise

    def __call__(self, case: Case) -> RunResult:
        self.runs += 1
        if case.steps[self._culprit].outcome == GOOD:
            return RunResult(verdict=Verdict.PASS, detail="", outcome=Outcome.SUCCESS)
        if self._otherwise is not None:
            return self._otherwise(self.runs)
        return RunResult(
            verdict=Verdict.FAIL_SAME, detail="", signature="v2:x", outcome=Outcome.FAILURE
        )


@pytest.mark.parametrize(("culprit", "runs"), [(4, 1), (9, 2), (7, 4), (0, 10)])
def test_the_answer_that_broke_it_is_found(culprit: int, runs: int) -> None:
    """What the recorder took for it first, then the others from the last one on."""
    code = Code(culprit)
    found = confirmed(case_of([asked(n, BAD) for n in range(10)], 4), code)
    assert (found.trigger.step, found.trigger.confirmed, code.runs) == (culprit, True, runs)
    assert found.steps == case_of([asked(n, BAD) for n in range(10)], 4).steps


def test_what_is_tried_is_bounded() -> None:
    """Twenty replays; where the failure stays, the trigger does too, and says that it is not confirmed."""
    code = Code(0)
    found = confirmed(case_of([asked(n, BAD) for n in range(60)], 30), code)
    assert (found.trigger.step, found.trigger.confirmed) == (30, False)
    assert code.runs == MOST_REPLAYS == 20


def test_without_a_good_answer_nothing_is_tried() -> None:
    """Nor where the donors answer another endpoint, as another kind, or the very same; nor for a fault."""
    steps = [asked(0, BAD)]
    code = Code(0)
    other = asked(1, GOOD)
    strangers = [
        replace(other, arguments={"method": "POST", "path": "/v1/embeddings"}),
        replace(other, kind="stream"),
        replace(other, adapter=""),
        replace(other, name="anthropic chat"),
        replace(other, outcome=BAD),
    ]
    for case in (
        case_of(steps, 0, with_donors=False),
        replace(case_of(steps, 0), donors=tuple(Donor("g", each) for each in strangers)),
        replace(case_of(steps, 0), trigger=CaseTrigger("fault", 0)),
        replace(case_of(steps, 0), trigger=CaseTrigger("input")),
    ):
        assert confirmed(case, code) == case
    assert code.runs == 0


def test_another_failure_confirms_nothing() -> None:
    """A good answer to another question may break the code elsewhere: the next candidate is tried."""
    broken = RunResult(
        verdict=Verdict.FAIL_OTHER, detail="", signature="v2:y", outcome=Outcome.FAILURE
    )
    code = Code(1, lambda _: broken)
    found = confirmed(case_of([asked(n, BAD) for n in range(3)], 2), code)
    assert (found.trigger.step, found.trigger.confirmed) == (1, True)


def test_asking_on_confirms() -> None:
    """The code that got beyond the failure asks what was never recorded."""
    went_on = RunResult(verdict=Verdict.INCONCLUSIVE, detail="", reason="unrecorded")
    found = confirmed(case_of([asked(0, BAD)], 0), lambda _: went_on)
    assert found.trigger.confirmed is True
    stuck = replace(went_on, reason="crash")
    assert confirmed(case_of([asked(0, BAD)], 0), lambda _: stuck).trigger.confirmed is False


def test_the_nearest_good_answer_is_put_there() -> None:
    """Of several donors the one that was asked the same, else the one asked at the same place."""
    seen: list[Any] = []

    def run(case: Case) -> RunResult:
        seen.append(case.steps[0].outcome)
        return RunResult(verdict=Verdict.PASS, detail="", outcome=Outcome.SUCCESS)

    case = case_of([asked(0, BAD, site="a")], 0)
    far, same = asked(5, {**GOOD, "body": "far"}), asked(0, {**GOOD, "body": "same"})
    placed = asked(6, {**GOOD, "body": "placed"}, site="a")
    confirmed(replace(case, donors=tuple(Donor("g", d) for d in (far, placed, same))), run)
    confirmed(replace(case, donors=tuple(Donor("g", d) for d in (far, placed))), run)
    assert [outcome["body"] for outcome in seen] == ["same", "placed"]
