"""Shrinking with real replays: the failure stays, the right fix still passes, most of the rest goes."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from case_kit import load, row_of

from genmon_otel.policy import Verdict
from genmon_otel.recordings import prepare
from genmon_otel.redaction import Redactor
from genmon_otel.regression.cases.case import Case
from genmon_otel.regression.isolation import landlock
from genmon_otel.regression.judging.run_result import RunResult
from genmon_otel.regression.propose import case_from, with_samples
from genmon_otel.regression.runner import run_case
from genmon_otel.regression.shrink import shrink
from genmon_otel.testing import capture

pytestmark = pytest.mark.skipif(not landlock.abi(), reason="replays are forked under Landlock")

#: An agent that plans, writes each file, and reads a summary as JSON, which breaks.
SOURCE = """
import json
from genmon_otel import generation, step

LONG = "An explanation that nobody needs. " * 200

@step
def plan(prompt):
    return {"files": [{"name": f"file{n}.py", "why": LONG} for n in range(10)], "title": LONG}

@step
def write(prompt):
    return LONG + "\\ncode"

@step
def summarise(prompt):
    if "good" in prompt:
        return '{"summary": "fine"}'
    return 'Sure! Here it is: {"summary": "' + LONG + '"}'

def parsed(text):
    return json.loads(text)

@generation(name="build")
def build(request, history):
    planned = plan(request + " after " + " ".join(turn["text"] for turn in history))
    files = {each["name"]: write(each["why"]) for each in planned["files"]}
    summary = parsed(summarise(request + " ".join(files.values())))
    return {"files": files, "title": planned["title"], "summary": summary["summary"]}
"""
FIX = ("return json.loads(text)", 'return json.loads(text[text.index("{"):])')


@pytest.fixture
def case(tmp_path: Path) -> Case:
    """The recorded case of a failure with realistic sizes, with the shape of a success."""
    history = [{"role": "user", "text": "What I said before, at length. " * 30} for _ in range(30)]
    build = load(tmp_path, "agent", SOURCE).build
    try:
        with capture() as seen:
            build("good", history)
            with pytest.raises(json.JSONDecodeError):
                build("bad", history)
    finally:
        del sys.modules["agent"]
    row = row_of(seen.records[-1].failure)
    made = case_from(row, prepare(seen.recordings[0], Redactor()))
    return replace(with_samples(made, seen.samples), donors=())


def test_a_case_becomes_small_and_stays_what_it_is(case: Case, tmp_path: Path) -> None:
    """It shows the same failure without drift, its fix passes as before, and its trigger is whole."""

    def run(each: Case, **options: bool) -> RunResult:
        return run_case(each, cwd=tmp_path, **options)

    shrunk = shrink(case, run, most_s=120)
    small = shrunk.case
    assert not shrunk.unchanged
    assert small.shrunk is not None
    assert small.shrunk.bytes_after <= 0.2 * small.shrunk.bytes_before, small.shrunk
    assert (small.shrunk.steps_before, small.shrunk.steps_after) == (12, 3)
    assert case.trigger.step is not None
    assert small.trigger.step is not None
    assert small.steps[small.trigger.step].outcome == case.steps[case.trigger.step].outcome
    again = run(small)
    assert (again.verdict, again.drifted) == (Verdict.FAIL_SAME, False), again
    assert again.fingerprint == run(case).fingerprint
    (tmp_path / "agent.py").write_text(SOURCE.replace(*FIX), encoding="utf-8")
    for each in (case, small):
        assert run(each).verdict is Verdict.PASS, run(each).detail
    assert Case.from_json(small.to_json()) == small


def test_the_smallest_trigger_is_found_beside_it(case: Case, tmp_path: Path) -> None:
    """One letter that is no JSON shows the same; the case does not hold it."""
    shrunk = shrink(
        case, lambda each, **options: run_case(each, cwd=tmp_path, **options), most_s=240
    )
    assert shrunk.case.shrunk is not None
    assert shrunk.case.shrunk.smallest_trigger is not None
    assert len(shrunk.case.shrunk.smallest_trigger) <= 1


def test_a_case_that_shows_nothing_stays_as_it_is(case: Case, tmp_path: Path) -> None:
    """Where the replay does not show the failure, nothing is lost, and the reason is said."""
    (tmp_path / "agent.py").write_text(SOURCE.replace(*FIX), encoding="utf-8")
    shrunk = shrink(case, lambda each, **options: run_case(each, cwd=tmp_path, **options))
    assert shrunk.case == case
    assert "does not show" in shrunk.unchanged
