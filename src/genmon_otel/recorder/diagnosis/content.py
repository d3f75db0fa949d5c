"""Remove from span texts what users asked for and what models answered: error messages quote both.

Only where a generation failed, and with bounded work: what is looked through of the
content, and what is compared with the error's text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Final

from genmon_otel.recorder.arguments import SHORTEST, texts_in
from genmon_otel.recorder.facts import GenerationFacts, StageFacts
from genmon_otel.text import GAP, common_prefix

#: Replaces content.
CONTENT: Final = "<content>"
#: Characters of a piece of a longer value.
_PIECE: Final = 16
#: Every piece holds one of these at a multiple of its length.
_GRAM: Final = 8
#: Texts looked for, characters of a text's head and tail and of all.
_MAX_TEXTS: Final = 500
_HEAD: Final = 24_576
_TAIL: Final = 8_192
_MAX_ALL: Final = 65_536
#: Characters that one run may have behind the piece that was found, and before it.
_LONGEST_RUN: Final = 4_096
_LONGEST_BEFORE: Final = 64
#: Comparisons of one pass: about 3 µs each. Beyond, what is left of the texts counts as content.
_MAX_COMPARISONS: Final = 128
#: Pieces up to which looking for each takes less time than looking each place of a text up among them.
_FEW_PIECES: Final = 64
#: Places of one piece in the contents that are compared: it may be all blanks.
_MAX_PLACES: Final = 8
#: Gaps of one text at which a content may have been cut.
_MAX_GAPS: Final = 16
_PIECES: Final = re.compile(f".{{{_GRAM}}}", re.DOTALL).findall
#: Characters compared at first: most runs are short.
_FIRST: Final = 32
#: What stands between texts that are compared together; :func:`genmon_otel.text.clean` leaves none.
_BETWEEN_TEXTS: Final = "\x01" * _GRAM
_BETWEEN_CONTENTS: Final = "\x02" * _GRAM
#: Pydantic's quotation of what it refused, and what follows it.
_INPUT_VALUE: Final = re.compile(r"\binput_value=(?:.*(?=, input_type=)|.*)")
_INPUT_TYPE: Final = ", input_type="


class Contents:
    """Texts that must not appear, and what others are compared with them by."""

    def __init__(self, texts: Iterable[str]) -> None:
        self.texts = tuple(texts)
        whole: list[str] = []
        long: list[str] = []
        for text in self.texts:
            size = len(text.strip())
            if size >= _PIECE:
                long.append(text)
            elif size >= SHORTEST:
                whole.append(text)
        #: Those that are looked for as a whole.
        self.short = whole
        #: All of them that are long enough to hold a piece.
        self.joined = _BETWEEN_CONTENTS.join(long)
        #: The pieces of :attr:`joined`; the n-th begins at n times :data:`_GRAM`.
        self.pieces: list[str] = _PIECES(self.joined)

    def with_quoted(self) -> Contents:
        """Return the same, and each as ``repr`` writes it, which is how errors quote."""
        return Contents(dict.fromkeys([*self.texts, *(repr(text)[1:-1] for text in self.texts)]))

    def first_places(self) -> dict[str, int]:
        """Return where each piece is found first."""
        places = range((len(self.pieces) - 1) * _GRAM, -1, -_GRAM)
        return dict(zip(reversed(self.pieces), places, strict=True))


def contents_of(facts: GenerationFacts, *more: str) -> Contents:
    """Return what a generation was asked, what its steps were, and what they answered; bounded.

    Args:
        facts: whose.
        more: other texts that must not appear.
    """
    found: dict[str, None] = dict.fromkeys(more)
    size = 0
    for whole in islice(_contents(facts), _MAX_TEXTS):
        # a long text that quotes another loses its middle: both ends are looked for
        text = whole if len(whole) <= _HEAD + _TAIL else f"{whole[:_HEAD]}{GAP}{whole[-_TAIL:]}"
        if text in found or text == facts.framework:
            continue
        size += len(text)
        if size > _MAX_ALL:
            break
        found[text] = None
    return Contents(found)


def _contents(facts: GenerationFacts) -> Iterator[str]:
    if facts.request and len(facts.request) >= SHORTEST:
        yield facts.request
    if facts.arguments is not None:
        yield from texts_in(facts.arguments.raw())
    for stage in facts.stages:
        yield from _texts_of(stage)


def _texts_of(stage: StageFacts) -> Iterator[str]:
    """Return the strings that a stage was given, and those it answered with."""
    if stage.exchange is not None:
        yield from stage.exchange.request_texts()
    if stage.arguments is not None:
        yield from texts_in(stage.arguments.raw())
    yield from stage.answer_texts()


def hide(text: str, contents: Contents) -> str:
    """Return one text as :func:`hide_all` does."""
    return hide_all((text,), contents)[0]


def hide_all(texts: Sequence[str], contents: Contents) -> list[str]:
    """Return texts without the contents, without pieces of 16 characters of them, without pydantic's.

    Linear in both, and bounded: once the limit of comparisons is reached, the text at hand and
    all texts after it count as content.
    """
    texts = [_without_input_values(text) for text in texts]
    if not contents.texts:
        return texts
    together = _BETWEEN_TEXTS.join(texts)
    if "\\" in together:  # else what ``repr`` escapes is in none of them
        contents = contents.with_quoted()
    hidden, end = _where(together, contents)
    shown: list[str] = []
    begin = 0
    for text in texts:
        stop = begin + len(text)
        shown.append(_shown(together, hidden, begin, stop) if stop <= end else CONTENT)
        begin = stop + len(_BETWEEN_TEXTS)
    return shown


def _shown(text: str, hidden: bytearray, at: int, stop: int) -> str:
    """Return a stretch of a text with :data:`CONTENT` in place of what is hidden."""
    kept: list[str] = []
    while at < stop:
        mark = hidden[at]
        end = hidden.find(1 - mark, at, stop)
        end = stop if end < 0 else end
        kept.append(CONTENT if mark else text[at:end])
        at = end
    return "".join(kept)


def _without_input_values(text: str) -> str:
    if "input" not in text:
        return text
    return _without_cut_input(_INPUT_VALUE.sub(f"input_value={CONTENT}", text))


def _without_cut_input(text: str) -> str:
    """Return a text without the end of an ``input_value`` whose beginning was left out at a gap."""
    parts: list[str] = []
    done = 0
    end = text.find(_INPUT_TYPE)
    while end >= 0:
        line = max(text.rfind("\n", done, end), text.rfind("input_value=", done, end), done)
        gap = text.find(GAP, line, end)
        if gap >= 0:
            parts += [text[done : gap + len(GAP)], CONTENT]
            done = end
        else:
            parts.append(text[done:end])
            done = end
        end = text.find(_INPUT_TYPE, end + 1)
    return "".join([*parts, text[done:]]) if parts else text


def _where(text: str, contents: Contents) -> tuple[bytearray, int]:
    """Return for each character whether it is content, and up to which index this was computed."""
    hidden = bytearray(len(text))
    if GAP in text:
        _hide_ends(text, contents.texts, hidden)
    for content in contents.short:
        whole = content.strip()
        found = text.find(whole)
        while found >= 0:
            hidden[found : found + len(whole)] = b"\1" * len(whole)
            found = text.find(whole, found + len(whole))
    places = _places_of(frozenset(contents.pieces), text)
    first_places = contents.first_places() if places else {}
    content = contents.joined
    compared = done = 0
    for at in places:
        if at < done:
            continue
        piece = text[at : at + _GRAM]
        place = first_places[piece]
        compared_with = ""
        for _ in range(_MAX_PLACES):
            compared += 1
            if compared > _MAX_COMPARISONS:
                return hidden, at
            # All that a short run depends on: a text that repeats itself is compared once.
            near = content[max(0, place - _LONGEST_BEFORE) : place + _FIRST]
            if near != compared_with:
                start, end = _run(text, at, content, place)
                is_whole = len(near) == _LONGEST_BEFORE + _FIRST
                compared_with = near if is_whole and end - at < _FIRST else ""
                # Content that continues beyond its end contains another piece, found from here on.
                done = max(done, end - 2 * _GRAM + 2)
                if len(text[start:end].strip()) >= _PIECE:
                    hidden[start:end] = b"\1" * (end - start)
                    break
            place = content.find(piece, place + 1)
            if place < 0:
                break
    return hidden, len(text)


def _places_of(pieces: frozenset[str], text: str) -> list[int]:
    """Return where any of the pieces begins in a text, in order."""
    if len(pieces) > _FEW_PIECES:
        return [at for at in range(len(text) - _GRAM + 1) if text[at : at + _GRAM] in pieces]
    places = []
    for piece in pieces:
        at = text.find(piece)
        while at >= 0:
            places.append(at)
            at = text.find(piece, at + 1)
    places.sort()
    return places


def _run(text: str, found: int, content: str, at: int) -> tuple[int, int]:
    """Return start and end of the run that text and content share around a common piece."""
    for size in (_FIRST, _LONGEST_RUN):
        behind = common_prefix(text[found : found + size], content[at : at + size])
        if behind < size:
            break
    size = min(found, at, _LONGEST_BEFORE)
    if not size or text[found - 1] != content[at - 1]:  # most often
        return found, found + behind
    before = common_prefix(text[found - size : found][::-1], content[at - size : at][::-1])
    return found - before, found + behind


def _hide_ends(text: str, contents: Iterable[str], hidden: bytearray) -> None:
    """Hide the beginning of a content that was cut off before a gap, or its end after one."""
    gap = text.find(GAP)
    for _ in range(_MAX_GAPS):
        if gap < 0:
            return
        after = gap + len(GAP)
        left, right = text[max(0, gap - _PIECE) : gap], text[after : after + _PIECE]
        for content in contents:
            if content[: _GRAM // 2] in left:
                for size in range(min(_PIECE, len(content)), _GRAM // 2 - 1, -1):
                    if left.endswith(content[:size]):
                        hidden[gap - size : gap] = b"\1" * size
                        break
            if content[-_GRAM // 2 :] in right:
                for size in range(min(_PIECE, len(content)), _GRAM // 2 - 1, -1):
                    if right.startswith(content[-size:]):
                        hidden[after : after + size] = b"\1" * size
                        break
        gap = text.find(GAP, after)
