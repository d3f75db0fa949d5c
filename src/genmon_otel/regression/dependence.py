"""Find out whether a result depends on what it must rest on: change that, and look.

A fix that reads a bad answer better, or asks again, gives another result where a word of the answer is
another one. One that swallows the error and makes a result up gives the same. The answer, or the input,
stays as bad as it was: only letters become other letters, one word at a time.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain, islice, product
from typing import Any, Final

from genmon_otel.policy import Verdict
from genmon_otel.records import Outcome, StepRecord
from genmon_otel.regression.case import Case
from genmon_otel.regression.feeding import answered, texts_answered
from genmon_otel.regression.foundation import has_content, is_answered_instead
from genmon_otel.regression.grounds import RECOVERY
from genmon_otel.regression.verdict import Observation, judge

#: Replays that are made to see it.
MOST_REPLAYS: Final = 16
#: The last words of the answer that are tried first: the contents of a document come last.
_LAST: Final = 6
_WORD: Final = re.compile(r"[^\W\d_]+|[1-9]\d*")


def is_to_be_tried(case: Case, seen: Observation) -> bool:
    """Whether a run would pass, and only what its result rests on is left to be shown."""
    return (
        seen.outcome is Outcome.SUCCESS
        and seen.effect != ""
        and case.postcondition is None
        and judge(case, seen).verdict is Verdict.PASS
    )


def depends(
    case: Case,
    seen: Observation,
    observe: Callable[[Case], Observation],
    *,
    most: int = MOST_REPLAYS,
) -> bool | None:
    """Return whether what a run did depends on what it must rest on; None where that cannot be seen.

    It must rest on the input, where that broke the generation; else on what was answered in the place
    of the answer that broke it; else on that very answer.

    Args:
        case: what was replayed.
        seen: a run that succeeded.
        observe: replays a case.
        most: replays that may be made to see one of these.
    """

    def follows(changed: Iterable[Case], effect: str) -> bool | None:
        """Whether the effect is another one for one of the cases; None where there is no case."""
        tried = None
        for other in islice(changed, most):
            tried = False
            run = observe(other)
            if run.outcome is Outcome.SUCCESS and run.effect not in ("", effect):
                return True
        return tried

    if case.trigger.step is None:
        found = follows(_with_other_inputs(case), seen.effect)
        if found is None and seen.rested:
            return follows(_with_other_answers(case, seen), seen.effect)
        return found is True
    if not is_answered_instead(case, seen.answered_instead):
        return follows(changed_cases(case), seen.effect) is True
    found = follows(_with_other_answers(case, seen), seen.effect)
    if found is not False:
        return found
    if has_content(case) and follows(changed_cases(case), seen.effect):
        return True
    # Where nothing breaks, the result may not depend on it either, but on other answers: a page that is
    # published, say.
    if (good := _answered_well(case, seen)) is None:
        return False
    best = observe(good)
    if best.outcome is not Outcome.SUCCESS or is_answered_instead(good, best.answered_instead):
        return False
    names = {name for name, _ in seen.rested}
    if follows(changed_cases(good, names), best.effect):
        return False
    others = {step.name for step in case.steps} - names
    return None if others and follows(changed_cases(good, others), best.effect) else False


def changed_cases(case: Case, names: Collection[str] = ()) -> Iterator[Case]:
    """The case with one word of the triggering outcome replaced, each time another.

    Args:
        case: what is replayed.
        names: of steps whose answers before it are changed after it.
    """
    trigger = case.trigger.step
    if trigger is None:
        return
    before = [i for i in range(trigger) if case.steps[i].name in names and answered(case.steps[i])]
    for index in (trigger, *before):
        for outcome in _changed(case.steps[index], (_other,)):
            yield _with_step(case, index, replace(case.steps[index], outcome=outcome))


def _with_step(case: Case, index: int, step: StepRecord) -> Case:
    return replace(case, steps=(*case.steps[:index], step, *case.steps[index + 1 :]))


def _with_other_answers(case: Case, seen: Observation) -> Iterator[Case]:
    """The case with one word replaced in what answered beyond the recording; the last answer first."""
    for name, donor in reversed(seen.rested):
        if donor == RECOVERY:
            for outcome in _changed(given := case.recovery[name], (_other,)):
                yield replace(
                    case, recovery={**case.recovery, name: replace(given, outcome=outcome)}
                )
            continue
        for outcome in _changed(case.donors[donor].step, (_other,)):
            donors = list(case.donors)
            donors[donor] = replace(
                donors[donor], step=replace(donors[donor].step, outcome=outcome)
            )
            yield replace(case, donors=tuple(donors))


def _with_other_inputs(case: Case) -> Iterator[Case]:
    """The case with one word of its inputs replaced, each time another."""
    given = StepRecord(name="", arguments={}, kind="value", outcome=case.inputs)
    for inputs in _changed(given, (_other, _with_digit)):
        if isinstance(inputs, dict) and set(inputs) == set(case.inputs):
            yield replace(case, inputs=inputs)


def _answered_well(case: Case, seen: Observation) -> Case | None:
    """The case with the first answer that stood in at the place of the one that broke it; None for none."""
    assert case.trigger.step is not None
    own = case.steps[case.trigger.step]
    for name, donor in seen.rested:
        if name == own.name:
            good = case.recovery[name] if donor == RECOVERY else case.donors[donor].step
            ended = own.started_s if own.ended_s is None else own.ended_s
            step = replace(
                own, kind=good.kind, outcome=good.outcome, ended_s=ended,
                stream_error=good.stream_error, cut=good.cut,
            )  # fmt: skip
            return _with_step(case, case.trigger.step, step)
    return None


def _changed(step: StepRecord, ways: Sequence[Callable[[str], str]]) -> Iterator[Any]:
    """The outcome with one word replaced in one of the ways, each time another."""
    text = json.dumps(step.outcome, ensure_ascii=False)
    seen = {text}
    for word, way in product(_words(step), ways):
        # A letter behind a backslash belongs to an escape, unless that is one of a line's end.
        place = rf"(?:(?<![^\W\d_])|(?<=\\[nrt])){re.escape(word)}(?![^\W\d_])"
        try:
            changed = re.sub(place, way(word), text)
            outcome = json.loads(changed)
        except ValueError:
            continue
        if changed not in seen and _tags(outcome) == _tags(step.outcome):
            seen.add(changed)
            yield outcome


def _words(step: StepRecord) -> Iterator[str]:
    """The words of an answer, those of its longest text first; its keys and numbers last."""
    texts = sorted(set(texts_answered(step)), key=len, reverse=True)
    found = list(dict.fromkeys(chain.from_iterable(_in_order(text) for text in texts)))
    if not step.adapter:
        found += _WORD.findall(json.dumps(step.outcome, ensure_ascii=False))
    words = [word for word in dict.fromkeys(found) if not word.isdigit()]
    yield from words
    yield from (word for word in dict.fromkeys(found) if word.isdigit())


def _in_order(text: str) -> list[str]:
    """A text's words: the last ones, then some from everywhere, then the others."""
    words = list(dict.fromkeys(reversed(_WORD.findall(text))))
    last, rest = words[:_LAST], words[_LAST:]
    spread = rest[:: max(1, len(rest) // _LAST)]
    return list(dict.fromkeys([*last, *spread, *rest]))


def _other(word: str) -> str:
    """The word with each letter, or digit, replaced by the next of its kind."""
    return "".join(map(_next, word))


def _with_digit(word: str) -> str:
    """The word with a digit within: what takes the numbers out of a text finds one."""
    middle = len(word) // 2
    return word if word.isdigit() else f"{word[:middle]}7{word[middle:]}"


def _next(character: str) -> str:
    if character.isdigit():
        return (
            character if character == "0" else "8" if character == "9" else chr(ord(character) + 1)
        )
    if character in "zZ":
        return chr(ord(character) - 25)
    following = chr(ord(character) + 1)
    return following if following.isalpha() else character


def _tags(tree: Any) -> list[str]:
    """The tags of typed values in a tree: a changed outcome must have the same."""
    if isinstance(tree, list):
        return [tag for item in tree for tag in _tags(item)]
    if isinstance(tree, dict):
        own = [f"{tree.get('$')} {tree.get('type')}"] if "$" in tree else []
        return own + [tag for item in tree.values() for tag in _tags(item)]
    return []
