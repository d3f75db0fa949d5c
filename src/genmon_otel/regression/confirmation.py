"""Confirm which answer a failure came from: with a good answer in its place the failure must vanish.

An exception seldom says which of several answers the code could not use. The recorder's trigger is
tried first, then the other answers, last one first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final

from genmon_otel.exchanges import endpoint_of
from genmon_otel.records import Outcome, StepRecord
from genmon_otel.regression.cases.case import Case
from genmon_otel.regression.cases.feeding import answered
from genmon_otel.regression.judging.run_result import RunResult

#: Replays that are made to find it.
MOST_REPLAYS: Final = 20


def confirmed(case: Case, run: Callable[[Case], RunResult]) -> Case:
    """Return the case with the answer that the failure came from as its trigger, and whether that is sure.

    ``trigger.confirmed`` is None where it cannot be tried: no successful generation left an answer to put there.

    Args:
        case: one whose failure was reproduced.
        run: replays a case.
    """
    trigger = case.trigger
    if trigger.kind != "content" or trigger.step is None:
        return case
    tried = 0
    for index in _candidates(case, trigger.step):
        if (good := _good_answer(case, index)) is None or tried >= MOST_REPLAYS:
            continue
        tried += 1
        if _vanishes(run(_with_step(case, index, good))):
            return replace(case, trigger=replace(trigger, step=index, confirmed=True))
    return replace(case, trigger=replace(trigger, confirmed=False if tried else None))


def _candidates(case: Case, first: int) -> Iterator[int]:
    yield first
    for index in range(len(case.steps) - 1, -1, -1):
        if index != first and answered(case.steps[index]):
            yield index


def _good_answer(case: Case, index: int) -> StepRecord | None:
    """Return the donor's answer to an equal request, or at the same place."""
    step = case.steps[index]
    known = [donor.step for donor in case.donors if _has_same_form(donor.step, step)]
    known = [donor for donor in known if donor.outcome != step.outcome]
    return min(
        known,
        key=lambda donor: (donor.digest != step.digest, donor.site != step.site),
        default=None,
    )


def _has_same_form(donor: StepRecord, step: StepRecord) -> bool:
    if donor.name != step.name or donor.adapter != step.adapter or donor.kind != step.kind:
        return False
    return not step.adapter or endpoint_of(_request(donor)) == endpoint_of(_request(step))


def _request(step: StepRecord) -> dict[str, object]:
    return dict(step.arguments) if isinstance(step.arguments, dict) else {}


def _with_step(case: Case, index: int, good: StepRecord) -> Case:
    step = replace(
        case.steps[index], outcome=good.outcome, stream_error=good.stream_error, cut=good.cut
    )
    return replace(case, steps=(*case.steps[:index], step, *case.steps[index + 1 :]))


def _vanishes(result: RunResult) -> bool:
    """Whether a replay got past the failure: to its end, or to a request that was not recorded.

    Another failure proves nothing: a good answer to another question breaks the code elsewhere.
    """
    return result.outcome is Outcome.SUCCESS or (
        result.signature is None and result.reason == "unrecorded"
    )
