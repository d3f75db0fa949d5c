"""Digests of trees, and shapes of successful results."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from genmon_otel.payload.opaque import Opaque
from genmon_otel.payload.paths import import_path
from genmon_otel.payload.state import state_of
from genmon_otel.records import Tree

#: Names listed in one shape; parts of a dotted name (``app.files`` has 2); characters of one part.
_MAX_NAMES: Final = 100
_MAX_DEPTH: Final = 3
_MAX_NAME: Final = 100


@dataclass(frozen=True, slots=True)
class Streamed:
    """Represents the result of a stream by the number of its items."""

    items: int


def digest(tree: Tree) -> str:
    """Hash a tree; equal for equal trees, whatever the order of their keys. 32 hex digits."""
    text = json.dumps(tree, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def shape(value: Any) -> Tree:
    """Describe a result: its type, top-level keys, and which of its members are empty.

    Never raises. Nested names are dotted (``app.files``); ``empty`` says whether the value itself is
    (see :func:`is_empty`). The shape of a stream has the number of its items.
    """
    if type(value) is Streamed:
        return {"type": "stream", "items": value.items, "empty": value.items == 0}
    try:
        members = _members(value)
        return {
            "type": _type_name(value),
            "keys": [name for name, _ in members][:_MAX_NAMES],
            "non_empty": sorted(_member_names(value, empty=False))[:_MAX_NAMES],
            "empties": sorted(_member_names(value, empty=True))[:_MAX_NAMES],
            "empty": is_empty(value),
        }
    except Exception:
        return {
            "type": _type_name(value),
            "keys": [],
            "non_empty": [],
            "empties": [],
            "empty": False,
        }


def is_empty(value: Any) -> bool:
    """Whether a value is None, False, blank text or an empty container. Numbers are not empty."""
    if type(value) is Opaque:
        return False
    if value is None or value is False:
        return True
    if isinstance(value, str):
        return not str.strip(value[:10_000])
    if isinstance(value, (list, dict, tuple, set, frozenset, bytes, bytearray)):
        return len(value) == 0
    return False


def _type_name(value: Any) -> str:
    path = import_path(type(value))
    return path.removeprefix("builtins:")


def _member_names(value: Any, *, empty: bool, prefix: str = "", depth: int = 1) -> Iterator[str]:
    for name, member in _members(value):
        if is_empty(member) is empty:
            yield prefix + name
        if depth < _MAX_DEPTH:
            yield from _member_names(
                member, empty=empty, prefix=f"{prefix}{name}.", depth=depth + 1
            )


def _members(value: Any) -> list[tuple[str, Any]]:
    """Return the public named members of a dict, named tuple or object of data."""
    if type(value) is Opaque:
        return []
    if isinstance(value, dict):
        pairs: Mapping[Any, Any] = value
    elif isinstance(value, tuple) and hasattr(value, "_fields"):
        pairs = dict(zip(value._fields, value, strict=False))
    elif isinstance(value, (str, bytes, int, float, list, tuple, set, frozenset, type)):
        return []
    else:
        pairs = state_of(value)
    return [
        (name, member)
        for name, member in list(pairs.items())[:_MAX_NAMES]
        if isinstance(name, str) and not name.startswith("_") and len(name) <= _MAX_NAME
    ]
