"""Seeded failures of realistic sizes shrink, stay what they are, and yield to the fix of the original."""

from __future__ import annotations

import statistics
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from genmon_otel.policy import Verdict
from genmon_otel.regression import shrink as shrinking
from genmon_otel.regression.cases.case import Case
from genmon_otel.regression.judging.run_result import RunResult
from tests.fix_kit import recorded_bug, rerun_here
from tests.seeded_failures import Seeded, seeded

ALL = list(seeded())
#: One of each kind; the others are long.
FEW = [
    seed for seed in ALL if seed.name in ("content fence", "data 0", "step 0", "step 1", "input 0")
]
#: Seconds that one replay takes here: what a forked one may.
REPLAY_S = 0.15


class Counted:
    """A clock by which each replay takes the same time, so that a busy machine does not matter."""

    def __init__(self) -> None:
        self.replays = 0

    def monotonic(self) -> float:
        """Seconds that all replays have taken."""
        return self.replays * REPLAY_S


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Counted:
    """The clock of the search, counted by replays."""
    counted = Counted()
    monkeypatch.setattr(shrinking, "time", counted)
    return counted


def shrunk(seed: Seeded, folder: Path, clock: Counted) -> tuple[list[str], float]:
    """Shrink a seeded failure in the ten seconds that it may take; what is wrong, and what is left of it."""
    folder.mkdir()
    case, module = recorded_bug(folder, seed.source, good=(seed.good,), bad=seed.bad)

    def run(each: Case, function: str = "build", **options: Any) -> RunResult:
        clock.replays += 1
        return rerun_here(each, module, function, **options)

    began = clock.replays
    found = shrinking.shrink(case, run)
    took_s = (clock.replays - began) * REPLAY_S
    small = found.case
    if found.unchanged or small.shrunk is None:
        return [f"unchanged: {found.unchanged}"], 1.0
    wrong = []
    if took_s > shrinking.MOST_S + 6 * REPLAY_S:  # the last ones prove the result
        wrong.append(f"took {took_s:.1f} s")
    before = run(replace(case, donors=()))
    for _ in range(3):
        now = run(replace(small, donors=()))
        if (now.verdict, now.fingerprint, now.drifted) != (
            Verdict.FAIL_SAME,
            before.fingerprint,
            False,
        ):
            wrong.append(f"shows {now.verdict}, drifted {now.drifted}: {now.detail}")
    if trigger_of(small) != trigger_of(case):
        wrong.append("its trigger is another")
    fixes = [run(each, "fixed") for each in (case, small)]
    if [fix.verdict for fix in fixes] != [Verdict.PASS] * 2 or fixes[0].weight != fixes[1].weight:
        wrong.append(f"the fix: {[(fix.verdict, fix.weight, fix.detail) for fix in fixes]}")
    if seed.smallest is not None and small.shrunk.smallest_trigger != seed.smallest:
        wrong.append(f"its smallest trigger is {small.shrunk.smallest_trigger!r:.80}")
    return wrong, small.shrunk.bytes_after / small.shrunk.bytes_before


def trigger_of(case: Case) -> Any:
    """The outcome that the failure came from."""
    return None if case.trigger.step is None else case.steps[case.trigger.step].outcome


def of_kind(kind: str) -> list[Seeded]:
    return [seed for seed in ALL if seed.name.startswith(kind)]


LONG = [
    pytest.param(of_kind(kind), id=kind, marks=[pytest.mark.exhaustive("a thousand replays"), pytest.mark.timeout(1800)])
    for kind in ("content", "data", "step", "input")
]  # fmt: skip


@pytest.mark.parametrize("seeds", [pytest.param(FEW, id="few"), *LONG])
def test_seeded_failures_shrink_and_stay_what_they_are(
    seeds: list[Seeded], tmp_path: Path, clock: Counted
) -> None:
    """A fifth is left in the median, the same failure is shown, and the right fix passes as before."""
    wrong, left = [], []
    for number, seed in enumerate(seeds):
        found, share = shrunk(seed, tmp_path / str(number), clock)
        wrong += [f"{seed.name}: {each}" for each in found]
        left.append(share)
    assert not wrong, "\n".join(wrong)
    assert statistics.median(left) <= 0.2, sorted(left)


def test_there_are_enough() -> None:
    """At least sixty, of which twenty have a known smallest trigger."""
    assert len({seed.name for seed in ALL}) == len(ALL) >= 60
    assert sum(seed.smallest is not None for seed in ALL) >= 20
