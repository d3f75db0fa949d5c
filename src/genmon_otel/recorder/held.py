"""Values held for a recording until it is known whether the generation fails.

What cannot change is kept by reference, what may change as a copy; both are encoded only if
that is needed. What cannot be copied without its own doing is encoded at once.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

from genmon_otel.interruption import is_interruption
from genmon_otel.payload import encode, restore, snapshot
from genmon_otel.recorder.binding import Parameters
from genmon_otel.recorder.content import texts_in
from genmon_otel.records import NOTHING, Tree

#: Exact types that are immutable all the way down.
ATOMS: Final = frozenset({str, int, float, bool, bytes, type(None)})


def are_atoms(values: Collection[Any]) -> bool:
    """Whether values are immutable all the way down."""
    try:
        return ATOMS.issuperset(map(type, values))
    except BaseException as error:  # a metaclass says how its classes are hashed
        if is_interruption(error):
            raise
        return False


class Held:
    """One value: by reference if immutable, else as it was just now."""

    __slots__ = ("_copied", "_tree", "_value")

    def __init__(self, value: Any) -> None:
        self._copied: bytes | None = None
        self._value = self._tree = None
        if are_atoms((value,)):
            self._value = value
        elif (copied := snapshot(value)) is not None:
            self._copied = copied
        else:
            self._tree = encode(value)

    def tree(self) -> Tree:
        """The value's tree."""
        if self._tree is None:
            self._tree = encode(self._value if self._copied is None else restore(self._copied))
        return self._tree

    def texts(self) -> Iterator[str]:
        """The strings in it."""
        return texts_in(self.tree())


class HeldArguments:
    """The arguments of one call, as :class:`Held` holds a value."""

    _args: tuple[Any, ...] = ()
    _kwargs: Mapping[str, Any] = NOTHING
    #: Both, where they may change.
    _copied: bytes | None = None
    _tree: Tree = None

    def __init__(
        self, parameters: Parameters, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        self._parameters = parameters
        # The receiver is not kept alive.
        plain = (None, *args[1:]) if parameters.has_receiver and args else args
        if are_atoms((*plain, *kwargs.values())):
            self._args, self._kwargs = plain, kwargs
        elif (copied := snapshot((plain, kwargs))) is not None:
            self._copied = copied
        else:
            self._tree = encode(parameters.bind(args, kwargs))

    def tree(self) -> Tree:
        """Tree of the mapping from parameter names to values."""
        if self._tree is None:
            args, kwargs = self._args, self._kwargs
            if self._copied is not None:
                args, kwargs = restore(self._copied)
            self._tree = encode(self._parameters.bind(args, kwargs))
        return self._tree

    def texts(self) -> Iterator[str]:
        """The strings in them."""
        if self._args or self._kwargs:
            return texts_in((*self._args, *self._kwargs.values()))
        return texts_in(self.tree())
