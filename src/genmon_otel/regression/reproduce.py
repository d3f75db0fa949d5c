"""Build a case from any recorded failure, from its first occurrence on, to replay it now."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from genmon_otel.errors import ConfigurationError, NotFound
from genmon_otel.regression import review
from genmon_otel.regression.cases.case import Case
from genmon_otel.regression.cases.case_reading import CaseError
from genmon_otel.regression.cases.given_outcomes import given_outcome
from genmon_otel.regression.cases.trust import Trust
from genmon_otel.regression.judging.extra_answers import example_of
from genmon_otel.regression.propose import case_from, fullest, with_samples
from genmon_otel.regression.replaying import model_answers
from genmon_otel.store import SqlStore
from genmon_otel.store.rows import FailureRow

_STEP: Final = re.compile(r"(?P<name>.+?)(?:#(?P<number>[1-9][0-9]{0,8}))?\Z", re.S)


@dataclass(frozen=True, slots=True)
class Found:
    """What is replayed."""

    case: Case
    #: What it may ask for.
    trust: Trust
    #: Where it comes from, for people.
    about: str
    #: None for a file.
    failure: FailureRow | None = None


def case_of_failure(store: SqlStore, ref: str) -> Found:
    """Return what to replay of a failure.

    Its case where there is one, with what a reviewer has set; else its best recording.

    Raises:
        NotFound: there is no such failure, or nothing was recorded of it.
    """
    detail = store.failure(ref)
    row = detail.row
    times = "once" if row.occurrence_count == 1 else f"{row.occurrence_count} times"
    about = f"seen {times}"
    if detail.case is not None and detail.case.case:
        try:
            case = review.stored(detail.case)
        except CaseError:
            if not detail.recordings:
                raise
            about += ", its case cannot be read"
        else:
            about += f", its case is {detail.case.state}"
            return Found(case, Trust.of_reviewed(case), about, row)
    if not detail.recordings:
        raise NotFound(f"Failure {row.handle} cannot be replayed. {review.no_recording(detail)}")
    recording = fullest(detail.recordings)
    case = with_samples(
        case_from(review.described(detail), recording), store.success_samples(row.operation)
    )
    if recording.unreplayable:
        about += f", recorded with gaps ({recording.unreplayable})"
    return Found(case, Trust.of_reviewed(case), about, row)


def with_outcome(case: Case, text: str) -> Case:
    """Return a case in which one call of a step gives something else.

    Args:
        case: as recorded.
        text: ``STEP=JSON``, or ``STEP#2=JSON`` for the second call of that name. Without a number
            the call that broke it, else the last one.

    Raises:
        ConfigurationError: no such call was recorded, or the value is no JSON.
    """
    name, index, value = _parsed(case, text)
    step = case.steps[index]
    given = given_outcome(case, name, value)
    if step.adapter and step.adapter != "program" and isinstance(step.arguments, Mapping):
        content_type, body = model_answers.answer(step.arguments, name, value)
        outcome = {"status": 200, "headers": {"content-type": content_type}, "body": body}
        given = replace(given, outcome=outcome, adapter=step.adapter)
    steps = list(case.steps)
    steps[index] = replace(
        given, arguments=step.arguments, digest=step.digest, site=step.site, name=name,
        started_s=step.started_s, is_async=step.is_async,
        ended_s=step.started_s if step.ended_s is None else step.ended_s,
    )  # fmt: skip
    trigger = case.trigger
    if index == trigger.step and trigger.kind == "fault":
        # It does not fail any more, so it is not repeated.
        trigger = replace(trigger, kind="content", persistent=False, repeats=0)
    return replace(case, steps=tuple(steps), trigger=trigger)


def _parsed(case: Case, text: str) -> tuple[str, int, object]:
    for at, sign in enumerate(text):
        if sign != "=":
            continue
        found = _STEP.match(text[:at])
        calls = [] if found is None else _calls(case, found["name"])
        if not calls or found is None:
            continue
        try:
            value = json.loads(text[at + 1 :])
        except ValueError:
            raise ConfigurationError(
                f"{text[at + 1 :][:80]!r} is no JSON. For example: --set {example(case, found['name'])}"
            ) from None
        if found["number"] is None:
            own = case.trigger.step
            return found["name"], own if own in calls else calls[-1], value
        number = int(found["number"])
        if number > len(calls):
            raise ConfigurationError(
                f"Step {found['name']!r} was called {len(calls)} times; there is no call {number}."
            )
        return found["name"], calls[number - 1], value
    known = ", ".join(dict.fromkeys(step.name for step in case.steps)) or "none"
    raise ConfigurationError(
        f"{text[:80]!r} is not STEP=JSON with a recorded step. Recorded: {known}."
    )


def _calls(case: Case, name: str) -> list[int]:
    return [index for index, step in enumerate(case.steps) if step.name == name]


def example(case: Case, name: str) -> str:
    """Return a value for ``--set``, quoted for a shell."""
    return shlex.quote(f"{name}={example_of(case, name)}")
