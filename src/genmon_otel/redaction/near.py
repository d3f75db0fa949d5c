"""Run an expression only where something that its matches hold is near.

Searching a text for a plain string takes a hundredth of what trying an expression at every
character takes: a long text of which one line concerns an expression costs that line.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
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


class Signs:
    """Finds which of many strings stand in a text: those that share a rare part with one search.

    Args:
        rows: the strings of each row.
    """

    _RARE: Final = ("(", "-", "ass", "cr", "config ", "op", "v", "g", "=")

    def __init__(self, rows: Sequence[tuple[str, ...]]) -> None:
        #: The rows that each string belongs to.
        self._rows: dict[str, list[int]] = {}
        for row, literals in enumerate(rows):
            for literal in literals:
                self._rows.setdefault(literal, []).append(row)
        shared: dict[str, list[str]] = {}
        for literal in self._rows:
            shared.setdefault(next((r for r in self._RARE if r in literal), ""), []).append(literal)
        self._alone = shared.pop("", [])
        self._shared = [
            (part, _any_of(part, literals), literals) for part, literals in shared.items()
        ]

    def places(self, text: str) -> dict[int, list[int]]:
        """Return where each row's strings begin, in order; rows of which there is none are left out."""
        found = [(literal, at) for literal in self._alone for at in places(text, literal)]
        for part, pattern, literals in self._shared:
            if part not in text:  # far quicker than the expression where it is one character
                continue
            for match in pattern.finditer(text):
                literal = literals[(match.lastindex or 1) - 1]
                found.append((literal, match.start() - literal.index(match[0])))
        by_row: dict[int, list[int]] = {}
        for literal, at in found:
            for row in self._rows[literal]:
                by_row.setdefault(row, []).append(at)
        for each in by_row.values():
            each.sort()
        return by_row


def _any_of(part: str, literals: list[str]) -> re.Pattern[str]:
    """Return what finds strings by a part of theirs; its group tells which one it is."""
    parts = []
    for literal in literals:
        before, _, behind = literal.partition(part)
        left = f"(?<={re.escape(before + part)})" if before else ""
        parts.append(f"{left}(?={re.escape(behind)})()")
    return re.compile(f"{re.escape(part)}(?:{'|'.join(parts)})")


def windows(around: list[int], before: int, behind: int) -> list[tuple[int, int]]:
    """Return the spans around some places, in order, those that touch as one."""
    if not around:
        return []
    spans: list[tuple[int, int]] = []
    begin = max(0, around[0] - before)
    end = around[0] + behind
    for at in around:
        if at - before > end:
            spans.append((begin, end))
            begin = at - before
        end = at + behind
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


def changed(old: str, new: str, margin: int) -> list[tuple[int, int]] | None:
    """Return the spans of a new text around the lines that differ; None if there are more or fewer lines."""
    before, after = old.split("\n"), new.split("\n")
    if len(before) != len(after):
        return None
    spans: list[tuple[int, int]] = []
    at = 0
    for was, line in zip(before, after, strict=True):
        if was != line:
            begin, end = max(0, at - margin), min(len(new), at + len(line) + margin)
            if spans and begin <= spans[-1][1]:
                begin = spans.pop()[0]
            spans.append((begin, end))
        at += len(line) + 1
    return spans


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
