"""Put what a run returned in a form in which two runs can be compared.

A result may be of a class that a recording cannot name: instructor makes a subclass of the model that it was given.
Recorded it is opaque, and two different ones are the same; here what it holds counts as well.
"""

from __future__ import annotations

from typing import Any, Final

from genmon_otel import payload
from genmon_otel.payload.opaque import opaque_nodes
from genmon_otel.payload.state import state_of
from genmon_otel.records import Tree

#: Levels of values within values that are looked into.
_DEPTH: Final = 16
#: Values that are looked into.
_MOST: Final = 10_000


def comparable(value: Any) -> Tree:
    """Return a value as a tree; of instances that cannot be recorded what they hold.

    It runs no code of the values' classes. Bounded in depth and number: beyond, what cannot be recorded is equal.
    """
    tree = payload.encode(value)
    return [tree, _Held().of(value, _DEPTH)] if _has_opaque(tree) else tree


class _Held:
    """Encodes the contents of values, up to a limit."""

    def __init__(self) -> None:
        self._left = _MOST

    def of(self, value: Any, depth: int) -> Tree:
        self._left -= 1
        if depth == 0 or self._left < 0:
            return None
        if type(value) in (list, tuple):
            return [self.of(item, depth - 1) for item in value[: self._left]]
        if type(value) is dict:
            pairs = list(value.items())[: self._left]
            return [[payload.encode(key), self.of(item, depth - 1)] for key, item in pairs]
        tree = payload.encode(value)
        if not _has_opaque(tree) or type(value) is payload.Opaque:
            return tree
        try:
            return [tree, self.of(state_of(value), depth - 1)]
        except Exception:  # a class whose attributes cannot be read
            return tree


def _has_opaque(tree: Tree) -> bool:
    return next(opaque_nodes(tree), None) is not None
