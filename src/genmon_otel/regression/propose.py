"""From a failure and its recordings to a proposed case.

Pure: what a case looks like is decided here, whether one is due is the store's
business, whether it is any good the reproduction check's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from genmon_otel.exchanges import is_fault
from genmon_otel.records import (
    ENVIRONMENT_CATEGORIES,
    Recording,
    StepRecord,
    SuccessSample,
    Tree,
    Trigger,
)
from genmon_otel.regression.case import Case, CaseTrigger, Donor, Expected, Provenance

#: Characters of a slug before the handle, and of the handle in it. A case allows 120 in all.
_SLUG_LENGTH: Final = 80
_HANDLE_LENGTH: Final = 30
#: Donors kept of one step name.
_DONORS_A_STEP: Final = 3


def propose(failure: Mapping[str, Any], recordings: Sequence[Recording]) -> Mapping[str, Tree]:
    """Build a case from a failure's row and its recordings, best recording first.

    Implements :class:`genmon_otel.ports.Propose`.

    Args:
        failure: the failure's row: its names, counts and times.
        recordings: what is kept of its generations; replayable ones first, newest first.

    Returns:
        The case as JSON-able data; empty when nothing was recorded.
    """
    if not recordings:
        return {}
    return case_from(failure, fullest(recordings)).to_dict()


def fullest(recordings: Sequence[Recording]) -> Recording:
    """Return the recording in which most of the steps' questions were asked.

    A cache above a step (``functools.lru_cache``) asks once a process; a replay, which is a
    process of its own, asks again, and only the first generation's recording has the answer.
    Of equals the first, of those that can be replayed if there are any.
    """
    replayable = [each for each in recordings if not each.unreplayable] or recordings
    return max(replayable, key=_questions)


def _questions(recording: Recording) -> tuple[int, int]:
    """Count the distinct steps, by name, and by name and arguments."""
    asked = {(step.name, step.digest) for step in recording.steps}
    return len({name for name, _ in asked}), len(asked)


def case_from(failure: Mapping[str, Any], recording: Recording) -> Case:
    """Make the case of one recording."""
    category = str(failure["category"])
    return Case(
        slug=slug(failure),
        operation=recording.operation,
        target=recording.target,
        root=recording.root,
        inputs=recording.inputs,
        steps=recording.steps,
        trigger=_trigger(recording, category),
        expected=Expected(
            signature=str(failure["signature"]),
            category=str(failure.get("rules_category") or category),  # as its signature has it
            error_type=str(failure["error_type"]),
            error_message=str(failure["error_message"]),
            stage=str(failure.get("stage") or ""),
        ),
        duration_s=recording.duration_s,
        failing_version=recording.code_version,
        provenance=Provenance(
            failure=str(failure["handle"]),
            fingerprint=recording.fingerprint,
            generation_id=recording.generation_id,
            first_seen_at=failure.get("first_seen_at"),
            last_seen_at=failure.get("last_seen_at"),
            occurrences=int(failure.get("occurrence_count") or 0),
            users_hit=int(failure.get("user_count") or 0),
            projects_hit=int(failure.get("project_count") or 0),
        ),
    )


def slug(failure: Mapping[str, Any]) -> str:
    """Name a case's file: operation, exception and handle, in letters that are safe in file names."""
    error = str(failure["error_type"]).rpartition(".")[2]
    words = [str(failure["operation"]).rpartition(".")[2], error]
    head = re.sub(r"[^a-z0-9_]+", "-", "-".join(words).lower()).strip("-_")
    tail = re.sub(r"[^a-z0-9]+", "-", str(failure["handle"]).lower()).strip("-")
    return f"{head[:_SLUG_LENGTH] or 'case'}-{tail[:_HANDLE_LENGTH] or 'x'}"


def with_samples(case: Case, samples: Sequence[SuccessSample]) -> Case:
    """Add to a case the result shapes and donors of successful generations."""
    donors: list[Donor] = []
    taken: dict[str, int] = {}
    for sample in samples:
        for step in sample.steps:
            if answered(step) and taken.get(step.name, 0) < _DONORS_A_STEP:
                taken[step.name] = taken.get(step.name, 0) + 1
                donors.append(Donor(sample.generation_id, step))
    return replace(
        case,
        success_shapes=tuple(sample.shape for sample in samples),
        donors=tuple(donors),
    )


def answered(step: StepRecord) -> bool:
    """Whether a step gave a value, or a stream that neither broke off nor hung, and no fault."""
    if is_fault(step):
        return False
    if step.kind == "stream":
        return step.stream_error is None and step.ended_s is not None
    return step.kind == "value"


def _trigger(recording: Recording, category: str) -> CaseTrigger:
    """Return the trigger. An environment's fault is temporary; any other fault meets each retry."""
    index = recording.trigger_step
    if index is None:
        return CaseTrigger(kind="input")
    step = recording.steps[index]
    kind: Trigger = "content" if answered(step) else "fault"
    return CaseTrigger(
        kind=kind,
        step=index,
        persistent=kind == "fault" and category not in ENVIRONMENT_CATEGORIES,
    )
