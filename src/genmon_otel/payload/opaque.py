"""The placeholder, in a replay, for a value that could not be recorded.

Code under replay may pass an :class:`Opaque` on, but not use it. Every use raises
:class:`OpaqueTouched`, a BaseException that ``except Exception`` does not catch, and is listed in
:func:`touches`: where the code catches even that, the run is still found to be inconclusive.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from typing import Any, Final

from genmon_otel.conventions import PACKAGE
from genmon_otel.payload.paths import import_path
from genmon_otel.records import Tree

_touches: list[str] = []
#: Uses that are listed; further ones are not.
_MAX_TOUCHES: Final = 20
#: Modules that inspect a value on behalf of their caller.
_INSPECTING_MODULES: Final = frozenset({"inspect", "abc", "_collections_abc", "typing"})


class OpaqueTouched(BaseException):
    """Code under replay used a value that was not recorded."""

    def __init__(self, note: str, why: str = "") -> None:
        super().__init__(note)
        self.why = why


def touches() -> tuple[str, ...]:
    """List the uses of values that were not recorded, in order."""
    return tuple(_touches)


def forget_touches(since: int = 0) -> None:
    """Remove the listed uses from index ``since`` on."""
    del _touches[since:]


class Opaque:
    """A value that was not recorded: its type and the reason.

    Args:
        type: import path of the value's type, ``package.module:Name``.
        why: ``unsupported``, ``size``, ``depth``, ``cycle``, ``local`` (its type has no import
            path), ``hostile`` (encoding it raised) or ``missing`` (its type is gone).
    """

    __slots__ = ("_type", "_why")

    def __init__(self, type: str, why: str) -> None:
        object.__setattr__(self, "_type", type)
        object.__setattr__(self, "_why", why)

    def __getattribute__(self, name: str) -> Any:
        # genmon's own code may inspect it (isinstance, getattr with a default).
        if _is_called_by_genmon():
            if name == "__class__":
                return Opaque
            raise AttributeError(name)
        _touch(self, f".{name}")


def _is_called_by_genmon() -> bool:
    frame = sys._getframe(2)
    while frame.f_back is not None and frame.f_globals.get("__name__") in _INSPECTING_MODULES:
        frame = frame.f_back
    caller = str(frame.f_globals.get("__name__"))
    return caller == PACKAGE or caller.startswith(PACKAGE + ".")


def opaque_tree(kind: type | str, why: str) -> Tree:
    """Return the tree of a value that is not recorded."""
    return {"$": "opaque", "type": kind if isinstance(kind, str) else import_path(kind), "why": why}


def opaque_nodes(tree: Tree) -> Iterator[Mapping[str, Any]]:
    """Yield the parts of a tree that stand for values which were not recorded."""
    waiting: list[Any] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            if node.get("$") == "opaque":
                yield node
            waiting.extend(node.values())
        elif isinstance(node, list):
            waiting.extend(node)


def describe(opaque: Opaque) -> tuple[str, str]:
    """Return the type and the reason of an opaque value without using it."""
    return object.__getattribute__(opaque, "_type"), object.__getattribute__(opaque, "_why")


def _touch(opaque: Opaque, operation: str) -> Any:
    type_path, why = describe(opaque)
    note = f"{type_path} was not recorded ({why}), and the code used it: {operation}"
    if len(_touches) < _MAX_TOUCHES:
        _touches.append(note)
    raise OpaqueTouched(note, why)


#: Python looks these up on the class, without ``__getattribute__``.
_SPECIAL: Final = (
    "__call__ __iter__ __next__ __len__ __getitem__ __setitem__ __delitem__ __contains__ "
    "__bool__ __str__ __repr__ __format__ __bytes__ __hash__ __eq__ __ne__ __lt__ __le__ __gt__ "
    "__ge__ __int__ __float__ __complex__ __index__ __enter__ __exit__ __aenter__ __aexit__ "
    "__aiter__ __anext__ __await__ __setattr__ __delattr__ __dir__ __reduce_ex__ __fspath__ "
    "__add__ __radd__ __sub__ __rsub__ __mul__ __rmul__ __truediv__ __rtruediv__ __floordiv__ "
    "__rfloordiv__ __mod__ __rmod__ __pow__ __rpow__ __matmul__ __and__ __rand__ __or__ __ror__ "
    "__xor__ __lshift__ __rshift__ __neg__ __pos__ __abs__ __invert__ __round__ __reversed__"
).split()


def _special(name: str) -> Any:
    def touched(self: Opaque, *_args: Any, **_kwargs: Any) -> Any:
        return _touch(self, name)

    touched.__name__ = name
    return touched


for _name in _SPECIAL:
    setattr(Opaque, _name, _special(_name))
