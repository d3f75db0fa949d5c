"""How much the runs of a case are worth: confidence and flakiness, from its runs alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from genmon_otel.policy import DAY_S, LIVE_A_DAY, Verdict, repeat_weight, wilson

#: Newest runs of one case that are looked at.
RUNS: Final = 500


@dataclass(frozen=True, slots=True)
class Exposure:
    """What counts of one run."""

    channel: str
    code_version: str | None
    verdict: Verdict
    at: float


def confidence(runs: Iterable[Exposure]) -> float:
    """Return the Wilson lower bound of weighted passes since the failure was last seen.

    Args:
        runs: oldest first. Everything up to the last ``fail_same`` is history, but that the
            code which failed so had its first verdict; ``inconclusive`` is no trial; the first
            verdict of a code version weighs 1, the next four a quarter each, later ones
            nothing; a live one weighs 1, five a day.
    """
    passes = trials = 0.0
    on_version: Counter[str | None] = Counter()
    on_day: Counter[int] = Counter()
    for run in runs:
        if run.verdict is Verdict.INCONCLUSIVE:
            continue
        if run.verdict is Verdict.FAIL_SAME:
            passes = trials = 0.0
            on_version.clear()
            on_day.clear()
            if run.channel != "live" and run.code_version is not None:
                on_version[run.code_version] = 1  # a pass of the same code is its second verdict
            continue
        if run.channel == "live":
            day = int(run.at // DAY_S)
            weight = 1.0 if on_day[day] < LIVE_A_DAY else 0.0
            on_day[day] += 1
        else:
            weight = repeat_weight(on_version[run.code_version])
            on_version[run.code_version] += 1
        trials += weight
        passes += weight if run.verdict is Verdict.PASS else 0.0
    return wilson(passes, trials)


def flakiness(runs: Sequence[Exposure]) -> float:
    """Return the share of repeated runs on one known code version whose verdict changed."""
    last: dict[str, Verdict] = {}
    repeats = changes = 0
    for run in runs:
        if run.verdict is Verdict.INCONCLUSIVE or run.code_version is None:
            continue
        before = last.get(run.code_version)
        if before is not None:
            repeats += 1
            changes += before is not run.verdict
        last[run.code_version] = run.verdict
    return changes / repeats if repeats else 0.0
