"""Find out whether a result depends on the answer or input it must be based on, by changing that.

The result of a fix that handles the bad answer, or asks again, changes when a word of the answer changes.
The result of a fix that swallows the error and makes a result up stays the same. The changed answer, or
input, stays as invalid as it was: only letters become other letters, one word at a time.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain, islice, product
from typing import Any, Final, Protocol

from genmon_otel.policy import Verdict
from genmon_otel.records import Outcome, StepRecord
from genmon_otel.regression.cases.case import Case
from genmon_otel.regression.cases.feeding import answered, texts_answered
from genmon_otel.regression.judging.observation import Observation
from genmon_otel.regression.judging.served_answers import RECOVERY
from genmon_otel.regression.judging.substitutes import has_content, has_substitute
from genmon_otel.regression.judging.verdict import judge

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


#: Evidence against a result.
_VARIES: Final = "it is another one in each run"
_HANDED_ON: Final = "it holds that whole, where successful results do not"


_Run = tuple[Case, Observation]


class Observe(Protocol):
    """Replays a case; on request also watches the run for evidence against its result."""

    def __call__(self, case: Case, *, watch: bool = False) -> Observation: ...


def with_dependence(
    case: Case, seen: Observation, observe: Observe, *, most: int = MOST_REPLAYS
) -> Observation:
    """Return the observation, and whether the run's effects depend on what they must be based on.

    Args:
        case: what was replayed.
        seen: a run that succeeded.
        observe: replays a case.
        most: replays that may be made to see one thing that it may rest on.
    """
    trial = _Trial(case, seen, observe, most)
    found = trial.depends()
    if case.trigger.step is not None or found:
        return replace(seen, depends=found, objection=trial.objection)
    # A default for unknown input is correct and does not depend on the input. Wrong is to swallow the
    # error, or to ignore the input.
    objection = observe(case, watch=True).objection
    return replace(seen, depends=False if objection else None, objection=objection)


class _Trial:
    """Replays of one case with something changed.

    Args:
        case: what was replayed.
        seen: a run that succeeded.
        observe: replays a case.
        most: replays that may be made to see one thing that it may rest on.
    """

    def __init__(self, case: Case, seen: Observation, observe: Observe, most: int) -> None:
        self._case = case
        self._seen = seen
        self._observe = observe
        self._most = most
        #: The evidence against the result.
        self.objection = ""
        #: Whether effects are compared without ids, numbers and times, because two runs of one case differed in them.
        self._compares_masked = False

    def depends(self) -> bool | None:
        """Return whether a run's effects depend on what they must be based on; None where that cannot be seen.

        It must rest on the input, where that broke the generation; else on what was answered in the
        place of the answer that broke it; else on that very answer.
        """
        case, seen = self._case, self._seen
        if case.trigger.step is None:
            found = self._follows(_with_other_inputs(case))
            if found is None and seen.relied_on:
                return self._follows(_with_other_answers(case, seen))
            return found is True
        if not has_substitute(case, seen.substitutes):
            if seen.hands_on and self._is_taken_apart():
                self.objection = _HANDED_ON
                return False
            return self._follows(changed_cases(case)) is True
        found = self._follows(_with_other_answers(case, seen))
        if found is None:
            return self._follows_what_broke()
        if found:
            return True
        if has_content(case, seen.result_shape) and self._follows(changed_cases(case)):
            return True
        return self._follows_others()

    def _follows_what_broke(self) -> bool | None:
        """Whether what is asked in the place of a request that failed follows the same answers as that request.

        For answers in its place that hold no word, such as a check's None. A fix that has made up what it
        checks again asks the same whatever was answered before. None: the request that failed follows no answer.
        """
        case, seen = self._case, self._seen
        if (
            case.trigger.step is None
            or case.trigger.kind != "fault"
            or not seen.substitute_requests
        ):
            return None
        before = [i for i in reversed(range(case.trigger.step)) if answered(case.steps[i])]
        found = None
        for other in islice(_changed_at(case, before), self._most):
            run = self._observe(other)
            if run.outcome is Outcome.SUCCESS and run.trigger_request not in (
                "",
                seen.trigger_request,
            ):
                found = False
                if run.substitute_requests not in ("", seen.substitute_requests):
                    return self._is_steady(
                        self._observe(case).substitute_requests, seen.substitute_requests
                    )
        return found

    def _is_steady(self, again: str, before: str) -> bool:
        """Whether the same case gives the same once more; else a change of it shows nothing."""
        if again != before:
            self.objection = _VARIES
        return not self.objection

    def _is_taken_apart(self) -> bool:
        """Whether a result does not hold the answer whole where a successful generation's is given."""
        good = _answered_well(self._case, self._seen)
        if good is None:
            return False
        best = self._observe(good)
        return best.outcome is Outcome.SUCCESS and not best.hands_on

    def _follows_others(self) -> bool | None:
        """Whether the result follows other answers, where it does not need this one when nothing breaks.

        A page that is published, say. None: it does.
        """
        case, seen = self._case, self._seen
        if (good := _answered_well(case, seen)) is None:
            return False
        best = self._observe(good)
        if best.outcome is not Outcome.SUCCESS or has_substitute(good, best.substitutes):
            return False
        names = {name for name, _ in seen.relied_on}
        if self._follows(changed_cases(good, names), (good, best)):
            return False
        others = {step.name for step in case.steps} - names
        if others and self._follows(changed_cases(good, others), (good, best)):
            return None
        return False

    def _follows(self, changed: Iterable[Case], base: _Run | None = None) -> bool | None:
        """Whether the effect is another one for one of the cases; None where there is no case.

        Args:
            changed: cases with something changed.
            base: the case without it, and a run of that; None: what is tried.
        """
        case, known = base or (self._case, self._seen)
        tried = None
        for other in islice(changed, self._most):
            tried = False
            run = self._observe(other)
            if run.outcome is not Outcome.SUCCESS or not self._differs(run, known):
                continue
            again = self._observe(case)
            if self._differs(again, known) and not self._compares_masked:
                self._compares_masked = True
                if not self._differs(run, known):
                    continue
            return self._is_steady(self._effect(again), self._effect(known))
        return tried

    def _differs(self, run: Observation, known: Observation) -> bool:
        return self._effect(run) not in ("", self._effect(known))

    def _effect(self, run: Observation) -> str:
        return run.masked_effect if self._compares_masked else run.effect


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
    yield from _changed_at(case, (trigger, *before))


def _changed_at(case: Case, indices: Iterable[int]) -> Iterator[Case]:
    """The case with one word of one of these steps' outcomes replaced, each time another."""
    for index in indices:
        for outcome in _changed(case.steps[index], (_other,)):
            yield _with_step(case, index, replace(case.steps[index], outcome=outcome))


def _with_step(case: Case, index: int, step: StepRecord) -> Case:
    return replace(case, steps=(*case.steps[:index], step, *case.steps[index + 1 :]))


def _with_other_answers(case: Case, seen: Observation) -> Iterator[Case]:
    """The case with one word replaced in what answered beyond the recording; the last answer first."""
    for name, donor in reversed(seen.relied_on):
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
    """The case with a good answer at the place of the one that broke it; None where none is known.

    The first that stood in, else the reviewer's, else a donor's.
    """
    assert case.trigger.step is not None
    own = case.steps[case.trigger.step]
    given = ((name, RECOVERY) for name in case.recovery)
    donors = ((each.step.name, index) for index, each in enumerate(case.donors))
    for name, donor in (*seen.relied_on, *given, *donors):
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
    asked = json.dumps(step.arguments, ensure_ascii=False)
    texts = sorted(set(texts_answered(step)), key=partial(_weight, asked), reverse=True)
    found = list(dict.fromkeys(chain.from_iterable(_in_order(text) for text in texts)))
    if not step.adapter:
        found += _WORD.findall(json.dumps(step.outcome, ensure_ascii=False))
    words = [word for word in dict.fromkeys(found) if not word.isdigit()]
    yield from words
    yield from (word for word in dict.fromkeys(found) if word.isdigit())


def _weight(asked: str, text: str) -> tuple[bool, bool, int]:
    """How early a text's words are tried: addresses and what repeats the request late, else the longest first.

    Of a stream what its events hold goes before their envelopes.
    """
    is_said = "://" not in text and text not in asked
    return not text.startswith(("event:", "data:")), is_said, len(text)


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
