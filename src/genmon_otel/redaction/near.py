"""Run an expression only where something that its matches hold is near.

Searching a text for a plain string takes a hundredth of what trying an expression at every
character takes: a long text of which one line concerns an expression costs that line.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final

#: What stands for each class of characters in an outline.
_CLASSES: Final = {"word": ord("a"), "digit": ord("0"), "space": ord(" ")}


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


def windows(around: list[int], before: int, behind: int) -> list[tuple[int, int]]:
    """Return the spans around some places, in order, those that touch as one."""
    spans: list[tuple[int, int]] = []
    for at in around:
        begin, end = max(0, at - before), at + behind
        if spans and begin <= spans[-1][1]:
            begin = spans.pop()[0]
        spans.append((begin, end))
    return spans


def matches(
    pattern: re.Pattern[str], text: str, spans: list[tuple[int, int]]
) -> Iterator[re.Match[str]]:
    """Yield the matches of an expression within some spans; it looks behind their beginnings."""
    for begin, end in spans:
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


def outline(text: str, classes: bytes) -> str:
    """Return a text with each character as the one that stands for its class, at the same position.

    Searching the outline for a plain string finds every place of some shape: seven digits in a
    row, whichever they are, are ``0000000``.

    Args:
        text: any text; what is not ASCII counts as a question mark.
        classes: made by :func:`classed`.
    """
    return text.encode("ascii", "replace").translate(classes).decode("ascii")


def classed(other: str, **of: str) -> bytes:
    """Return the table of an outline.

    Args:
        other: stands for all characters that are in no class; empty: each for itself.
        of: the characters of each class: ``word`` (``a``), ``digit`` (``0``), ``space`` (a space).
    """
    table = bytearray(other.encode() * 256 if other else range(256))
    for name, characters in of.items():
        for char in characters:
            table[ord(char)] = _CLASSES[name]
    return bytes(table)


def within(text: str, spans: list[tuple[int, int]], redact: Callable[[str], str]) -> str:
    """Return a text of which only some spans were redacted, as lines of one text.

    Args:
        text: any text.
        spans: those that can hold what ``redact`` looks for, in order; none holds a line's end.
        redact: leaves line ends as they are.
    """
    parts = "\n".join([text[begin:end] for begin, end in spans])
    redacted = redact(parts)
    if redacted == parts:
        return text
    kept: list[str] = []
    done = 0
    for (begin, end), part in zip(spans, redacted.split("\n"), strict=True):
        kept += [text[done:begin], part]
        done = end
    return "".join([*kept, text[done:]])
