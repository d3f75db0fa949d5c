"""What a pass counts for: less where less was seen of it."""

from __future__ import annotations

import json

import pytest

from genmon_otel.policy import Verdict, wilson_lower_bound
from genmon_otel.regression.cases.results import Result, ResultError
from genmon_otel.store.confidence import PastRun, confidence


def test_a_drifted_pass_counts_a_quarter() -> None:
    """Four passes that weigh a quarter are worth one; a failure that weighs nothing less still counts."""
    quarter = [PastRun("ci", f"v{n}", Verdict.PASS, 0.0, 0.25) for n in range(4)]
    assert confidence(quarter) == pytest.approx(wilson_lower_bound(1.0, 1.0))
    assert confidence([PastRun("ci", "v", Verdict.PASS, 0.0)]) == confidence(quarter)
    other = PastRun("ci", "w", Verdict.FAIL_OTHER, 0.0, 0.25)
    assert confidence([*quarter, other]) == pytest.approx(wilson_lower_bound(1.0, 2.0))


def test_a_result_carries_weight_and_drift() -> None:
    """Both survive the file; a file of before has neither; nonsense is refused."""
    result = Result(
        run_id="r", fingerprint="v2:f", slug="s", verdict=Verdict.PASS, detail="", channel="ci",
        code_version=None, at=1.0, weight=0.25, drift="step 1, ask, was asked otherwise",
    )  # fmt: skip
    data = json.loads(result.to_line())
    assert Result.from_data(data) == result
    old = {key: value for key, value in data.items() if key not in ("weight", "drift")}
    assert (Result.from_data(old).weight, Result.from_data(old).drift) == (1.0, "")
    for weight in (2, -1, "1", None, True):
        with pytest.raises(ResultError):
            Result.from_data({**data, "weight": weight})
