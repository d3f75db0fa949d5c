"""Put wrappers on functions of libraries, whenever these are imported, and take them off again."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Mapping
from types import FunctionType
from typing import Any, Final

import wrapt

from genmon_otel.forks import forkable_lock
from genmon_otel.recorder.runtime import suppress_and_count

#: Replaces one attribute: given what it is, returns what it is to be.
Wrap = Callable[[Callable[..., Any]], Callable[..., Any]]
#: Says what to replace in a module that was imported: (owner, attribute, wrapper).
Targets = Callable[[Any], list[tuple[Any, str, Wrap]]]

#: Attribute of our wrappers that holds themselves and what they wrap.
_MARK: Final = "__genmon_wraps__"

_lock = forkable_lock()
#: Whether wrappers do anything; they look at it at each call.
is_active = False
#: Modules whose import is waited for: for good, hooks cannot be taken back.
_awaited: set[str] = set()
_put_on: list[tuple[Any, str]] = []


def install(adapters: Mapping[str, Targets]) -> None:
    """Wrap what is imported, and have the rest wrapped when it is.

    Args:
        adapters: by the name of the module whose import they wait for.
    """
    global is_active
    with _lock:
        is_active = True
        for name, targets in adapters.items():
            if name not in _awaited:
                _awaited.add(name)
                # It calls at once where the module is there already.
                wrapt.register_post_import_hook(functools.partial(_imported, targets), name)
            elif name in sys.modules:
                _wrap(targets, sys.modules[name])


def uninstall() -> None:
    """Take off every wrapper that lies outermost; those below others' patches call through."""
    global is_active
    with _lock:
        is_active = False
        while _put_on:
            owner, attribute = _put_on.pop()
            try:
                outermost: Any = vars(owner).get(attribute)
                ours, there = getattr(outermost, _MARK, (None, None))
                if ours is outermost and ours is not None:
                    delattr(owner, attribute)
                    if getattr(owner, attribute, None) is not there:  # else it was inherited
                        setattr(owner, attribute, there)
            except Exception:
                suppress_and_count("capture")


def _imported(targets: Targets, module: Any) -> None:
    if is_active:
        _wrap(targets, module)


def _wrap(targets: Targets, module: Any) -> None:
    """Wrap what an adapter names; a library that is not as it is known is left alone."""
    try:
        for owner, attribute, wrap in targets(module):
            there = vars(owner).get(attribute) or getattr(owner, attribute)  # or inherited
            if not _has_ours(there):
                wrapper = functools.wraps(there)(wrap(_called_as_method(owner, there)))
                # With itself: wrappers of others take over the attributes of what they wrap.
                setattr(wrapper, _MARK, (wrapper, there))
                setattr(owner, attribute, wrapper)
            if (owner, attribute) not in _put_on:
                _put_on.append((owner, attribute))
    except Exception:
        suppress_and_count("capture")


def _called_as_method(owner: Any, there: Any) -> Callable[..., Any]:
    """Return what calls a function of a class with its instance in front, whatever the function is.

    Another's wrapper, such as wrapt's, may have to be bound to know its instance.
    """
    if not isinstance(owner, type) or type(there) is FunctionType:  # wrapt hides its class
        found: Callable[..., Any] = there
        return found

    def call(self: Any, *args: Any, **options: Any) -> Any:
        return there.__get__(self, type(self))(*args, **options)

    return call


def _has_ours(function: Any) -> bool:
    """Whether a function is our wrapper, or another's around it."""
    for _ in range(50):
        if function is None or _MARK in getattr(function, "__dict__", ()):
            return function is not None
        function = getattr(function, "__wrapped__", None)
    return False
