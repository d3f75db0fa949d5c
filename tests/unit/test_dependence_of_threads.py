"""What a result depends on is seen although threads ask for other numbers, and in another order, in each run."""

from __future__ import annotations

from itertools import count

import pytest

from genmon_otel.records import Outcome, StepRecord
from genmon_otel.regression.cases.case import Case, CaseTrigger, Expected
from genmon_otel.regression.dependence import with_dependence
from genmon_otel.regression.judging.observation import Observation

STEP = StepRecord(
    "openai chat", {"method": "POST", "path": "/chat/completions"}, "value",
    {"status": 200, "headers": {}, "body": '{"title": "Habits of the garden"}'},
    ended_s=1.0, adapter="httpx",
)  # fmt: skip
CASE = Case(
    slug="c", operation="op", target="m:op", inputs={}, steps=(STEP,),
    trigger=CaseTrigger("content", 0), expected=Expected("v2:x", "unknown", "ValueError"),
)  # fmt: skip


@pytest.mark.parametrize(
    ("uses_answer", "is_steady", "depends"),
    [(True, True, True), (False, True, False), (True, False, False)],
)
def test_numbers_that_vary_hide_no_dependence(
    uses_answer: bool, is_steady: bool, depends: bool
) -> None:
    """The words must follow the answer; where these vary as well nothing is shown."""
    runs = count()

    def observe(case: Case, *, watch: bool = False) -> Observation:
        run = next(runs)
        words = str(case.steps[0].outcome) if uses_answer else "same"
        words += "" if is_steady else str(run)
        return Observation(outcome=Outcome.SUCCESS, effect=f"{words} {run}", masked_effect=words)

    assert with_dependence(CASE, observe(CASE), observe).depends is depends
