"""What a recorded call and the function that makes it are."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from genmon_otel.exchanges import status_of
from genmon_otel.records import StepRecord


def is_generator(call: Callable[..., Any] | None) -> bool:
    """Return whether a function makes a generator, or an asynchronous one."""
    return inspect.isgeneratorfunction(call) or inspect.isasyncgenfunction(call)


def fault_type(record: StepRecord) -> Any:
    """Return the kind of a fault, to compare two."""
    if record.adapter and record.kind in ("value", "stream"):
        return status_of(record)
    return record.outcome.get("type") if isinstance(record.outcome, Mapping) else None


def call_with(call: Callable[..., Any], arguments: Mapping[str, Any]) -> Any:
    """Call a function with arguments by name."""
    bound = inspect.BoundArguments(inspect.signature(call), dict(arguments))
    return call(*bound.args, **bound.kwargs)
