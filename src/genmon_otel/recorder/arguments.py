"""Arguments and answers held for a recording until it is known whether the generation fails.

Immutable values are kept by reference, mutable ones as a copy; both are encoded only if
that is needed. Values that cannot be copied without running their own code are encoded immediately.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, Final

from genmon_otel.payload import LIMIT_BYTES, encode, restore, snapshot
from genmon_otel.recorder.parameters import Parameters, are_immutable
from genmon_otel.records import NOTHING, Tree

#: Characters that a string must have to identify its content.
SHORTEST: Final = 8
#: Bytes kept of a value that :func:`snapshot` found too large: its small parts. The large ones
#: are left out. Encoding takes time in proportion to it, on each call.
_KEPT_OF_LARGE: Final = LIMIT_BYTES // 16
#: Nodes of a tree that are visited.
_MAX_NODES: Final = 5_000


class HeldValue:
    """One value: a reference if it is immutable, else a copy."""

    __slots__ = ("_copied", "_tree", "_value")

    def __init__(self, value: Any) -> None:
        self._copied: bytes | None = None
        self._value = self._tree = None
        if type(value) is str or are_immutable((value,)):
            self._value = value
        elif copied := snapshot(value):
            self._copied = copied
        else:
            self._tree = encode(value, LIMIT_BYTES if copied is None else _KEPT_OF_LARGE)

    def tree(self) -> Tree:
        """Return the value's tree."""
        if self._tree is None:
            self._tree = encode(self._value if self._copied is None else restore(self._copied))
        return self._tree


class HeldArguments:
    """The arguments of one call, held as :class:`HeldValue` holds a value."""

    __slots__ = ("_args", "_copied", "_kwargs", "_parameters", "_tree")

    def __init__(
        self, parameters: Parameters, args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> None:
        self._parameters = parameters
        self._copied: bytes | None = None  # of both, where they may change
        self._tree: Tree = None
        # The receiver is not kept alive.
        plain = (None, *args[1:]) if parameters.has_receiver and args else args
        if are_immutable((*plain, *kwargs.values()) if kwargs else plain):
            self._args, self._kwargs = plain, kwargs
            return
        self._args, self._kwargs = (), NOTHING
        if copied := snapshot((plain, dict(kwargs))):
            self._copied = copied
        elif copied is None:
            self._tree = encode(parameters.bind(args, kwargs))
        else:  # each by itself, so that one large argument does not displace the others
            bound = parameters.bind(args, kwargs)
            self._tree = {name: encode(value, _KEPT_OF_LARGE) for name, value in bound.items()}

    def tree(self) -> Tree:
        """Return the tree of the mapping from parameter names to values."""
        if self._tree is None:
            args, kwargs = self._args, self._kwargs
            if self._copied is not None:
                args, kwargs = restore(self._copied)
            self._tree = encode(self._parameters.bind(args, kwargs))
        return self._tree

    def raw(self) -> Tree:
        """Return the values as they are where they are immutable, else the tree."""
        if self._args or self._kwargs:
            return (*self._args, *self._kwargs.values())
        return self.tree()


def texts_in(tree: Tree) -> Iterator[str]:
    """Return the strings of nested dicts, lists and tuples that are long enough to identify content."""
    waiting: list[Any] = [tree]
    for _ in range(_MAX_NODES):
        if not waiting:
            return
        node = waiting.pop()
        if isinstance(node, str):
            if len(node) >= SHORTEST:
                yield node
        elif isinstance(node, dict):
            waiting.extend(islice(node.values(), _MAX_NODES))
        elif isinstance(node, (list, tuple)):
            waiting.extend(node[:_MAX_NODES])
