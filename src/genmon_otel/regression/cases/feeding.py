"""Find the recorded answers that a failure came from: the one that broke it, and those that it was given.

A build that fails on what a model wrote fails because of the model's answer: when the fixed code asks
the model again, the same answer would make the build fail for ever.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any, Final

from genmon_otel.exchanges import is_fault, texts_of
from genmon_otel.records import StepRecord, Tree
from genmon_otel.regression.cases.refusals import refuses_request

#: Characters of the shortest text that shows, inside another, that one came from the other.
_SHORTEST: Final = 6
#: Texts of one value that are compared, and characters of each.
_MOST: Final = 400
_COMPARED: Final = 100_000


def answered(step: StepRecord) -> bool:
    """Whether a step gave a value, or a stream that neither broke off nor hung, and no fault."""
    if is_fault(step):
        return False
    if step.kind == "stream":
        return step.stream_error is None and step.ended_s is not None
    return step.kind == "value"


def bad_answers(steps: Sequence[StepRecord], trigger: int | None, *, persistent: bool) -> set[int]:
    """Return the indices of the answers without which the failure would not have been.

    Args:
        steps: as recorded.
        trigger: index of the step that the failure came from; None for the input.
        persistent: whether the trigger, where it is a fault, is one that its arguments caused.
    """
    if trigger is None:
        return set()
    culprit = steps[trigger]
    before = [i for i in range(trigger) if answered(steps[i])]
    if answered(culprit):  # its content; and what it was made of, where it only passed that on
        given = list(texts_answered(culprit))
        passed_on = {i for i in before if culprit.adapter == "" and _shares(steps[i], given)}
        return {trigger, *passed_on}
    if not persistent:
        return set()
    given = list(_leaves(culprit.arguments))
    fed = {i for i in before if _shares(steps[i], given)}
    if not fed and not refuses_request(culprit):
        others = [i for i in before if steps[i].name != culprit.name]
        fed = set(others[-1:])
    return fed


def feeds(tree: Tree, step: StepRecord) -> bool:
    """Whether a text of a tree is part of what a step was asked, or the other way round."""
    asked = list(_leaves(step.arguments))
    return any(_is_within(text, other) for text in _leaves(tree) for other in asked)


def _is_within(one: str, other: str) -> bool:
    """Whether one of two texts is within the other, neither too short to show anything."""
    return min(len(one), len(other)) >= _SHORTEST and (one in other or other in one)


def _shares(step: StepRecord, given: Sequence[str]) -> bool:
    """Whether a step's answer and some texts have one in common, or one within the other."""
    for text in texts_answered(step):
        for other in given:
            if text == other and (len(text) >= _SHORTEST or not step.adapter):
                return True
            if _is_within(text, other):
                return True
    return False


def texts_answered(step: StepRecord) -> Iterator[str]:
    """The texts in what a step answered; of an automatic one those in its body, parsed where it is JSON."""
    if not step.adapter:
        outcome = step.outcome
        if step.kind == "stream" and isinstance(outcome, list):
            yield "".join(chunk for chunk in outcome if isinstance(chunk, str)).strip()
        yield from _leaves(outcome)
        return
    for body in [*texts_of(step)][:_MOST]:
        for piece in _pieces(body):
            yield from _leaves(piece)


def hands_on(step: StepRecord, result: Tree) -> bool:
    """Whether one of a result's texts holds the longest text of what a step answered."""
    longest = max(texts_answered(step), key=len, default="")
    return len(longest) >= _SHORTEST and any(longest in text for text in _leaves(result))


def _pieces(body: str) -> Iterator[Any]:
    """A body as JSON; of server-sent events the data of each; else its text."""
    try:
        yield json.loads(body)
        return
    except (ValueError, RecursionError):
        yield body
    for line in body.splitlines()[:_MOST]:
        if line.startswith("data:"):
            try:
                yield json.loads(line[5:])
            except (ValueError, RecursionError):
                continue


def _leaves(tree: Tree) -> Iterator[str]:
    """The texts in a tree, without their blanks at both ends; bounded."""
    waiting: list[Any] = [tree]
    found = 0
    while waiting and found < _MOST:
        node = waiting.pop()
        if isinstance(node, dict):
            waiting.extend(value for key, value in node.items() if key not in ("$", "type"))
        elif isinstance(node, list):
            waiting.extend(node)
        elif isinstance(node, str) and (text := node.strip()[:_COMPARED]):
            found += 1
            yield text
            if text[:1] in "{[":
                try:
                    waiting.append(json.loads(text))
                except (ValueError, RecursionError):
                    continue
