"""Judge one run of a case: a pure function that lists what a pass needs.

A pass needs positive evidence of each kind: the target was called, the
trigger was met, nothing failed, and the result looks like those of successful
generations. Whatever is missing makes the run inconclusive, never a pass.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from genmon_otel.policy import Verdict
from genmon_otel.records import (
    ENVIRONMENT_CATEGORIES,
    FINGERPRINT_VERSION,
    Outcome,
    Tree,
    is_of_other_version,
)
from genmon_otel.regression.cases.case import Case
from genmon_otel.regression.judging.observation import Observation, Reason
from genmon_otel.regression.judging.substitutes import has_substitute, is_supported, why_unsupported

#: Members that a shape's default postcondition compares.
_MAX_NAMED: Final = 5
#: Weight of a pass of which less was seen than of others.
_LESS: Final = 0.25


@dataclass(frozen=True, slots=True)
class Judgement:
    """The verdict, and its reason in a sentence."""

    verdict: Verdict
    detail: str
    reason: Reason = ""
    #: What a pass counts for in the confidence.
    weight: float = 1.0


def judge(case: Case, seen: Observation) -> Judgement:
    """Decide what a run showed.

    Args:
        case: what was replayed.
        seen: what happened.
    """
    if seen.obstacle is not None:
        return _inconclusive(*seen.obstacle)
    if seen.generations == 0 or seen.outcome is None:
        return _inconclusive(
            "not_called",
            f"No generation of {case.operation!r} ended in the run: {case.target} is not decorated "
            f"with it any more. Give it name={case.operation!r} again, or name its successor with: "
            "genmon cases rebind OLD NEW",
        )
    if seen.outcome is Outcome.SUCCESS:
        if seen.escaped:
            return Judgement(Verdict.FAIL_OTHER, f"{seen.escaped} left the target")
        if seen.other_failures:
            return Judgement(Verdict.FAIL_OTHER, f"Failed within: {seen.other_failures[0]}")
        found = _success(case, seen)
    else:
        found = _failure(case, seen)
    return _weighed(case, seen, _doubted(case, seen, found))


def _doubted(case: Case, seen: Observation, found: Judgement) -> Judgement:
    """Make a failure inconclusive if another answer than the recorded one may have caused or kept it."""
    if found.verdict is Verdict.FAIL_SAME and seen.prompt_changed:
        name = seen.prompt_changed
        return _inconclusive(
            "prompt",
            f"prompt changed: {name} was asked something else than recorded, and the recorded answer "
            f"to the old request still breaks it ({found.detail}). Ask the real model: "
            f"genmon cases run {case.ref} --live 5",
        )
    if found.verdict is Verdict.FAIL_OTHER and seen.foreign_donor and not _skipped(case, seen):
        name = seen.foreign_donor
        return _inconclusive(
            "donor",
            f"It failed otherwise ({found.detail}), but {name} was answered as in a successful "
            "generation that had asked something else. Say what it answers here: genmon cases "
            f"approve {case.ref} --recovery {shlex.quote(f'{name}=JSON')}",
        )
    return found


def _weighed(case: Case, seen: Observation, found: Judgement) -> Judgement:
    """Reduce the weight of a pass with weaker evidence, and say why."""
    if found.verdict is not Verdict.PASS:
        return found
    why = []
    if seen.drifted:
        why.append(f"its requests differ from the recorded ones ({seen.drift or 'drifted'})")
    if seen.donor_for_trigger:
        why.append("what broke it was answered as in a successful generation when asked again")
    own = own_step(case)
    if case.fails_as is None and own and own not in seen.answered_after:
        why.append(f"{own} never answered after it had failed")
    if case.trigger.step is None and case.postcondition is None and seen.depends is None:
        why.append("its result does not depend on the input")
    said = f"{found.detail} It counts a quarter: {'; '.join(why)}."
    return replace(found, detail=said, weight=_LESS) if why else found


def own_step(case: Case) -> str:
    """Return the trigger's step if it raised because of its input, such as a failed build; else empty."""
    trigger = case.trigger
    if trigger.kind != "fault" or trigger.step is None:
        return ""
    is_own = case.expected.category not in ENVIRONMENT_CATEGORIES
    return case.steps[trigger.step].name if is_own else ""


def _failure(case: Case, seen: Observation) -> Judgement:
    failed = seen.failed
    if (
        failed is not None
        and seen.outcome is Outcome.FAILURE
        and failed.signature == case.expected.signature
    ):
        return Judgement(
            Verdict.FAIL_SAME,
            f"{failed.error_type} ({failed.category}) again: {failed.error_message[:200]}"
            + _of_a_program(case, seen),
        )
    if _declared(case.fails_as, seen):
        if not seen.trigger_consumed:
            return _no_trigger(case, seen)
        return Judgement(Verdict.PASS, f"It failed as declared: {case.fails_as}")
    what = f"{failed.error_type}: {failed.error_message[:200]}" if failed else seen.escaped
    if is_of_other_version(case.expected.signature):
        return _inconclusive(
            "superseded",
            f"It failed ({what}), but the case names its failure by fingerprints "
            f"{case.expected.signature.partition(':')[0]}, and this genmon makes "
            f"{FINGERPRINT_VERSION}. Run: genmon cases verify {case.ref}; then delete the case's "
            "file, if it has one, and run: genmon cases export FOLDER",
        )
    return Judgement(Verdict.FAIL_OTHER, f"{seen.outcome}: {what or 'no exception was seen'}")


def _of_a_program(case: Case, seen: Observation) -> str:
    """Say how to find out whether a program would now answer differently; empty where no program failed, or it ran."""
    index = case.trigger.step
    if index is None or case.steps[index].adapter != "program" or not seen.served:
        return ""
    return (
        f" ({case.steps[index].name} is served as it was recorded, whatever files it is given. If the fix gives it "
        f"others, run it for real: genmon cases run {case.ref} --live 1)"
    )


def _declared(fails_as: str | None, seen: Observation) -> bool:
    if fails_as is None:
        return False
    if fails_as == seen.outcome:
        return True
    if seen.failed is None or seen.outcome is not Outcome.FAILURE:
        return False
    error_type = seen.failed.error_type
    return fails_as in (
        seen.failed.category,
        error_type,
        error_type.rpartition(".")[2],
        error_type.rpartition(":")[2],
    )


def _success(case: Case, seen: Observation) -> Judgement:
    if case.fails_as is not None:
        return Judgement(
            Verdict.FAIL_OTHER,
            f"It succeeded, but the case declares that it fails: {case.fails_as}",
        )
    if not seen.trigger_consumed:
        return _no_trigger(case, seen)
    if skipped := _skipped(case, seen):
        return Judgement(Verdict.FAIL_OTHER, skipped)
    if case.postcondition is not None:
        if seen.postcondition is None:
            return _inconclusive("postcondition", f"{case.postcondition} did not run.")
        if seen.postcondition:
            return Judgement(
                Verdict.FAIL_OTHER, f"{case.postcondition} refused it: {seen.postcondition}"
            )
        return Judgement(
            Verdict.PASS, f"It succeeded, and {case.postcondition} accepts the result."
        )
    if not case.success_shapes:
        return _inconclusive(
            "postcondition",
            "It succeeded, but nothing says what success looks like: no successful result of "
            f"{case.operation!r} was sampled. Name a function with: genmon cases approve {case.ref} "
            "--postcondition package.module:function",
        )
    if fault := unlike(seen.result_shape, case.success_shapes, count=not seen.read_on):
        came, like = _described(seen.result_shape), _described(case.success_shapes[0])
        return Judgement(
            Verdict.FAIL_OTHER,
            f"The result is not what success looks like: {fault}. It is {came}; successful ones are "
            f"like {like}.",
        )
    substitutes, shape = seen.substitutes, seen.result_shape
    if not is_supported(case, substitutes, shape, seen.depends):
        return _inconclusive(
            "postcondition", why_unsupported(case, substitutes, shape, seen.objection)
        )
    return Judgement(
        Verdict.PASS, "It succeeded with a result like those of successful generations."
    )


def _skipped(case: Case, seen: Observation) -> str:
    """Say which step is left out that every sampled success has; empty where none is."""
    own = own_step(case)
    if (
        own in case.asked_after
        and own not in seen.answered_after
        and case.postcondition is None
        and not has_substitute(case, seen.substitutes)
    ):
        return (
            f"It succeeded, but {own} never answered after it had failed: the error is swallowed, or "
            "the step is skipped. In every sampled success it answers. If that is right, say so by "
            "a postcondition"
        )
    itself = "" if case.trigger.step is None else case.steps[case.trigger.step].name
    if left_out := set(case.asked_after) - {itself, *seen.served_after}:
        return (
            f"It succeeded, but did not ask for {_few(left_out)} after what broke it, as every sampled "
            "success does"
        )
    return ""


def unlike(result: Tree, samples: Sequence[Tree], *, count: bool = True) -> str:
    """Say how a result's shape differs from what all successful ones have; empty when it does not.

    Args:
        result: shape of the result.
        samples: shapes of successful results.
        count: whether a stream must have as many items as the shortest of them.
    """
    if not isinstance(result, Mapping):
        return "no result was seen"
    known = [sample for sample in samples if isinstance(sample, Mapping)]
    if not known:
        return "no sample can be read"
    kinds = {str(sample.get("type")) for sample in known}
    if _class_name(result) not in map(_class_name, known):
        return (
            f"its type is {result.get('type')}, not {' or '.join(sorted(kinds))}. If it was only renamed, "
            "say what is right by a postcondition"
        )
    if result.get("empty") and not any(sample.get("empty") for sample in known):
        return "it is empty"
    counts = [sample.get("items") for sample in known]
    if count and (fewest := min((n for n in counts if isinstance(n, int)), default=0)):
        items = result.get("items")
        if not isinstance(items, int) or items < fewest:
            return (
                f"it streamed {items} items, successful ones at least {fewest}. If fewer are right, "
                "say so by a postcondition"
            )
    lost = _in_all(known, "keys") - _names(result, "keys")
    if lost:
        return f"it lacks {_few(lost)}"
    if emptied := _in_all(known, "non_empty") & _names(result, "empties"):
        return f"empty now: {_few(emptied)}"
    return ""


def _class_name(shape: Mapping[str, Any]) -> str:
    """Return the name of a shape's class without its module: a class that was moved is still the same."""
    return str(shape.get("type")).rpartition(":")[2]


def _described(shape: Tree) -> str:
    """Say what a shape is: its type, its keys, and what is empty in it."""
    if not isinstance(shape, Mapping):
        return "nothing"
    text = str(shape.get("type", "?"))
    if keys := _names(shape, "keys"):
        text += f" with {_few(keys)}"
    if isinstance(count := shape.get("items"), int):
        text += f" of {count} items"
    if shape.get("empty"):
        text += ", empty"
    elif emptied := _names(shape, "empties"):
        text += f", in it empty: {_few(emptied)}"
    return text


def _in_all(samples: Sequence[Mapping[str, Any]], member: str) -> set[str]:
    return set.intersection(*(_names(sample, member) for sample in samples))


def _names(sample: Mapping[str, Any], member: str) -> set[str]:
    names = sample.get(member)
    return {str(name) for name in names} if isinstance(names, (list, tuple)) else set()


def _few(names: set[str]) -> str:
    shown = ", ".join(repr(name) for name in sorted(names)[:_MAX_NAMED])
    return shown + (f" and {len(names) - _MAX_NAMED} more" if len(names) > _MAX_NAMED else "")


def _no_trigger(case: Case, seen: Observation) -> Judgement:
    index = case.trigger.step
    name = case.steps[index].name if index is not None else "the input"
    return _inconclusive(
        "trigger",
        f"The outcome that made it fail was never met: step {name!r} was not asked for it "
        f"(asked: {', '.join(seen.steps[:20]) or 'nothing'}). If its request was both rewritten and moved to "
        f"another function, undo one of the two, genmon cases refresh {case.ref}, and redo it; if the code "
        f"does without it for good: genmon cases retire {case.ref}.",
    )


def _inconclusive(reason: Reason, detail: str) -> Judgement:
    return Judgement(Verdict.INCONCLUSIVE, detail, reason)
