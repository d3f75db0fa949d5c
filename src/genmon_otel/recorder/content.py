"""Keep off spans what people asked for and what models answered: errors quote both.

Only where a generation failed, and with bounded work: what is looked through of the
content, and what is compared with the error's text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cached_property
from itertools import compress, islice
from typing import TYPE_CHECKING, Any, Final

from genmon_otel.records import Tree
from genmon_otel.text import GAP

if TYPE_CHECKING:
    from genmon_otel.recorder.live_generation import Generation

#: What stands where content was.
CONTENT: Final = "<content>"
#: Characters of a value that is content wherever it occurs, and of a piece of a longer one.
_SHORTEST: Final = 8
_PIECE: Final = 16
#: Every piece holds one of these at a multiple of its length.
_GRAM: Final = 8
#: Texts looked for, nodes of a tree that are visited, characters of a text's head and tail and of all.
_MAX_TEXTS: Final = 500
_MAX_NODES: Final = 5_000
_HEAD: Final = 24_576
_TAIL: Final = 8_192
_MAX_ALL: Final = 65_536
#: Characters that one run may have to each side of the piece that was found.
_LONGEST_RUN: Final = 4_096
#: Steps of comparing: about 0.3 µs each. Beyond, all of the text counts as content.
_MAX_STEPS: Final = 3_000
#: Steps that one comparison counts for, however little is alike.
_COMPARISON: Final = 8
#: Places of one piece that are compared, of the text and of a content; it may be all blanks.
_MAX_PLACES: Final = 64
_MAX_REPEATS: Final = 8
_PIECES: Final = re.compile(f".{{{_GRAM}}}", re.DOTALL).findall
#: Characters compared at first: most runs are short.
_FIRST: Final = 32
#: Pieces for which plain searches take less than an index of the text.
_FEW_PIECES: Final = 64
#: Pydantic's quotation of what it refused, and what follows it.
_INPUT_VALUE: Final = re.compile(r"\binput_value=(?:.*(?=, input_type=)|.*)")
_INPUT_TYPE: Final = ", input_type="


def texts_in(tree: Tree) -> Iterator[str]:
    """The strings of nested dicts, lists and tuples that are long enough to tell."""
    waiting: list[Any] = [tree]
    for _ in range(_MAX_NODES):
        if not waiting:
            return
        node = waiting.pop()
        if isinstance(node, str):
            if len(node) >= _SHORTEST:
                yield node
        elif isinstance(node, dict):
            waiting.extend(islice(node.values(), _MAX_NODES))
        elif isinstance(node, (list, tuple)):
            waiting.extend(node[:_MAX_NODES])


class Contents:
    """Texts that must not be told, and what they are compared by."""

    def __init__(self, texts: Iterable[str]) -> None:
        self.texts = tuple(texts)

    @cached_property
    def pieces(self) -> tuple[tuple[str, list[str]], ...]:
        """Each text with its pieces; the n-th begins at n times :data:`_GRAM`."""
        return tuple((text, _PIECES(text)) for text in self.texts if len(text.strip()) >= _SHORTEST)


def contents_of(generation: Generation, *more: str) -> Contents:
    """Return what a generation was asked, what its steps were, and what they answered; bounded.

    Args:
        generation: whose.
        more: other texts that must not be told.
    """
    found: dict[str, None] = dict.fromkeys(more)
    size = 0
    for whole in islice(_contents(generation), _MAX_TEXTS):
        # a long text that quotes another loses its middle: both ends are looked for
        text = whole if len(whole) <= _HEAD + _TAIL else f"{whole[:_HEAD]}{GAP}{whole[-_TAIL:]}"
        if text in found or text == generation.framework:
            continue
        size += len(text)
        if size > _MAX_ALL:
            break
        found[text] = None
        quoted = repr(text)[1:-1]  # errors quote
        if quoted not in found:
            size += len(quoted)
            found[quoted] = None
    return Contents(found)


def _contents(generation: Generation) -> Iterator[str]:
    if generation.request and len(generation.request) >= _SHORTEST:
        yield generation.request
    if generation.held is not None:
        yield from generation.held.texts()
    for stage in generation.stages:
        yield from stage.texts()


def hide(text: str, contents: Contents) -> str:
    """Return a text without the contents, without pieces of 16 characters of them, without pydantic's.

    Linear in both, and bounded: where comparing takes too long, all of the text is taken for content.
    """
    if "input" in text:
        text = _INPUT_VALUE.sub(f"input_value={CONTENT}", text)
        text = _without_cut_input(text)
    if not contents.texts:
        return text
    hidden = _where(text, contents)
    if hidden is None:
        return CONTENT
    kept, at = [], 0
    while at < len(text):
        mark = hidden[at]
        end = hidden.find(1 - mark, at)
        end = len(text) if end < 0 else end
        kept.append(CONTENT if mark else text[at:end])
        at = end
    return "".join(kept)


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


def _where(text: str, contents: Contents) -> bytearray | None:
    """Tell for each character whether it is content; None if that took too long to find out."""
    hidden = bytearray(len(text))
    for content in contents.texts if GAP in text else ():
        _hide_ends(text, content, hidden)
    pieces = contents.pieces
    if sum(len(each) for _, each in pieces) <= _FEW_PIECES:
        # The rule: nothing was quoted.
        pieces = tuple(pair for pair in pieces if any(piece in text for piece in pair[1]))
    if not pieces:
        return hidden
    of_text = {text[at : at + _GRAM] for at in range(len(text) - _GRAM + 1)}
    steps = 0
    for content, each in pieces:
        shared = of_text.intersection(each)
        whole = len(content.strip())
        compared = dict.fromkeys(shared, 0)
        for number in _numbers(each, shared):
            piece = each[number]
            if piece not in compared:
                continue
            compared[piece] += 1
            if compared[piece] == _MAX_REPEATS:
                del compared[piece]
            found = text.find(piece)
            for _ in range(_MAX_PLACES):
                if found < 0:
                    break
                steps += 1
                if steps > _MAX_STEPS:
                    return None
                if hidden[found]:  # go on behind what is hidden already
                    end = hidden.find(0, found)
                    if end < 0:
                        break
                else:
                    start, end = _run(text, found, content, number * _GRAM)
                    steps += _COMPARISON + ((end - start) >> 5)
                    if len(text[start:end].strip()) >= min(_PIECE, whole):
                        hidden[start:end] = b"\1" * (end - start)
                found = text.find(piece, max(end - _GRAM, found) + 1)
            if not compared:
                break
        if 0 not in hidden:
            break
    return hidden


def _numbers(each: list[str], shared: set[str]) -> Iterator[int]:
    """Return which pieces of a content are in the text, too."""
    return compress(range(len(each)), map(shared.__contains__, each)) if shared else iter(())


def _run(text: str, found: int, content: str, at: int) -> tuple[int, int]:
    """Return where the text goes on like the content, to both sides of what both have in common."""
    for size in (_FIRST, _LONGEST_RUN):
        behind = _alike(text[found : found + size], content[at : at + size])
        if behind < size:
            break
    for size in (_FIRST, _LONGEST_RUN):
        before = _alike(
            text[max(0, found - size) : found][::-1], content[max(0, at - size) : at][::-1]
        )
        if before < size:
            break
    return found - before, found + behind


def _alike(one: str, other: str) -> int:
    """Return how many characters two texts have in common from their beginning on."""
    low, high = 0, min(len(one), len(other))
    if one[:high] == other[:high]:
        return high
    while high - low > 1:  # the first half is alike, what ends at ``high`` is not
        middle = (low + high) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle
    return low


def _hide_ends(text: str, content: str, hidden: bytearray) -> None:
    """Hide the beginning of a content that was cut off before a gap, or its end after one."""
    gap = text.find(GAP)
    after = gap + len(GAP)
    for size in range(min(_PIECE, len(content)), _GRAM // 2 - 1, -1):
        if text.endswith(content[:size], 0, gap):
            hidden[gap - size : gap] = b"\1" * size
            break
    for size in range(min(_PIECE, len(content)), _GRAM // 2 - 1, -1):
        if text.startswith(content[-size:], after):
            hidden[after : after + size] = b"\1" * size
            break
