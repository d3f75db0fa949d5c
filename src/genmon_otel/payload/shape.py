"""What a tree says at a glance: its digest, and the shape of a successful result."""

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

#: Names listed in one shape, and their depth (``app.files`` is 2).
_MAX_NAMES: Final = 100
_MAX_DEPTH: Final = 3
_MAX_NAME: Final = 100


@dataclass(frozen=True, slots=True)
class Streamed:
    """Stands for the result of a stream, whose items were handed on one by one."""

    items: int


def digest(tree: Tree) -> str:
    """Hash a tree canonically: equal for equal values, in whatever order their keys came."""
    text = json.dumps(tree, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def shape(value: Any) -> Tree:
    """Sketch a result: its type, its top-level keys, what in it is not empty and what is.

    Never raises. Nested names are dotted (``app.files``); ``empty`` is about the value itself.
    None, False and empty or blank texts and containers are empty; numbers are not. Of a stream
    the number of its items is told.
    """
    if type(value) is Streamed:
        return {"type": "stream", "items": value.items, "empty": value.items == 0}
    try:
        members = _members(value)
        return {
            "type": _type_name(value),
            "keys": [name for name, _ in members][:_MAX_NAMES],
            "non_empty": sorted(_named(value, empty=False))[:_MAX_NAMES],
            "empties": sorted(_named(value, empty=True))[:_MAX_NAMES],
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
    """Whether a value holds nothing: None, False, and empty or blank texts and containers."""
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


def _named(value: Any, *, empty: bool, prefix: str = "", depth: int = 1) -> Iterator[str]:
    for name, member in _members(value):
        if is_empty(member) is empty:
            yield prefix + name
        if depth < _MAX_DEPTH:
            yield from _named(member, empty=empty, prefix=f"{prefix}{name}.", depth=depth + 1)


def _members(value: Any) -> list[tuple[str, Any]]:
    """Named members of a mapping or an object made of data."""
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
