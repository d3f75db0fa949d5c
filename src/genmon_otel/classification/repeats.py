r"""How often the repeats of a regular expression may match: what makes one take minutes.

Read from the expression's own text, since the parser of ``re`` is private. Every valid
expression can be read; one that is not valid was refused by ``re.compile`` before.
"""

from __future__ import annotations

import re
from typing import Final

#: Ways in which a repeat inside a bounded repeat may match.
_NESTED_LIMIT: Final = 500
#: One atom that is no group: an escape, a class of characters, or a character.
_ATOM: Final = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|[^()]", re.DOTALL)
_OPENING: Final = re.compile(
    r"\((?:\?(?:P<\w+>|P=\w+|P>|[aiLmsux-]+:|<?[=!]|[:>]|\(\w+\)|[aiLmsux]+(?=\)))?)?"
)
_REPEAT: Final = re.compile(r"(?:([*+?])|\{(\d*)(,?)(\d*)\})[?+]?")


class _Reader:
    """Reads one expression from left to right."""

    def __init__(self, expression: str, longest: int) -> None:
        self._text = expression
        self._longest = longest
        self._at = 0

    def sequence(self) -> list[tuple[int, ...]]:
        """Return the repeats up to the end, or to the parenthesis that closes this group."""
        # For each repeat, how often the repeats around it may match, then how often it may.
        inside: list[tuple[int, ...]] = []
        text = self._text
        while self._at < len(text) and text[self._at] != ")":
            within: list[tuple[int, ...]] = []
            if opening := _OPENING.match(text, self._at):
                self._at = opening.end()
                within = self.sequence()
                self._at += 1
            else:
                atom = _ATOM.match(text, self._at)
                self._at = atom.end() if atom else self._at + 1
            times = self._repeat()
            if times is not None:
                within = [(times, *each) for each in within] + [(times,)]
            inside += within
        return inside

    def _repeat(self) -> int | None:
        """Read how often the atom before may match; None for once, and for possessive repeats."""
        repeat = _REPEAT.match(self._text, self._at)
        if repeat is None or (repeat[1] is None and not (repeat[2] or repeat[4])):
            return None
        self._at = repeat.end()
        if repeat[0].endswith("+") and len(repeat[0]) > 1:
            return None
        if repeat[1]:
            return 1 if repeat[1] == "?" else self._longest
        most = repeat[4] if repeat[3] else repeat[2]
        return min(int(most), self._longest) if most else self._longest


def unbounded_repeats(expression: str, longest: int) -> int:
    """Count the repeats of an expression that multiply the ways to match without bound.

    A repeat inside a repeat backtracks exponentially and so counts twice; two in a row take
    quadratic time from every position of the text.

    Args:
        expression: one that ``re.compile`` accepts.
        longest: characters of the longest text it is tried on.
    """
    count = 0
    for path in _Reader(expression, longest).sequence():
        around = 1
        for times in path[:-1]:
            around *= max(1, times)
        if path[-1] == longest or (around > 1 and around * path[-1] > _NESTED_LIMIT):
            count += 1 if around == 1 else 2
    return count
