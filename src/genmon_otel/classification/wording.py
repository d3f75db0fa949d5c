r"""Phrases that tell a category, found in a text in time that hardly grows with their number.

A few hundred regular expressions tried one by one would cost a millisecond. Each
phrase has literals one of which every match contains (``timed out`` for ``timed out
after \\d+``); they are read off the expression, and one four-letter piece of each is
indexed. Only phrases whose piece occurs in the text are searched for.

Phrases are bounded everywhere (``[^\\n]{0,60}``, never ``.*``), so that time stays linear
in a text that was cut to a few kilobytes before.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from re import _constants, _parser  # type: ignore[attr-defined]
from typing import Any, Final, NamedTuple

from genmon_otel.classification.verdict import Label, Verdict, Weight

_PIECE: Final = 4


class Wording(NamedTuple):
    """What a category's failures say, in lower case."""

    label: Label
    name: str
    phrases: tuple[str, ...]


def wording(label: Label, name: str, *phrases: str) -> Wording:
    """Make a rule of alternative regular expressions over lower-case text."""
    return Wording(label, name, phrases)


class Lexicon:
    """Rules over text, tried in order."""

    def __init__(self, rules: Sequence[Wording]) -> None:
        """Compile and index; an expression without a literal to index it by is refused."""
        self._phrases: list[tuple[int, re.Pattern[str]]] = []
        self._rules = tuple((rule.label, rule.name) for rule in rules)
        index = defaultdict(set)
        for position, rule in enumerate(rules):
            for phrase in rule.phrases:
                number = len(self._phrases)
                self._phrases.append((position, re.compile(phrase)))
                literals = _literals(_parser.parse(phrase))
                if not literals or min(map(len, literals)) < _PIECE:
                    raise ValueError(f"No literal of {_PIECE} letters is in every match: {phrase}")
                for literal in literals:
                    index[tuple(literal[:_PIECE])].add(number)
        self._index = {piece: tuple(sorted(numbers)) for piece, numbers in index.items()}
        self._pieces = frozenset(self._index)

    def first(self, text: str, kind: str, weight: Weight) -> Verdict | None:
        """The first rule that applies to ``text`` (lower case, bounded)."""
        pieces = self._pieces.intersection(zip(text, text[1:], text[2:], text[3:], strict=False))
        if not pieces:
            return None
        for number in sorted({number for piece in pieces for number in self._index[piece]}):
            position, pattern = self._phrases[number]
            if pattern.search(text):
                label, name = self._rules[position]
                return Verdict(*label, f"{kind} {name}", weight)
        return None


def _literals(tree: Any) -> frozenset[str] | None:
    """Literals one of which is in every match of a parsed expression; the longest there are."""
    best: frozenset[str] | None = None
    run = ""
    for operation, argument in [*tree, (None, None)]:
        if operation is _constants.LITERAL:
            run += chr(argument)
            continue
        found = [frozenset({run})] if run else []
        run = ""
        inner: frozenset[str] | None = None
        if operation is _constants.SUBPATTERN:
            inner = _literals(argument[-1])
        elif operation is _constants.BRANCH:
            parts = [_literals(branch) for branch in argument[1]]
            if all(parts):
                inner = frozenset().union(*(part for part in parts if part))
        elif operation in (_constants.MAX_REPEAT, _constants.MIN_REPEAT) and argument[0] > 0:
            inner = _literals(argument[2])
        if inner:
            found.append(inner)
        for candidate in found:
            if best is None or _worth(candidate) > _worth(best):
                best = candidate
    return best


def _worth(literals: frozenset[str]) -> tuple[int, int]:
    return min(_PIECE, *map(len, literals)), -len(literals)
