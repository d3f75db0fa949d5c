"""Where another process finds a decorated callable: its import path, and the folder it is below."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import FunctionType
from typing import Any

from genmon_otel import recorder
from genmon_otel.recorder.spec import ATTRIBUTE, Spec
from genmon_otel.stacks import is_in_app

#: Of a replay's process: what was decorated, by target.
_targets: dict[str, Callable[..., Any]] = {}


def remember_target(target: str, wrapper: Callable[..., Any]) -> None:
    """In a replay, keep what was decorated.

    Its module may hold a task or a command in its place, or nothing.
    """
    if recorder.runtime().player is not None:
        _targets[target] = wrapper


def remembered_target(target: str) -> Callable[..., Any] | None:
    """What was decorated as this target in this process; None where nothing was."""
    return _targets.get(target)


def locate(spec: Spec) -> tuple[str, str]:
    """Import path of the callable, and the folder its module is imported from.

    The folder is relative to the working directory; empty where that is the folder itself, is
    not above it, or holds installed code.
    """
    module = sys.modules.get(getattr(spec.function, "__module__", None) or "")
    target = spec.target
    if module is None or spec.function is None:
        return target, ""
    if "<locals>" in target and (name := _name_in(module, spec)):
        target = f"{target.partition(':')[0]}:{name}"
    return target, _folder(module, target)


def _name_in(module: Any, spec: Spec) -> str:
    """The name under which a module holds what was made inside a function; empty for none."""
    for name, value in tuple(vars(module).items()):
        if type(value) is FunctionType:
            found = value.__dict__.get(ATTRIBUTE)
            if isinstance(found, Spec) and found.function is spec.function:
                return str(name)
    return ""


def _folder(module: Any, target: str) -> str:
    file = getattr(module, "__file__", None)
    if not isinstance(file, str) or not is_in_app(file, module.__name__):
        return ""
    path = Path(os.path.abspath(file))
    packages = target.partition(":")[0].count(".") + (path.stem == "__init__")
    relative = os.path.relpath(path.parents[packages], os.getcwd())
    return "" if relative == "." or relative.startswith("..") else relative
