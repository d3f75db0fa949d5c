"""Keep off spans what people asked for and what models answered: errors quote both.

Only where a generation failed, and with bounded work: what is looked through of the
content, and what is compared with the error's text.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from itertools import islice
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
#: Texts looked for, nodes of a tree that are visited, characters of a text and of all.
_MAX_TEXTS: Final = 500
_MAX_NODES: Final = 5_000
_MAX_TEXT: Final = 65_536
_MAX_ALL: Final = 262_144
#: Characters compared; beyond, all of the text counts as content.
_MAX_STEPS: Final = 200_000
#: Pydantic's quotation of what it refused.
_INPUT_VALUE: Final = re.compile(r"\binput_value=(?:.*(?=, input_type=)|.*)")
#: The end of one whose beginning was left out.
_CUT_INPUT: Final = re.compile(rf"{GAP}(?:(?!input_value=)[^\n])*(?=, input_type=)")


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


def contents_of(generation: Generation) -> list[str]:
    """What a generation was asked, what its steps were, and what they answered; bounded."""
    found: dict[str, None] = {}
    size = 0
    for whole in islice(_contents(generation), _MAX_TEXTS):
        text = whole[:_MAX_TEXT]
        if text in found or text == generation.framework:
            continue
        size += len(text)
        if size > _MAX_ALL:
            break
        found[text] = None
        found[repr(text)[1:-1]] = None  # errors quote
    return list(found)


def _contents(generation: Generation) -> Iterator[str]:
    if generation.request and len(generation.request) >= _SHORTEST:
        yield generation.request
    if generation.held is not None:
        yield from generation.held.texts()
    for stage in generation.stages:
        yield from stage.texts()


def hide(text: str, contents: Collection[str]) -> str:
    """A text without the contents, without pieces of 16 characters of them, without pydantic's."""
    if "input" in text:
        text = _INPUT_VALUE.sub(f"input_value={CONTENT}", text)
        text = _CUT_INPUT.sub(f"{GAP}{CONTENT}", text)
    if not contents:
        return text
    hidden = _where(text, contents)
    if hidden is None:
        return CONTENT
    if 1 not in hidden:
        return text
    kept, at = [], 0
    while at < len(text):
        end = at
        while end < len(text) and hidden[end] == hidden[at]:
            end += 1
        kept.append(CONTENT if hidden[at] else text[at:end])
        at = end
    return "".join(kept)


def _where(text: str, contents: Collection[str]) -> bytearray | None:
    """For each character whether it is content; None if that took too long to find out."""
    hidden = bytearray(len(text))
    if GAP not in text and sum(map(len, contents)) <= 4 * len(text):
        # The rule: nothing was quoted. Looking for its pieces takes less than an index of the text.
        contents = [content for content in contents if _shares_a_gram(text, content)]
    if not contents:
        return hidden
    grams: dict[str, list[int]] = {}
    for at in range(len(text) - _GRAM + 1):
        grams.setdefault(text[at : at + _GRAM], []).append(at)
    steps = 0
    for content in contents:
        steps += _hide_ends(text, content, hidden)
        whole = len(content.strip())
        if whole < _SHORTEST:
            continue
        for at in range(0, len(content) - _GRAM + 1, _GRAM):
            for found in grams.get(content[at : at + _GRAM], ()):
                steps += 1
                if hidden[found]:
                    continue
                start, end = _run(text, found, content, at)
                steps += end - start
                if steps > _MAX_STEPS:
                    return None
                if len(text[start:end].strip()) >= min(_PIECE, whole):
                    hidden[start:end] = b"\1" * (end - start)
    return hidden


def _shares_a_gram(text: str, content: str) -> bool:
    return any(content[at : at + _GRAM] in text for at in range(0, len(content) - _GRAM + 1, _GRAM))


def _run(text: str, found: int, content: str, at: int) -> tuple[int, int]:
    """Where the text goes on like the content, to both sides of what both have in common."""
    start, end = found, found + _GRAM
    while start > 0 and at > 0 and text[start - 1] == content[at - 1]:
        start, at = start - 1, at - 1
    behind = at + end - start
    while end < len(text) and behind < len(content) and text[end] == content[behind]:
        end, behind = end + 1, behind + 1
    return start, end


def _hide_ends(text: str, content: str, hidden: bytearray) -> int:
    """Hide the beginning of a content that was cut off before a gap, or its end after one."""
    gap = text.find(GAP)
    if gap < 0:
        return 0
    after = gap + len(GAP)
    for size in range(min(_PIECE, len(content)), _GRAM // 2 - 1, -1):
        if text.endswith(content[:size], 0, gap):
            hidden[gap - size : gap] = b"\1" * size
            break
    for size in range(min(_PIECE, len(content)), _GRAM // 2 - 1, -1):
        if text.startswith(content[-size:], after):
            hidden[after : after + size] = b"\1" * size
            break
    return _PIECE
