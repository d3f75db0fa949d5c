"""Reads and sets attributes of instances without running their properties and accessors."""

from __future__ import annotations

from collections.abc import Mapping
from types import MemberDescriptorType
from typing import Any, Final

from genmon_otel.errors import PayloadError

#: Classes of the standard library that only hold data, though they are not dataclasses.
PLAIN_DATA_CLASSES: Final = frozenset({"subprocess:CompletedProcess"})


def state_of(value: Any) -> dict[str, Any]:
    """Return an instance's attributes (``__dict__`` and slots) without running its code."""
    state: dict[str, Any] = {}
    for base in type(value).__mro__:
        if base.__module__ == "builtins":
            continue
        for name, member in vars(base).items():
            if type(member) is MemberDescriptorType and not name.startswith("__"):
                try:
                    state[name] = member.__get__(value)
                except AttributeError:
                    continue
    try:
        state.update(object.__getattribute__(value, "__dict__"))
    except AttributeError:
        pass
    return state


def refuse_finalizer(kind: type) -> None:
    """Refuse a class with a finaliser: it would run when a rebuilt instance is collected.

    Raises:
        PayloadError: the class, or a base of it, defines ``__del__``.
    """
    if any("__del__" in vars(base) for base in kind.__mro__):
        raise PayloadError(f"{kind.__qualname__} has a __del__: it is not rebuilt from data.")


def set_state(instance: Any, fields: Mapping[Any, Any]) -> Any:
    """Set an instance's attributes without properties and ``__setattr__``; return the instance."""
    slots = {
        name: member
        for base in type(instance).__mro__
        for name, member in vars(base).items()
        if type(member) is MemberDescriptorType
    }
    for name, value in fields.items():
        if not isinstance(name, str) or (name.startswith("__") and name.endswith("__")):
            continue
        if name in slots:
            slots[name].__set__(instance, value)
        else:
            object.__getattribute__(instance, "__dict__")[name] = value
    return instance
