"""Match calls whose request was reworded and which were moved to another function.

Neither request nor call site matches the recording then. A second replay, made only where the first does not
pass, ignores the call sites of the steps that were not served and asks for similar words instead. Its run is drifted.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from genmon_otel.policy import Verdict
from genmon_otel.regression.cases.case import Case
from genmon_otel.regression.judging.observation import Observation
from genmon_otel.regression.judging.verdict import judge


def with_moved_calls(
    case: Case, seen: Observation, observe: Callable[[Case], Observation]
) -> tuple[Case, Observation]:
    """Return a case and what a replay of it showed, with moved calls found where that brings the replay nearer.

    Args:
        case: what was replayed.
        seen: what that showed.
        observe: replays a case.
    """
    served = {index for _, index in seen.served}
    lost = {
        index
        for index, step in enumerate(case.steps)
        if step.adapter and step.site and index not in served
    }
    is_unrecorded = seen.obstacle is not None and seen.obstacle[0] == "unrecorded"
    if not lost or not (is_unrecorded or -1 in served):
        return case, seen
    if judge(case, seen).verdict is Verdict.PASS:
        return case, seen
    steps = (replace(step, site="") if i in lost else step for i, step in enumerate(case.steps))
    moved = replace(case, steps=tuple(steps))
    other = observe(moved)
    is_nearer = other.trigger_consumed and len(_recorded(other)) > len(_recorded(seen))
    return (moved, other) if is_nearer else (case, seen)


def _recorded(seen: Observation) -> set[int]:
    return {index for _, index in seen.served if index >= 0}
