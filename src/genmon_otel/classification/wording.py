r"""Phrases that tell a category, found in a text in time that hardly grows with their number.

Some four hundred regular expressions tried one by one would cost a millisecond. Of each
phrase the literals are read off that its matches must contain (``timed out`` for ``timed
out after \\d+``). One four-letter piece of each is indexed; a text's pieces are taken
once, four letters as one number, and only phrases all of whose literals are there are
searched for.

Phrases are bounded everywhere (``[^\\n]{0,60}``, never ``.*``), so that time stays linear
in a text that was cut to a few kilobytes before.
"""

from __future__ import annotations

import re
import struct
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from re import _constants, _parser  # type: ignore[attr-defined]
from typing import Any, Final, NamedTuple

from genmon_otel.classification.verdict import Label, Verdict, Weight

_PIECE: Final = 4
#: Literals shorter than this are in every text.
_TELLING: Final = 3


class Wording(NamedTuple):
    """What a category's failures say, in lower case."""

    label: Label
    name: str
    phrases: tuple[str, ...]


def wording(label: Label, name: str, *phrases: str) -> Wording:
    """Make a rule of alternative regular expressions over lower-case text."""
    return Wording(label, name, phrases)


class _Phrase(NamedTuple):
    """One expression of a rule."""

    label: Label
    rule: str
    pattern: re.Pattern[str]
    #: Every match contains one literal of each.
    needs: tuple[frozenset[str], ...]


class Reading(NamedTuple):
    """A text in lower case, and the phrases it may hold, in the order of their rules."""

    text: str
    candidates: Sequence[int]


class Lexicon:
    """Rules over text in sections; within a section they are tried in order."""

    def __init__(self, sections: Mapping[str, Sequence[Wording]]) -> None:
        """Compile and index; an expression without a literal to index it by is refused."""
        self._phrases: list[_Phrase] = []
        self._ranges: dict[str, range] = {}
        for section, rules in sections.items():
            begin = len(self._phrases)
            for rule in rules:
                for expression in rule.phrases:
                    needs = sorted(_needs(_parser.parse(expression)), key=_worth, reverse=True)
                    if not needs:
                        raise ValueError(f"No literal is in every match: {expression}")
                    telling = [need for need in needs if min(map(len, need)) >= _TELLING]
                    self._phrases.append(
                        _Phrase(
                            rule.label,
                            rule.name,
                            re.compile(expression),
                            tuple(telling or needs[:1]),
                        )
                    )
            self._ranges[section] = range(begin, len(self._phrases))
        #: What else a phrase needs: literals that are looked up, and short ones that are looked for.
        self._further = [
            tuple((need, _short(need)) for need in phrase.needs[1:]) for phrase in self._phrases
        ]
        first = defaultdict(list)
        for number, phrase in enumerate(self._phrases):
            for literal in phrase.needs[0]:
                first[literal].append(number)
        #: Literal -> the phrases to look at where it occurs.
        self._first = {literal: tuple(numbers) for literal, numbers in first.items()}
        literals = {
            literal for phrase in self._phrases for need in phrase.needs for literal in need
        }
        #: Too short to have a piece of their own.
        self._short = _short(first)
        indexed = sorted(literals.difference(_short(literals)))
        shared = Counter(piece for literal in indexed for piece in set(_pieces(literal)))
        long = defaultdict(list)
        for literal in indexed:  # by the piece that fewest others hold
            long[min(_pieces(literal), key=lambda piece: (shared[piece], piece))].append(literal)
        self._long = {piece: tuple(found) for piece, found in long.items()}
        self._known = frozenset(self._long)

    def read(self, text: str) -> Reading:
        """Look once over ``text`` (lower case, bounded) for what the phrases of all sections need."""
        found = {literal for literal in self._short if literal in text}
        for piece in self._known.intersection(_pieces(text)):
            for literal in self._long[piece]:
                if literal in text:
                    found.add(literal)
        first = self._first
        further = self._further
        missing = found.isdisjoint
        candidates: set[int] = set()
        for literal in found:
            for number in first.get(literal, ()):
                for need, short in further[number]:
                    if missing(need):
                        for part in short:
                            if part in text:
                                break
                        else:
                            break
                else:
                    candidates.add(number)
        return Reading(text, sorted(candidates))

    def first(self, reading: Reading, section: str, kind: str, weight: Weight) -> Verdict | None:
        """The first rule of a section that applies."""
        numbers, candidates = self._ranges[section], reading.candidates
        for at in range(bisect_left(candidates, numbers.start), len(candidates)):
            number = candidates[at]
            if number >= numbers.stop:
                break
            phrase = self._phrases[number]
            if phrase.pattern.search(reading.text):
                return Verdict(*phrase.label, f"{kind} {phrase.rule}", weight)
        return None


def _short(literals: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(literal for literal in literals if len(literal) < _PIECE))


def _pieces(text: str) -> list[int]:
    """Every four letters in a row as one number: what is not Latin-1 counts as ``?``."""
    data = text.encode("latin-1", "replace")
    pieces: list[int] = []
    for shift in range(min(_PIECE, len(data) - _PIECE + 1)):
        pieces += struct.unpack_from(f"={(len(data) - shift) // _PIECE}I", data, shift)
    return pieces


def _needs(tree: Any) -> Iterator[frozenset[str]]:
    """Sets of literals, one of each of which is in every match of a parsed expression."""
    run = ""
    for operation, argument in [*tree, (None, None)]:
        if operation is _constants.LITERAL:
            run += chr(argument)
            continue
        if run:
            yield frozenset({run})
            run = ""
        if operation is _constants.SUBPATTERN:
            yield from _needs(argument[-1])
        elif operation is _constants.BRANCH:
            parts = [max(_needs(branch), key=_worth, default=None) for branch in argument[1]]
            if all(parts):
                yield frozenset().union(*(part for part in parts if part))
        elif operation in (_constants.MAX_REPEAT, _constants.MIN_REPEAT) and argument[0] > 0:
            yield from _needs(argument[2])


def _worth(literals: frozenset[str]) -> tuple[int, int, int]:
    """The fewer there are and the longer they are, the more rarely one occurs by chance."""
    shortest = min(map(len, literals))
    return min(shortest, _PIECE), -len(literals), shortest
