"""Trace whether replayed code raises the recorded error again and swallows it.

This is evidence against a result that does not depend on the input that broke the generation.

A default for a name that is not known is a good fix, and gives the same for any such name. A result is
made up where the recorded error is raised again, and something swallows it; or where the target does not
even read its input.
"""

from __future__ import annotations

import dis
import inspect
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

from genmon_otel.regression.cases.case import Case
from genmon_otel.slots import name_of
from genmon_otel.stacks import is_in_app


class SwallowedErrorWatch:
    """Watches the application's own functions for the error of a case, in all threads of a run.

    Args:
        case: what is replayed.
    """

    def __init__(self, case: Case) -> None:
        self._type = case.expected.error_type
        self._inputs = set(case.inputs) if isinstance(case.inputs, dict) else set()
        self._is_raised = False
        self._reads = True
        self._before: Any = None

    def begin(self, target: Callable[..., Any]) -> None:
        """Trace this thread and those that it starts; do nothing where a debugger traces already."""
        self._reads = not self._inputs or reads(target, self._inputs)
        self._before = sys.gettrace()
        if self._before is None:
            sys.settrace(self._called)
            threading.settrace(self._called)

    def end(self) -> None:
        """Stop tracing."""
        if self._before is None:
            sys.settrace(None)
            threading.settrace(None)

    def objection(self) -> str:
        """Return the evidence against the result; empty for none."""
        if self._is_raised:
            return f"{self._type} is raised again and swallowed"
        return "" if self._reads else "the target does not read its input"

    def _called(self, frame: FrameType, event: str, argument: Any) -> Any:
        if not is_in_app(frame.f_code.co_filename, str(frame.f_globals.get("__name__", ""))):
            return None
        frame.f_trace_lines = False
        return self._inside

    def _inside(self, frame: FrameType, event: str, argument: Any) -> Any:
        if event == "exception" and _last(name_of(argument[0])) == _last(self._type):
            self._is_raised = True
        return self._inside


def reads(target: Callable[..., Any], names: set[str]) -> bool:
    """Whether a function reads any of its parameters of some names; True where that cannot be seen."""
    code = getattr(inspect.unwrap(target), "__code__", None)
    if code is None:
        return True
    count = code.co_argcount + code.co_kwonlyargcount
    gathering = bool(code.co_flags & inspect.CO_VARARGS) + bool(
        code.co_flags & inspect.CO_VARKEYWORDS
    )
    wanted = names & set(code.co_varnames[: count + gathering])
    if not wanted:
        return True
    for each in dis.get_instructions(code):
        used = each.argval if isinstance(each.argval, tuple) else (each.argval,)
        if each.opname.startswith("LOAD") and wanted.intersection(map(str, used)):
            return True
    return False


def _last(name: str) -> str:
    return name.rpartition(".")[2]
