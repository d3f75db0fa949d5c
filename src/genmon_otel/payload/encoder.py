"""One pass over a value that turns it into a tree, within a budget of bytes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from genmon_otel.interruption import is_interruption
from genmon_otel.payload.escapes import escape
from genmon_otel.payload.opaque import opaque_tree
from genmon_otel.records import Tree

#: Approximate bytes of a number, a None, or the punctuation around an item.
SMALL_VALUE_BYTES: Final = 4
#: Approximate bytes of an opaque tree.
OPAQUE_BYTES: Final = 100
#: Levels of containers; deeper data is ``Opaque('depth')``.
MAX_DEPTH: Final = 100

EncodeFunction = Callable[["Encoder", Any], Tree]
"""Encodes the instances of one class."""


class BudgetExceeded(Exception):
    """The budget is used up: the enclosing container becomes opaque."""


class TooMuchDiscarded(Exception):
    """Containers that did not fit cost several times the budget: the whole value becomes opaque."""


class Encoder:
    """Encodes one value and everything in it, within a budget of bytes.

    Args:
        limit_bytes: the budget.
        functions: the encode function of each class; a missing one is chosen on look-up.
    """

    __slots__ = ("_active", "_discarded", "_functions", "_left", "_limit")

    def __init__(self, limit_bytes: int, functions: Mapping[type, EncodeFunction]) -> None:
        self._limit = limit_bytes
        self._left = limit_bytes
        #: Bytes spent on containers that became opaque.
        self._discarded = 0
        #: Ids of the containers around the present value, to find cycles.
        self._active: set[int] = set()
        self._functions = functions

    def tree(self, value: Any) -> Tree:
        """Encode a value of any class."""
        kind = type(value)
        try:
            return self._functions[kind](self, value)
        except (BudgetExceeded, TooMuchDiscarded, RecursionError):
            raise
        except BaseException as error:
            if is_interruption(error):
                raise
            return self._opaque(kind, "hostile")

    def spend(self, size: int) -> None:
        """Subtract bytes from the budget.

        Raises:
            BudgetExceeded: fewer are left.
        """
        self._left -= size
        if self._left < 0:
            raise BudgetExceeded

    def require(self, size: int) -> None:
        """Check that so many bytes are left, before the work of encoding them.

        Raises:
            BudgetExceeded: fewer are left.
        """
        if size > self._left:
            raise BudgetExceeded

    def text(self, value: str) -> Tree:
        """Encode text; NUL and lone surrogates, which databases refuse, are escaped."""
        size = len(value)
        if size > self._left:
            return self._too_big(str)
        if value.isascii():
            if "\0" not in value:
                self._left -= size
                return value
        else:
            try:
                size = len(value.encode())
                if "\0" not in value:
                    if size > self._left:
                        return self._too_big(str)
                    self._left -= size
                    return value
            except UnicodeEncodeError:
                pass
        escaped = escape(value)
        if len(escaped) > self._left:
            return self._too_big(str)
        self._left -= len(escaped)
        return {"$": "text", "v": escaped}

    def container(self, value: Any, build: Callable[[], Tree]) -> Tree:
        """Encode a container with ``build``; opaque in a cycle, too deep, or where it does not fit."""
        identity = id(value)
        if identity in self._active:
            return self._opaque(type(value), "cycle")
        if len(self._active) >= MAX_DEPTH:
            return self._opaque(type(value), "depth")
        before = self._left
        self._active.add(identity)
        try:
            return build()
        except BudgetExceeded:
            self._discarded += before - self._left
            if self._discarded > 4 * self._limit:
                raise TooMuchDiscarded from None
            self._left = before
            return self._too_big(type(value))
        finally:
            self._active.discard(identity)

    def items(self, values: Any, size: int) -> list[Tree]:
        """Encode the items of an iterable of a built-in class."""
        self.spend(size * SMALL_VALUE_BYTES)
        tree, text = self.tree, self.text
        return [text(value) if type(value) is str else tree(value) for value in tuple(values)]

    def mapping(self, value: dict[Any, Any]) -> Tree:
        """Encode a dict: as an object where all keys are plain text, else as ordered pairs."""
        self.spend(len(value) * SMALL_VALUE_BYTES)
        built = {}
        tree = self.tree
        for key, item in tuple(dict.items(value)):
            if type(key) is not str or not _plain_key(key):
                return {"$": "pairs", "v": [[tree(k), tree(v)] for k, v in dict.items(value)]}
            self._left -= len(key)
            built["$" + key if key[:1] == "$" else key] = (
                self.text(item) if type(item) is str else tree(item)
            )
        if self._left < 0:
            raise BudgetExceeded
        return built

    def _too_big(self, kind: type) -> Tree:
        return self._opaque(kind, "size")

    def _opaque(self, kind: type, why: str) -> Tree:
        self.spend(OPAQUE_BYTES)
        return opaque_tree(kind, why)


def _plain_key(key: str) -> bool:
    if key.isascii():
        return "\0" not in key
    try:
        key.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in key
