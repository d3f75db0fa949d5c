"""Run an expression only where something that its matches hold is near.

Searching a text for a plain string takes a hundredth of what trying an expression at every
character takes: a long text of which one line concerns an expression costs that line.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator


def lowered(text: str) -> str:
    """Return a text in lower case and of the same length: positions hold."""
    lower = text.lower()
    if len(lower) != len(text):  # a few letters grow in lower case
        lower = "".join(char.lower() if len(char.lower()) == 1 else char for char in text)
    return lower


def places(text: str, *literals: str) -> list[int]:
    """Return where one of several strings begins, in order."""
    found: list[int] = []
    for literal in literals:
        at = text.find(literal)
        while at >= 0:
            found.append(at)
            at = text.find(literal, at + 1)
    if len(literals) > 1:
        found.sort()
    return found


def matches(
    pattern: re.Pattern[str], text: str, around: list[int], before: int, behind: int
) -> Iterator[re.Match[str]]:
    """Yield the matches of an expression that hold one of some places.

    Args:
        pattern: each match holds one of the places.
        text: what is searched.
        around: the places, in order.
        before: characters that a match may have before its first such place, or more.
        behind: characters that a match and what it looks ahead at have behind it, or more.
    """
    begin = end = 0
    for at in around:
        if at - before > end:
            if end:
                yield from pattern.finditer(text, begin, end)
            begin = max(0, at - before)
        end = max(end, at + behind)
    if end:
        yield from pattern.finditer(text, begin, end)


def replaced(
    text: str, found: Iterator[re.Match[str]], replace: Callable[[re.Match[str]], str]
) -> str:
    """Return a text with matches replaced, as ``re.sub`` does."""
    parts: list[str] = []
    done = 0
    for match in found:
        parts += [text[done : match.start()], replace(match)]
        done = match.end()
    return "".join([*parts, text[done:]]) if parts else text


def at_places(
    pattern: re.Pattern[str], text: str, around: list[int], offset: int = 0
) -> Iterator[re.Match[str]]:
    """Yield the matches of an expression that begin so many characters before one of some places."""
    done = 0
    for at in around:
        if at - offset >= done and (match := pattern.match(text, at - offset)):
            yield match
            done = match.end()
