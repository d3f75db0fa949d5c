"""Find out whether a result depends on the answer that broke the generation: change that, and look.

A fix that reads a bad answer better gives another result where a word of the answer is another one. One
that swallows the error and makes a result up gives the same. The answer stays as bad as it was: only
letters become other letters, one word at a time.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import chain
from typing import Any, Final

from genmon_otel.policy import Verdict
from genmon_otel.records import Outcome, StepRecord
from genmon_otel.regression.case import Case
from genmon_otel.regression.feeding import texts_answered
from genmon_otel.regression.foundation import has_content, is_answered_instead
from genmon_otel.regression.verdict import Observation, judge

#: Replays that are made to see it.
MOST_REPLAYS: Final = 16
#: The last words of the answer that are tried first: the contents of a document come last.
_LAST: Final = 6
_WORD: Final = re.compile(r"[^\W\d_]+|[1-9]\d*")


def rests_on_trigger(case: Case, seen: Observation) -> bool:
    """Whether a run would pass, and nothing but the answer that broke it can have made its result."""
    return (
        has_content(case)
        and case.postcondition is None
        and not is_answered_instead(case, seen.answered_instead)
        and judge(case, seen).verdict is Verdict.PASS
    )


def depends(
    case: Case,
    seen: Observation,
    observe: Callable[[Case], Observation],
    *,
    most: int = MOST_REPLAYS,
) -> bool:
    """Return whether what a run did depends on the answer that broke the generation.

    Args:
        case: what was replayed.
        seen: a run that succeeded.
        observe: replays a case.
        most: replays that may be made.
    """
    for _, changed in zip(range(most), changed_cases(case), strict=False):
        other = observe(changed)
        if other.outcome is Outcome.SUCCESS and other.effect not in ("", seen.effect):
            return True
    return False


def changed_cases(case: Case) -> Iterator[Case]:
    """The case with one word of the triggering outcome replaced, each time another."""
    index = case.trigger.step
    if index is None:
        return
    step = case.steps[index]
    for outcome in _changed(step):
        steps = list(case.steps)
        steps[index] = replace(step, outcome=outcome)
        yield replace(case, steps=tuple(steps))


def _changed(step: StepRecord) -> Iterator[Any]:
    text = json.dumps(step.outcome, ensure_ascii=False)
    seen = {text}
    for word in _words(step):
        # A letter behind a backslash belongs to an escape, unless that is one of a line's end.
        place = rf"(?:(?<![^\W\d_])|(?<=\\[nrt])){re.escape(word)}(?![^\W\d_])"
        try:
            changed = re.sub(place, _other(word), text)
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
