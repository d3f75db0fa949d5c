"""The phases and steps that a function's code names, found without running it.

Their series are there at 0 before the first call. What is found: decorated functions
and methods that the code names, and blocks whose name is a constant, as in
``with phase("plan"):``. The rest is declared when it first runs.
"""

from __future__ import annotations

import dis
import inspect
from collections.abc import Callable, Iterator, Mapping
from types import CodeType, ModuleType
from typing import Any, Final

from genmon_otel.conventions import PACKAGE
from genmon_otel.recorder.spec import ATTRIBUTE, StageSpec
from genmon_otel.records import StageKind

Named = tuple[StageKind, str]

#: Instructions that may stand between a callable and its first argument.
_BETWEEN: Final = frozenset({"PUSH_NULL", "CACHE", "PRECALL", "EXTENDED_ARG", "KW_NAMES", "NOP"})
#: Code nested in code that is looked into, functions that are remembered.
_MAX_CODES: Final = 100
_MAX_KNOWN: Final = 10_000

#: Decorated methods, which no namespace has before their class is made: by module and
#: qualified name.
_known: Final[dict[tuple[str, str], Named]] = {}


def remember(function: Callable[..., Any], spec: StageSpec) -> None:
    """Note a decorated phase or step, for operations that name it as a method."""
    name = getattr(function, "__qualname__", "")
    if "." in name and len(_known) < _MAX_KNOWN:
        _known[getattr(function, "__module__", ""), name] = (spec.kind, spec.name)


def named_by(function: Callable[..., Any], openers: Mapping[Any, StageKind]) -> Iterator[Named]:
    """The phases and steps that a function's code names.

    Args:
        function: whose code is read.
        openers: the functions that open a block, with its kind.
    """
    function = inspect.unwrap(function)
    code = getattr(function, "__code__", None)
    if not isinstance(code, CodeType):
        return
    names: dict[str, Any] = dict(getattr(function, "__globals__", {}))
    for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=False):
        try:
            names[name] = cell.cell_contents
        except ValueError:  # not bound yet
            pass
    module = getattr(function, "__module__", "")
    owner = function.__qualname__.rpartition(".")[0]
    for each in _codes(code):
        for name in (*each.co_names, *each.co_freevars):
            spec = getattr(names.get(name), ATTRIBUTE, None)
            if isinstance(spec, StageSpec):
                yield spec.kind, spec.name
            elif (found := _known.get((module, f"{owner}.{name}"))) is not None:
                yield found
        yield from _blocks(each, names, openers)


def _codes(code: CodeType) -> Iterator[CodeType]:
    waiting = [code]
    for _ in range(_MAX_CODES):
        if not waiting:
            return
        each = waiting.pop()
        yield each
        waiting.extend(const for const in each.co_consts if isinstance(const, CodeType))


def _blocks(
    code: CodeType, names: Mapping[str, Any], openers: Mapping[Any, StageKind]
) -> Iterator[Named]:
    """Constants that come right after one of the openers was loaded."""
    loaded: Any = None
    for instruction in dis.get_instructions(code):
        kind, value = instruction.opname, instruction.argval
        if kind in ("LOAD_GLOBAL", "LOAD_NAME", "LOAD_DEREF", "LOAD_FAST"):
            loaded = names.get(value)
        elif kind in ("LOAD_ATTR", "LOAD_METHOD") and isinstance(loaded, ModuleType):
            ours = loaded.__name__ == PACKAGE  # which imports its names when they are used
            loaded = (
                next((opener for opener in openers if opener.__name__ == value), None)
                if ours
                else vars(loaded).get(value)
            )
        elif kind == "LOAD_CONST" and isinstance(value, str):
            if inspect.isfunction(loaded) and (stage := openers.get(loaded)) is not None:
                yield stage, value
            loaded = None
        elif kind not in _BETWEEN:
            loaded = None
