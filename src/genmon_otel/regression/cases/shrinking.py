"""Smaller forms of recorded data: structured data stays structured, and nothing becomes empty.

The smaller form keeps what code may ask of it beyond the failing way: the keys of a mapping,
one item of a list, one word of a text. A fix, which reads more than the failing code did, runs
on it as on the original. Placeholders of secrets, tags of typed values and numbers stay whole.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from genmon_otel.records import Tree
from genmon_otel.redaction.placeholders import MARK

#: Where a value lies within another: keys and positions.
Path = tuple[str | int, ...]
#: Characters that are left of a text, at most.
_LEFT: Final = 8
#: Texts that are no longer are left alone.
_SHORT: Final = 12
#: Members of a typed value that say what it is.
_TAGS: Final = frozenset({"$", "type", "path", "name", "base", "kind", "sha256"})
#: Tags of values whose text is not free: dates, numbers, what could not be recorded.
_FIXED: Final = frozenset(
    "opaque int float date datetime time timedelta timezone zone decimal fraction uuid enum type "
    "complex path regex ref".split()
)


def smallest(tree: Tree) -> Tree:
    """Return the smallest form of a value."""
    if isinstance(tree, str):
        return smallest_text(tree)
    if isinstance(tree, list):
        return [smallest(tree[0])] if tree else []
    if isinstance(tree, dict):
        if tree.get("$") in _FIXED:
            return tree
        return {k: v if "$" in tree and k in _TAGS else smallest(v) for k, v in tree.items()}
    return tree


def smallest_text(text: str) -> str:
    """Return the smallest form of a text: of JSON its own, else a word of it."""
    if len(text) <= _SHORT or MARK in text:
        return text
    data = _parsed(text)
    if data is not None:
        shorter = json.dumps(smallest(data), ensure_ascii=False)
        return shorter if len(shorter) < len(text) else text
    return (text.split() or [text])[0][:_LEFT]


def parts(tree: Tree, at: Path = ()) -> Iterator[Path]:
    """Return where parts of a value lie that have a smaller form, the outer ones first."""
    if smallest(tree) == tree:
        return
    yield at
    if isinstance(tree, list):
        for index, item in enumerate(tree):
            yield from parts(item, (*at, index))
    elif isinstance(tree, dict):
        for key, value in tree.items():
            if not ("$" in tree and key in _TAGS):
                yield from parts(value, (*at, key))


def read(tree: Any, at: Path) -> Any:
    """Return the part of a value that lies at a place."""
    for key in at:
        tree = tree[key]
    return tree


def put(tree: Any, at: Path, value: Any) -> Any:
    """Return a value with another part at a place; the given one stays as it is."""
    if not at:
        return value
    key, *rest = at
    changed: Any = list(tree) if isinstance(tree, list) else dict(tree)
    changed[key] = put(tree[key], tuple(rest), value)
    return changed


def pieces(text: str, count: int) -> list[str]:
    """Cut a text into so many pieces, at ends of lines where there are as many."""
    lines = text.splitlines(keepends=True)
    units: list[str] = lines if len(lines) >= count else list(text)
    size = max(1, -(-len(units) // count))
    return ["".join(units[i : i + size]) for i in range(0, len(units), size)]


def body_of(answer: Any) -> Any:
    """Return the body of an automatic step's answer, as data where it is JSON; None for no text."""
    body = answer.get("body") if isinstance(answer, dict) else None
    if not isinstance(body, str) or not body:
        return None
    return body if (data := _parsed(body)) is None else data


def _parsed(text: str) -> Any:
    if text[:1] not in "{[":
        return None
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return data if isinstance(data, (dict, list)) else None
