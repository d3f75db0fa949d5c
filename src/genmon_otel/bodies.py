"""Bodies on the wire, taken apart: JSON, lines of JSON, server-sent events.

A stream of events says a text piece by piece; which text a piece is a part of is told by where it
stands in its event (:data:`Place`), and by the ``index`` of what it stands in.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

Place = tuple[str | int, ...]
"""Keys and positions on the way to a text in a tree of JSON."""

#: The end of one event of a stream, or of one line of JSON.
_EVENT_END: Final = re.compile(r"\r?\n\r?\n|\r\r")
_LINE_END: Final = re.compile(r"\n")
_EVENTS: Final = re.compile(r"(?:data|event|id|retry)?:")

dumps = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class Part(NamedTuple):
    """One text in an event."""

    #: Where it stands.
    place: Place
    #: Which text of the whole answer it is a part of.
    whole: Place
    text: str


def parsed(text: str) -> tuple[Any] | None:
    """Return the object or list that a text is as JSON, in a tuple; None where it is none."""
    if text.lstrip()[:1] not in ("{", "["):
        return None
    try:
        return (json.loads(text),)
    except (ValueError, RecursionError):
        return None


def pieces(text: str) -> list[str]:
    """Return a stream's events, or its lines of JSON, each with its end; of other text one piece."""
    if _EVENTS.match(text):
        return list(_cut(text, _EVENT_END))
    lines = list(_cut(text, _LINE_END))
    return lines if all(parsed(line) or not line.strip() for line in lines[:-1]) else [text]


def _cut(text: str, end: re.Pattern[str]) -> Iterator[str]:
    done = 0
    for found in end.finditer(text):
        yield text[done : found.end()]
        done = found.end()
    if done < len(text):
        yield text[done:]


def data_of(piece: str) -> tuple[Any] | None:
    """Return what an event or a line says as JSON, in a tuple; None where it says none."""
    lines = [line for line in piece.splitlines() if line.startswith("data:")]
    return parsed("\n".join(line[5:] for line in lines) if lines else piece)


def with_data(piece: str, data: str) -> str:
    """Return the same event or line with other data."""
    bare = piece.rstrip("\r\n")
    end = piece[len(bare) :]
    lines = bare.splitlines()
    if not any(line.startswith("data:") for line in lines):
        return data + end
    kept: list[str] = []
    given = False
    for line in lines:
        if not line.startswith("data:"):
            kept.append(line)
        elif not given:
            kept.append(f"data: {data}")
            given = True
    return "\n".join(kept) + end


def parts_of(tree: Any, place: Place = (), whole: Place = ()) -> Iterator[Part]:
    """Return the texts of an event that are not empty.

    Several answers, or calls of tools, come mixed: each part then says its ``index``.
    """
    if isinstance(tree, str):
        if tree:
            yield Part(place, whole, tree)
    elif isinstance(tree, dict):
        if type(index := tree.get("index")) is int:
            whole = (*whole, f"#{index}")
        for key, value in tree.items():
            yield from parts_of(value, (*place, key), (*whole, key))
    elif isinstance(tree, list):
        for number, value in enumerate(tree):
            yield from parts_of(value, (*place, number), (*whole, number))


def strings(text: str) -> Iterator[str]:
    """Return the texts that a body holds, those of a stream put together; else the body itself."""
    if (value := parsed(text)) is not None:
        yield from (part.text for part in parts_of(value[0]))
        return
    said: dict[Place, list[str]] = {}
    found = False
    for piece in pieces(text):
        if (event := data_of(piece)) is not None:
            found = True
            for part in parts_of(event[0]):
                said.setdefault(part.whole, []).append(part.text)
    if not found:
        yield text
    yield from map("".join, said.values())
