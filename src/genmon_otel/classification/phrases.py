r"""Find in a text phrases that a known program prints.

A table holds entries, and an entry names where its phrases were seen. A phrase is written as
it is printed, in lower case:

- a space matches any white space, a quotation mark ``'`` any quotation mark;
- ``…`` matches up to 120 characters of the same line, ``#`` a number;
- ``(a|b)`` matches one of several words, ``(a|)`` an optional one.

What has a form rather than words, such as a linter's line, is a :class:`Form`: a regular
expression with the words of which one is in each match. An expression is compiled when a
text first holds its words, so that importing the tables compiles nothing.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Set
from functools import cache
from typing import Final, NamedTuple

from genmon_otel.classification.verdict import Label, Verdict, Weight

#: A word of a text, by which phrases are looked up: letters or digits, ``ts`` and ``2307``.
_WORD: Final = re.compile(r"[^\W\d_]+|\d+")
#: For ASCII: everything but letters, and everything but digits, becomes a space.
_LETTERS: Final = bytes(c if chr(c).islower() and c < 128 else 32 for c in range(256))
_DIGITS: Final = bytes(c if chr(c).isdigit() and c < 128 else 32 for c in range(256))
#: Characters before and after a word within which a match of its form lies.
_NEAR: Final = 600
#: Characters of a line that are quoted.
QUOTED: Final = 240
_SPECIAL: Final = re.compile(r"…|#|\([^()|]*\|[^()]*\)")
#: A word that no placeholder touches, and so cannot be longer in a text.
_WHOLE_WORD: Final = re.compile(
    r"(?<![^\W\d_])(?<!\0)[^\W\d_]+(?![^\W\d_]|\0)|(?<![\d\0])\d+(?![\d\0])"
)
#: Quotation marks, ASCII and typographic.
_MARKS: Final = "'\"`\u00b4\u2018\u2019\u201c\u201d\u00ab\u00bb"
_QUOTE: Final = f"[{_MARKS}]"


#: What precedes a status where a client prints it: "room 429: too many requests" is none.
ANSWERED: Final = r"(?:^|[\n(\[{'\"`<>=:,;|-] ?|\b(?:https?(?:/\d(?:\.\d)?)?|status|code|error|err!?|returned|returns|got|received|with|response|responded|failed|server|an?) )"


class Form(NamedTuple):
    """A regular expression over lower-case text, and the words of each match.

    One of ``words`` is in every text that it matches: a word alone, or several with spaces
    between, all of which are there. Without words it is tried on every text of several lines.
    """

    expression: str
    words: tuple[str, ...] = ()


def form(expression: str, *words: str) -> Form:
    """Make a :class:`Form`."""
    return Form(expression, words)


class Entry(NamedTuple):
    """One piece of evidence: what it says of a failure, what it looks like, where it was seen."""

    name: str
    label: Label
    #: Program and occasion, such as ``npm 10, a package that does not exist``.
    seen: str
    phrases: tuple[str | Form, ...]
    #: Whether it counts only in what a program printed: its words alone are an ordinary sentence.
    printed: bool = False


def entry(label: Label, name: str, seen: str, *phrases: str | Form) -> Entry:
    """Make an entry that counts in any text."""
    return Entry(name, label, seen, phrases)


def printed(label: Label, name: str, seen: str, *phrases: str | Form) -> Entry:
    """Make an entry that counts only in captured output and in texts of several lines."""
    return Entry(name, label, seen, phrases, True)


class Text:
    """A text that phrases are looked for in."""

    __slots__ = ("_flat", "_places", "candidates", "lines", "printed", "words")

    def __init__(self, lines: str, words: Set[str], *, printed: bool) -> None:
        #: In lower case, its lines kept.
        self.lines = lines
        #: All its words.
        self.words = words
        #: Whether a program printed it.
        self.printed = printed
        #: Numbers of the phrases whose words it holds, in the order of the tables, each with the
        #: words that announce it; none for a form that no word announces.
        self.candidates: dict[int, list[str]] = {}
        self._flat = ""
        self._places: dict[str, list[tuple[int, int]]] = {}

    @property
    def flat(self) -> str:
        """Return the text with all white space and quotation marks in one form."""
        if not self._flat:
            self._flat = " ".join(_alike(self.lines).split())
        return self._flat

    def match(self, expression: str, words: Iterable[str]) -> re.Match[str] | None:
        """Return where an expression matches near one of the words; anywhere, where there are none."""
        search = _compiled(expression).search
        if not words:
            return search(self.lines)
        found = (search(self.lines, *place) for word in words for place in self._around(word))
        return next(filter(None, found), None)

    def _around(self, word: str) -> list[tuple[int, int]]:
        """Return the stretches in which a match that holds ``word`` lies."""
        found = self._places.get(word)
        if found is None:
            found = self._places[word] = []
            at = self.lines.find(word)
            while at >= 0:
                begin, end = max(0, at - _NEAR), at + len(word) + _NEAR
                if found and begin <= found[-1][1]:
                    begin = found.pop()[0]
                found.append((begin, end))
                at = self.lines.find(word, at + len(word))
        return found


class _Phrase(NamedTuple):
    entry: Entry
    table: str
    #: What to search in ``flat``; empty where an expression is needed.
    literal: str
    expression: str


class PhraseIndex:
    """All tables, by the words that their phrases hold."""

    def __init__(self, tables: Mapping[str, Iterable[Entry]]) -> None:
        """Index them; the name of a table is the first part of the rule that a verdict names.

        Raises:
            ValueError: a phrase has no whole word to look it up by, or a name is there twice.
        """
        self._phrases: list[_Phrase] = []
        self._ranges: dict[str, range] = {}
        self.entries: dict[str, Entry] = {}
        #: Word -> the phrases that it announces, with what other words they need.
        by_word: dict[str, list[tuple[int, frozenset[str]]]] = defaultdict(list)
        #: Written without spaces between words: looked for in texts that are not ASCII.
        self._unspaced: list[tuple[int, str]] = []
        #: Forms that no word announces.
        self._wordless: list[int] = []
        for table, entries in tables.items():
            begin = len(self._phrases)
            for each in entries:
                rule = f"{table}:{each.name}"
                if rule in self.entries:
                    raise ValueError(f"Two entries are named {rule}.")
                self.entries[rule] = each
                for phrase in each.phrases:
                    number = len(self._phrases)
                    if isinstance(phrase, Form):
                        self._phrases.append(_Phrase(each, table, "", phrase.expression))
                        for words in phrase.words:
                            first, *others = sorted(words.split(), key=len, reverse=True)
                            if not all(map(_WORD.fullmatch, (first, *others))):
                                raise ValueError(f"{words!r} of {rule} are not words.")
                            by_word[first].append((number, frozenset(others)))
                        if not phrase.words:
                            self._wordless.append(number)
                        continue
                    plain = _SPECIAL.search(phrase) is None
                    expression = "" if plain else _expression(phrase)
                    self._phrases.append(_Phrase(each, table, phrase if plain else "", expression))
                    if plain and not phrase.isascii():
                        self._unspaced.append((number, phrase))
                    else:
                        first, *others = _whole_words(phrase)
                        by_word[first].append((number, frozenset(others)))
            self._ranges[table] = range(begin, len(self._phrases))
        self._by_word = {word: tuple(found) for word, found in by_word.items()}
        self._words = frozenset(by_word)

    def read(self, text: str, *, printed: bool) -> Text:
        """Look once over ``text`` (lower case, bounded) for the words of all phrases.

        Args:
            text: in lower case.
            printed: whether a program printed it.
        """
        words = _words(text)
        read = Text(text, words, printed=printed)
        candidates: dict[int, list[str]] = defaultdict(list)
        for word in self._words & words:
            for number, others in self._by_word[word]:
                if others <= words:
                    candidates[number].append(word)
        if not text.isascii():
            candidates |= {number: [] for number, phrase in self._unspaced if phrase in text}
        if printed:
            candidates |= {number: [] for number in self._wordless}
        read.candidates = {number: candidates[number] for number in sorted(candidates)}
        return read

    def first(self, text: Text, table: str, weight: Weight) -> Verdict | None:
        """Return the verdict of the first entry of a table that the text holds."""
        numbers = self._ranges[table]
        for number, words in text.candidates.items():
            if number < numbers.start:
                continue
            if number >= numbers.stop:
                break
            phrase = self._phrases[number]
            if phrase.entry.printed and not text.printed:
                continue
            said = ""
            if phrase.literal:
                said = phrase.literal if phrase.literal in text.flat else ""
            elif match := text.match(phrase.expression, words):
                said = match[0]
            if said:
                rule = f"{table}:{phrase.entry.name}"
                return Verdict(*phrase.entry.label, rule, weight, words=said)
        return None


def first_of(entries: Iterable[Entry], table: str, text: str, weight: Weight) -> Verdict | None:
    """Return the verdict of the first of a few entries that are made of forms, without an index."""
    for each in entries:
        for phrase in each.phrases:
            if isinstance(phrase, Form) and (match := _compiled(phrase.expression).search(text)):
                return Verdict(*each.label, f"{table}:{each.name}", weight, words=match[0])
    return None


def longest_word(text: str) -> str:
    """Return the longest word of a text in lower case."""
    words: list[str] = _WORD.findall(text)
    return max(words, key=len)


def _words(text: str) -> set[str]:
    """Return the words of a text in lower case, as :data:`_WORD` finds them."""
    if not text.isascii():
        return set(_WORD.findall(text))
    data = text.encode()  # ten times faster than the expression
    return set(data.translate(_LETTERS).decode().split() + data.translate(_DIGITS).decode().split())


def _alike(text: str) -> str:
    """Write each quotation mark as an apostrophe."""
    for mark in _MARKS[1:3] if text.isascii() else _MARKS[1:]:
        text = text.replace(mark, "'")
    return text


@cache
def _compiled(expression: str) -> re.Pattern[str]:
    return re.compile(expression)


def _expression(phrase: str) -> str:
    """Translate a phrase into a regular expression."""
    found = ""
    at = 0
    for special in _SPECIAL.finditer(phrase):
        found += _literally(phrase[at : special.start()])
        mark = special[0]
        if mark == "…":
            found += r"[^\n]{0,120}"
        elif mark == "#":
            found += r"\d[\d.,_]{0,20}"
        else:
            found += "(?:" + "|".join(map(_literally, mark[1:-1].split("|"))) + ")"
        at = special.end()
    return found + _literally(phrase[at:])


def _literally(text: str) -> str:
    escaped = re.escape(text).replace("\\ ", r"\s{1,20}")
    return escaped.replace("'", _QUOTE)


def _whole_words(phrase: str) -> list[str]:
    """Return the words that stand whole in every text that holds a phrase, the longest first."""
    words: list[str] = _WHOLE_WORD.findall(_SPECIAL.sub("\0", phrase))
    if not words:
        raise ValueError(f"No whole word is in every match of {phrase!r}. Write it as a form.")
    return sorted(words, key=len, reverse=True)


def describe(each: Entry, text: str, words: str) -> str:
    """Say in words where an entry was seen, and quote what decided: never the pattern itself.

    Args:
        each: the entry.
        text: what the failure says, in lower case; quoted where ``words`` is empty and it holds them.
        words: what was kept of the text that decided.
    """
    for phrase in () if words else each.phrases:
        expression = phrase.expression if isinstance(phrase, Form) else _expression(phrase)
        if match := _compiled(expression).search(text):
            words = match[0]
            break
    if words := " ".join(words.split()):
        return f"the text contains '{words}', as printed by {each.seen}"
    return f"the text contains what is printed by {each.seen}"


def line_of(said: str, words: str) -> str:
    """Return the line of a text, as it stands there, in which words were found.

    Args:
        said: the text.
        words: as :attr:`Verdict.words` has them: in lower case, white space and quotation marks
            made alike.

    Returns:
        At most :data:`QUOTED` characters; empty where the words do not stand there as they are,
        which a log's stamps or an escape may keep them from.
    """
    lowered = said.lower()
    probe = max(re.split(rf"[{_MARKS}]|\s{{2,}}|\n", words.strip()), key=len, default="").strip()
    at = lowered.find(probe) if probe and len(lowered) == len(said) else -1
    if at < 0:
        return ""
    begin = max(said.rfind("\n", 0, at) + 1, at - QUOTED // 2)
    end = said.find("\n", at)
    line = said[begin : min(end if end >= 0 else len(said), begin + QUOTED)]
    if begin and said[begin - 1] not in "\n ":  # no part of a word, which may be half a secret
        line = line.partition(" ")[2]
    if begin + QUOTED < (end if end >= 0 else len(said)):
        line = line.rpartition(" ")[0]
    return line.strip()
