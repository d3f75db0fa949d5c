"""Confidence and flakiness of a case, computed from its runs alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from genmon_otel.policy import DAY_S, LIVE_RUNS_PER_DAY, Verdict, repeat_weight, wilson_lower_bound

#: Newest runs of one case that are used.
MAX_RUNS: Final = 500


@dataclass(frozen=True, slots=True)
class PastRun:
    """The parts of one run that confidence and flakiness depend on. ``at`` is Unix seconds."""

    channel: str
    code_version: str | None
    verdict: Verdict
    at: float
    #: The weight of a pass, which is below 1 where its evidence is weaker.
    weight: float = 1.0


def confidence(runs: Iterable[PastRun]) -> float:
    """Compute the Wilson lower bound of the weighted passes since the last ``fail_same``.

    A ``fail_same`` resets the counts; its code version has then had its first verdict.
    ``inconclusive`` runs are ignored. The first verdict on a code version weighs 1, each of the
    next four a quarter, later ones 0; a pass with weaker evidence at most its
    own weight. A live run weighs 1, for the first five of a day.

    Args:
        runs: oldest first.

    Returns:
        0 to 1; 0 without a weighted run.
    """
    passes = trials = 0.0
    verdicts_on_version: Counter[str | None] = Counter()
    live_runs_on_day: Counter[int] = Counter()
    for run in runs:
        if run.verdict is Verdict.INCONCLUSIVE:
            continue
        if run.verdict is Verdict.FAIL_SAME:
            passes = trials = 0.0
            verdicts_on_version.clear()
            live_runs_on_day.clear()
            if run.channel != "live" and run.code_version is not None:
                verdicts_on_version[run.code_version] = 1
            continue
        if run.channel == "live":
            day = int(run.at // DAY_S)
            weight = 1.0 if live_runs_on_day[day] < LIVE_RUNS_PER_DAY else 0.0
            live_runs_on_day[day] += 1
        else:
            weight = repeat_weight(verdicts_on_version[run.code_version])
            if run.verdict is Verdict.PASS:
                weight = min(weight, run.weight)
            verdicts_on_version[run.code_version] += 1
        trials += weight
        passes += weight if run.verdict is Verdict.PASS else 0.0
    return wilson_lower_bound(passes, trials)


def flakiness(runs: Sequence[PastRun]) -> float:
    """Compute the share of repeated runs on one code version whose verdict differs from the last.

    ``inconclusive`` runs and those on an unknown version are ignored. 0 to 1; 0 without repeats.
    """
    last_verdict: dict[str, Verdict] = {}
    repeats = changes = 0
    for run in runs:
        if run.verdict is Verdict.INCONCLUSIVE or run.code_version is None:
            continue
        before = last_verdict.get(run.code_version)
        if before is not None:
            repeats += 1
            changes += before is not run.verdict
        last_verdict[run.code_version] = run.verdict
    return changes / repeats if repeats else 0.0
