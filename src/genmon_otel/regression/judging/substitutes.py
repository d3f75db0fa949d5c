"""Decide whether a success is based on an answer, or made up by the code itself.

A fix that catches the error and returns a constant also gives a well-shaped result. A real result
is based on an answer: a *substitute*, which is another answer in the place of the
trigger's, by the same step or by one of the same role; or the answer that broke it, now handled correctly.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final

from genmon_otel.exchanges import endpoint_of
from genmon_otel.records import StepRecord, Tree
from genmon_otel.regression.cases.case import Case
from genmon_otel.regression.cases.feeding import answered

_EMPTY: Final[tuple[Any, ...]] = (None, "", [], {})


def may_substitute(case: Case, record: StepRecord, causes: Collection[str] = ()) -> bool:
    """Whether an outcome beyond the recording is a substitute for the trigger's.

    It is where the same step gives it, or a step of its role: one that answers in the same kind,
    and that successful generations do not ask after it anyway.

    Args:
        case: what is replayed.
        record: that answered, after the trigger was met.
        causes: names of the steps that had answered what the failure came from: a check is not made by
            asking again for what is checked.
    """
    if case.trigger.step is None:
        return False
    own = case.steps[case.trigger.step]
    if own.adapter and record.adapter and _is_another_call(case, record, own):
        return False
    if record.name == own.name:
        return True
    if case.trigger.kind == "fault" and record.name in causes:
        return False
    if record.name in case.asked_after or (not record.adapter and record.outcome in _EMPTY):
        return False
    if own.adapter and record.adapter:
        return _role(own.name) == _role(record.name)
    if record.adapter:
        return True
    known = case.own_kinds or kinds(own.name, (donor.step for donor in case.donors))
    return kind_of(record.outcome) in known


def _is_another_call(case: Case, record: StepRecord, own: StepRecord) -> bool:
    """Whether a step calls another recorded endpoint than the trigger did.

    Endpoints of one host may share a step's name, ``POST example.com``; the answer of one is none of the other.
    """
    failed, asked = _endpoint(own), _endpoint(record)
    return asked != failed and asked in map(_endpoint, case.steps)


def _endpoint(step: StepRecord) -> str:
    return (
        endpoint_of(step.arguments) if step.adapter and isinstance(step.arguments, Mapping) else ""
    )


def _role(name: str) -> str:
    """Return the role of an automatic step: ``chat`` for any provider; of another endpoint its method."""
    method, _, rest = name.partition(" ")
    return method if method.isupper() else rest


def kinds(name: str, steps: Iterable[StepRecord]) -> tuple[str, ...]:
    """Return the kinds of values that a decorated step answers in some steps."""
    return tuple(
        sorted(
            {kind_of(s.outcome) for s in steps if s.name == name and not s.adapter and answered(s)}
        )
    )


def kind_of(tree: Tree) -> str:
    """Return the type of a recorded value, as a word."""
    if isinstance(tree, dict) and "$" in tree:
        return f"{tree['$']} {tree.get('type', '')}"
    return type(tree).__name__


def has_content(case: Case, result: Tree) -> bool:
    """Whether the trigger answered something that a fix may use better.

    The beginning of a stream is that where the target streams as well: what its caller has got by then
    cannot be taken back. A value that is made of a beginning would pass for a whole one.

    Args:
        case: what was replayed.
        result: shape of the result.
    """
    if case.trigger.step is None:
        return False
    step = case.steps[case.trigger.step]
    streams = isinstance(result, Mapping) and result.get("type") == "stream"
    return case.trigger.kind == "content" or (
        streams and step.kind == "stream" and bool(step.outcome)
    )


def is_supported(
    case: Case, substitutes: Sequence[str], result: Tree, depends: bool | None
) -> bool:
    """Whether a success rests on an answer, or on the input where that broke it.

    Args:
        case: what was replayed.
        substitutes: names of the steps that gave substitutes for the trigger's answer.
        result: shape of the result.
        depends: whether the result follows what it must rest on; None: that was not tried, there is
            nothing in it that can be changed, or nothing speaks against a result that does not.
    """
    if depends is False:
        return False
    return (
        case.trigger.step is None or has_content(case, result) or has_substitute(case, substitutes)
    )


def has_substitute(case: Case, substitutes: Sequence[str]) -> bool:
    """Whether there was a substitute, apart from the answers that follow the trigger in every success."""
    return bool(indices_of_substitutes(case, substitutes))


def indices_of_substitutes(case: Case, substitutes: Sequence[str]) -> list[int]:
    """Return the indices of the substitutes that count.

    Of the trigger's own step as many do not as follow it in every success, too.
    """
    if case.trigger.step is None:
        return []
    own = case.steps[case.trigger.step].name
    following = max(0, case.own_calls - len(_asked_before(case, case.trigger.step)))
    count = substitutes.count(own) - following
    others = [index for index, name in enumerate(substitutes) if name != own]
    if others:  # another step took its part
        return list(range(len(substitutes)))
    return list(range(max(0, count)))


def _asked_before(case: Case, trigger: int) -> set[str]:
    """Return the requests of the trigger's step that do not follow from its answer: it and concurrent ones."""
    step = case.steps[trigger]
    until = step.started_s if step.ended_s is None else step.ended_s
    return {
        other.digest
        for index, other in enumerate(case.steps)
        if other.name == step.name and (index <= trigger or other.started_s < until)
    }


def why_unsupported(case: Case, substitutes: Sequence[str], result: Tree, objection: str) -> str:
    """Say what a success that rests on no answer lacks, and what to do where it is right all the same.

    Args:
        case: what was replayed.
        substitutes: names of the steps that gave substitutes for the trigger's answer.
        result: shape of the result.
        objection: further evidence against the result.
    """
    if case.trigger.step is None:
        what = f"the result does not depend on the input, and {objection}"
    else:
        own = case.steps[case.trigger.step].name
        if has_substitute(case, substitutes):
            what = f"the result does not depend on what {substitutes[0]} answered in the place of {own}"
        elif has_content(case, result):
            what = (
                f"no step answered in the place of what {own} answered, and the result does not depend "
                "on it"
            )
        else:
            what = f"nothing answered in the place of {own}, which had failed"
        what += f" ({objection})" if objection else ""
    return (
        f"It succeeded, but {what}: the code made the result up. If that is right, name a function that "
        f"says what a right result is: genmon cases approve {case.ref} --postcondition "
        "package.module:function"
    )
