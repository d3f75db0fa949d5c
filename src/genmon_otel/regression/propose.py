"""Build a proposed case from a failure and its recordings.

Pure functions. The store decides when a case is due, the reproduction check whether it is
usable.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from genmon_otel.records import (
    ENVIRONMENT_CATEGORIES,
    Category,
    Recording,
    StepRecord,
    SuccessSample,
    Tree,
    Trigger,
)
from genmon_otel.regression.cases.case import Case, CaseTrigger, Donor, Expected, Provenance
from genmon_otel.regression.cases.feeding import answered
from genmon_otel.regression.cases.refusals import refuses_request
from genmon_otel.regression.judging.substitutes import kinds

#: Characters of a slug before the handle, and of the handle in it. A case allows 120 in all.
_SLUG_LENGTH: Final = 80
_HANDLE_LENGTH: Final = 30
#: Generations whose step outcomes a case has as donors, and the steps of them all.
_DONATING: Final = 3
_DONORS: Final = 600
#: Categories of what a model's answer is like, not of what a build or a file is like.
_OF_ANSWERS: Final = ("validation_error", "syntax_error")


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
    """Add to a case the result shapes, donors and step names of successful generations.

    Args:
        case: without them.
        samples: of its operation, newest first.
    """
    donating = [sample for sample in samples if any(map(answered, sample.steps))]
    donors = [
        Donor(sample.generation_id, step)
        for sample in donating[:_DONATING]
        for step in sample.steps
        if answered(step)
    ]
    return replace(
        case,
        success_shapes=tuple(sample.shape for sample in samples),
        asked_after=_asked_after(case, samples),
        own_calls=_own_calls(case, donating),
        own_kinds=_own_kinds(case, donating),
        donors=tuple(donors[:_DONORS]),
    )


def with_newer_donors(case: Case, samples: Sequence[SuccessSample]) -> tuple[Case, int]:
    """Add to a case the donors of generations that succeeded since; what a pass needs stays as it was approved.

    The shapes of successes are added only to a case that has none yet.

    Args:
        case: with the samples that there were when it was made.
        samples: of its operation, newest first.

    Returns:
        The case, and how many generations it has donors of that it did not have.
    """
    known = {donor.generation_id for donor in case.donors}
    fuller = with_samples(case, samples)
    added = [donor for donor in fuller.donors if donor.generation_id not in known]
    if not case.success_shapes:
        case = replace(fuller, donors=case.donors)
    elif not case.donors:
        case = replace(case, own_calls=fuller.own_calls)
    case = replace(
        case,
        own_kinds=tuple(sorted({*case.own_kinds, *fuller.own_kinds})),
        donors=(*added, *case.donors)[:_DONORS],
    )
    return case, len({donor.generation_id for donor in added})


def _asked_after(case: Case, samples: Sequence[SuccessSample]) -> tuple[str, ...]:
    """Names of the steps that every success asked for after the trigger's, and its own name."""
    if case.trigger.step is None or not samples:
        return ()
    own = case.steps[case.trigger.step].name
    after: list[set[str]] = []
    for sample in samples:
        if own not in sample.asked:
            return ()
        last = len(sample.asked) - 1 - sample.asked[::-1].index(own)
        after.append(set(sample.asked[last:]))
    return tuple(sorted(set.intersection(*after)))


def _own_calls(case: Case, samples: Sequence[SuccessSample]) -> int:
    """How often each success has an answer of the trigger's step, at the least.

    A call that failed and was made again counts once: it is one request.
    """
    if case.trigger.step is None:
        return 0
    own = case.steps[case.trigger.step].name
    answers = (sum(s.name == own and answered(s) for s in sample.steps) for sample in samples)
    return min(answers, default=0)


def _own_kinds(case: Case, samples: Sequence[SuccessSample]) -> tuple[str, ...]:
    if case.trigger.step is None:
        return ()
    name = case.steps[case.trigger.step].name
    return kinds(name, (step for sample in samples for step in sample.steps))


def _trigger(recording: Recording, category: str) -> CaseTrigger:
    """Return the trigger. An environment's fault is temporary, unless it refuses the request for what it says.

    Any other meets each equal request.
    """
    index = recording.trigger_step
    if index is None:
        return CaseTrigger(kind="input")
    step = recording.steps[index]
    kind: Trigger = "content" if answered(step) else "fault"
    return CaseTrigger(
        kind=kind,
        step=index,
        persistent=kind == "fault"
        and (
            category not in ENVIRONMENT_CATEGORIES
            or (category == Category.PROVIDER_ERROR and refuses_request(step))
        )
        and not _asks_a_model(recording.steps, index, category),
    )


def _asks_a_model(steps: Sequence[StepRecord], index: int, category: str) -> bool:
    """Whether a step that raised asks a model by itself and digests the answer, which may be better next time.

    Such a step is given no answer of another one, raises what an undigestible answer raises, and
    did so once.
    """
    step = steps[index]
    if step.adapter or category not in _OF_ANSWERS:
        return False
    if any(answered(other) for other in steps[:index]):
        return False
    return sum((s.name, s.digest) == (step.name, step.digest) for s in steps) == 1
