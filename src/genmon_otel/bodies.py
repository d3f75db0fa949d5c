"""Bodies on the wire, taken apart: JSON, lines of JSON, a list of JSON that is streamed, server-sent events.

A stream of events carries a text in pieces. The text that a piece belongs to is identified by the
piece's place in its event (:data:`Place`) and by the indexes of the objects around it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import Any, Final, NamedTuple

#: First character of an element of a :data:`Place` that is an index.
INDEX: Final = "#"

Place = tuple[str | int, ...]
"""Keys and positions on the way to a text in a tree of JSON."""

#: The end of one event of a stream, or of one line of JSON.
_EVENT_END: Final = re.compile(r"\r?\n\r?\n|\r\r")
_LINE_END: Final = re.compile(r"\n")
_EVENTS: Final = re.compile(r"(?:data|event|id|retry)?:")
#: What may stand before the JSON of a line or a member: a label (Vercel's data streams), the list's
#: own signs.
_BEFORE: Final = re.compile(r"[0-9a-z]{1,2}:(?=[\[{\"])|[\s,\[]+(?=\{)")
_BETWEEN: Final = re.compile(r"[\s,]*")
#: Keys of a member of a list that is a streamed answer: Gemini's, and those of OpenAI's form.
_OF_ANSWERS: Final = frozenset({"candidates", "choices", "delta", "token"})

_decode: Final = json.JSONDecoder().raw_decode
dumps = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class Part(NamedTuple):
    """One text in an event."""

    #: Where it stands.
    place: Place
    #: Which text of the whole answer it is a part of.
    whole: Place
    text: str


def parsed(text: str, starts: str = "{[") -> tuple[Any] | None:
    """Return the object or list that a text is as JSON, in a tuple; None where it is none.

    Args:
        text: the text.
        starts: with what it must begin; with a quotation mark, too, where a text alone is meant.
    """
    if text.lstrip()[:1] not in tuple(starts):
        return None
    try:
        return (json.loads(text),)
    except (ValueError, RecursionError):
        return None


def pieces(text: str) -> list[str]:
    """Return a stream's events, lines of JSON or members, each with its end; of other text one piece."""
    if _EVENTS.match(text):
        return list(_cut(text, _EVENT_END))
    if len(members := list(_members(text))) > 1:
        return members
    lines = list(_cut(text, _LINE_END))
    return lines if all(data_of(line) or not line.strip() for line in lines[:-1]) else [text]


def _cut(text: str, end: re.Pattern[str]) -> Iterator[str]:
    done = 0
    for found in end.finditer(text):
        yield text[done : found.end()]
        done = found.end()
    if done < len(text):
        yield text[done:]


def is_stream(value: Any) -> bool:
    """Whether a body is a list whose members are an answer piece by piece."""
    return (
        isinstance(value, list)
        and bool(value)
        and isinstance(value[0], dict)
        and not _OF_ANSWERS.isdisjoint(value[0])
    )


def _members(text: str) -> Iterator[str]:
    """Return the members of a list that is a streamed answer, each with what is before it, and the rest.

    The list need not be whole.
    """
    begin = len(text) - len(text.lstrip())
    if text[begin : begin + 1] != "[":
        return
    done, at = 0, begin + 1
    while True:
        at = _between(text, at)
        try:
            member, at = _decode(text, at)
        except (ValueError, RecursionError):
            break
        if not is_stream([member]):
            break
        yield text[done:at]
        done = at
    if done and done < len(text):
        yield text[done:]


def _between(text: str, at: int) -> int:
    found = _BETWEEN.match(text, at)
    return at if found is None else found.end()


def _data_lines(piece: str) -> list[str]:
    return [line[5:] for line in piece.splitlines() if line.startswith("data:")]


def data_of(piece: str) -> tuple[Any] | None:
    """Return the JSON value of an event, a line or a member, in a tuple; None where there is none."""
    if lines := _data_lines(piece):
        return parsed("\n".join(lines), '{["')
    if (value := parsed(piece)) is not None:
        return value
    before = _BEFORE.match(piece)
    return None if before is None else parsed(piece[before.end() :], '{["')


def text_of(piece: str) -> str | None:
    """Return the plain text of an event; None where it holds JSON, nothing, or only an end marker."""
    lines = _data_lines(piece)
    text = "\n".join(line.removeprefix(" ") for line in lines)
    return None if text in ("", "[DONE]") or data_of(piece) is not None else text


def with_data(piece: str, data: str) -> str:
    """Return the same event, line or member with other data."""
    bare = piece.rstrip("\r\n")
    end = piece[len(bare) :]
    lines = bare.splitlines()
    if not any(line.startswith("data:") for line in lines):
        before = None if parsed(bare) else _BEFORE.match(bare)
        return ("" if before is None else before.group()) + data + end
    kept: list[str] = []
    given = False
    for line in lines:
        if not line.startswith("data:"):
            kept.append(line)
        elif not given:
            kept.extend(f"data: {each}" for each in data.split("\n"))
            given = True
    return "\n".join(kept) + end


def indexes(tree: Mapping[str, Any]) -> Place:
    """Return which of several answers, items or calls an object of an event belongs to, as it says by its indexes."""
    return tuple(
        f"{INDEX}{key} {value}"
        for key, value in tree.items()
        if type(value) is int and key[-5:].lower() == "index"
    )


def parts_of(tree: Any, place: Place = (), whole: Place = ()) -> Iterator[Part]:
    """Return the texts of an event that are not empty.

    Several answers, or calls of tools, come mixed: each part then says its indexes. Texts that are
    members of one list are parts of one text, as tokens are.
    """
    if isinstance(tree, str):
        if tree:
            yield Part(place, whole, tree)
    elif isinstance(tree, dict):
        whole = (*whole, *indexes(tree))
        for key, value in tree.items():
            yield from parts_of(value, (*place, key), (*whole, key))
    elif isinstance(tree, list):
        for number, value in enumerate(tree):
            within = whole if isinstance(value, str) else (*whole, number)
            yield from parts_of(value, (*place, number), within)


class SaidTexts:
    """The texts of a stream, in order."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        #: Of each the number of its event, and where it stands there.
        self.events: list[int] = []
        self.places: list[Place] = []
        #: Pieces that belong to one text according to their indexes.
        self.wholes: dict[Place, list[int]] = {}

    def add(self, event: int, parts: Iterable[Part]) -> None:
        """Add the texts of an event."""
        for place, whole, text in parts:
            self.wholes.setdefault(whole, []).append(len(self.texts))
            self.texts.append(text)
            self.events.append(event)
            self.places.append(place)

    def runs(self) -> Iterator[list[int]]:
        """Return the parts that make one text each; an index that counts tokens separates no texts."""
        by_place: dict[Place, list[list[int]]] = {}
        for whole, run in self.wholes.items():
            place = tuple(step for step in whole if not str(step).startswith(INDEX))
            by_place.setdefault(place, []).append(run)
        for runs in by_place.values():
            if len(runs) > sum(map(len, runs)) / 2:
                yield sorted(chain.from_iterable(runs))
            else:
                yield from runs


def strings(text: str) -> Iterator[str]:
    """Return the texts that a body holds, those of a stream put together; else the body itself."""
    value = parsed(text)
    if value is not None and not is_stream(value[0]):
        yield from (part.text for part in parts_of(value[0]))
        return
    said = SaidTexts()
    found = False
    for number, piece in enumerate(pieces(text)):
        event = data_of(piece)
        says = text_of(piece) if event is None else event[0]
        if says is not None:
            found = True
            said.add(number, parts_of(says))
    if not found:
        yield text
    for run in said.runs():
        yield "".join(said.texts[at] for at in run)
