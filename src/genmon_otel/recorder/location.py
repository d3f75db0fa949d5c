"""Where another process finds a decorated callable: its import path, and the folder it is below."""

from __future__ import annotations

import functools
import inspect
import os
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from traceback import walk_stack, walk_tb
from types import FunctionType, ModuleType
from typing import Any, Final

from genmon_otel.interruption import is_interruption
from genmon_otel.payload.paths import import_path, is_importable
from genmon_otel.recorder.options import ATTRIBUTE, Spec
from genmon_otel.stacks import is_in_app

#: Frames looked at for the object of a method, on either side of the decorator.
_MAX_FRAMES: Final = 64


def locate(spec: Spec, here: str, error: BaseException | None = None) -> tuple[str, str]:
    """Return the import path of the callable, and the folder its module is imported from.

    A method is found where it was called: on the object that a module keeps, else on the
    class of its object, which may be another than the one that defines it.

    Args:
        spec: what was decorated.
        here: the folder that a replay will run in.
        error: the exception that left it; its frames tell the method's object.

    Returns:
        The path, and the folder relative to ``here``: empty where that is the folder itself,
        is not above it, or holds installed code.
    """
    module = sys.modules.get(getattr(spec.function, "__module__", None) or "")
    target = spec.target
    if module is None or spec.function is None:
        return target, ""
    if "<locals>" in target and (name := _name_in(module, spec)):
        target = f"{target.partition(':')[0]}:{name}"
    try:
        module, target = _on_receiver(spec, error) or (module, target)
    except BaseException as broken:  # classes and objects answer as they like
        if is_interruption(broken):
            raise
    packages = target.partition(":")[0].count(".")
    return target, _folder(getattr(module, "__file__", None), module.__name__, packages, here)


def _on_receiver(spec: Spec, error: BaseException | None) -> tuple[ModuleType, str] | None:
    """Return the module and path by which the method is reached on what it was called on."""
    receiver = _receiver(spec, error)
    if receiver is None or spec.receiver_factory is not None:
        return None
    owner = receiver if isinstance(receiver, type) else type(receiver)
    name = spec.target.rpartition(".")[2]
    if not _is(getattr(owner, name, None), spec):
        return None
    home = sys.modules[owner.__module__]
    if owner is not receiver:
        kept_by = (home,) if home.__name__ != "__main__" else ()
        for module in dict.fromkeys((*kept_by, *_callers())):
            for variable, value in tuple(vars(module).items()):
                if value is receiver:
                    return module, f"{module.__name__}:{variable}.{name}"
    return (home, f"{import_path(owner)}.{name}") if is_importable(owner) else None


def _receiver(spec: Spec, error: BaseException | None) -> Any:
    """Return the object, or the class, that the method was called on, from the exception's frames."""
    parameters, function = spec.parameters, spec.function
    if error is None or parameters is None or function is None or not parameters.has_receiver:
        return None
    code = getattr(inspect.unwrap(function), "__code__", None)
    for frame, _ in islice(walk_tb(error.__traceback__), _MAX_FRAMES):
        if frame.f_code is code:
            return frame.f_locals.get(parameters.positional[0])
    return None


def _callers() -> Iterator[ModuleType]:
    """Yield the modules of the application's code that runs here, innermost first.

    Not ``__main__``: what that holds may be made only where it runs as a program.
    """
    for frame, _ in islice(walk_stack(sys._getframe()), _MAX_FRAMES):
        module = sys.modules.get(frame.f_globals.get("__name__", ""))
        if module is None or module.__name__ == "__main__":
            continue
        if is_in_app(frame.f_code.co_filename, module.__name__):
            yield module


def _is(found: Any, spec: Spec) -> bool:
    other = getattr(found, ATTRIBUTE, None)
    return isinstance(other, Spec) and other.function is spec.function


def _name_in(module: Any, spec: Spec) -> str:
    """Return the name by which a module holds what was made inside a function; empty for none."""
    for name, value in tuple(vars(module).items()):
        if type(value) is FunctionType:
            found = value.__dict__.get(ATTRIBUTE)
            if isinstance(found, Spec) and found.function is spec.function:
                return str(name)
    return ""


@functools.lru_cache(maxsize=256)
def _folder(file: Any, module: str, packages: int, here: str) -> str:
    """Return the folder that a module in so many packages is imported from, relative to ``here``."""
    if not here or not isinstance(file, str) or not is_in_app(file, module):
        return ""
    path = Path(os.path.normpath(os.path.join(here, file)))
    relative = os.path.relpath(path.parents[packages + (path.stem == "__init__")], here)
    return "" if relative == "." or relative.startswith("..") else relative
