"""Monitoring for software that generates things with language models.

Each generation is traced and counted; each failure is classified, grouped with failures of
the same cause, and kept; the third one of a group within a week becomes a regression test.
``setup()`` starts it, ``@generation`` marks the functions to watch.

The public names below are imported when they are first used: decorating needs
neither the database nor the command line's libraries.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from genmon_otel.classification import register_rule
    from genmon_otel.decorators import current_generation, generation, phase, step
    from genmon_otel.errors import GenmonError
    from genmon_otel.records import Category, Severity
    from genmon_otel.wiring import GenerationSpanProcessor, check_health, setup, shutdown

__all__ = [
    "Category",
    "GenerationSpanProcessor",
    "GenmonError",
    "Severity",
    "check_health",
    "current_generation",
    "generation",
    "phase",
    "register_rule",
    "setup",
    "shutdown",
    "step",
]

_HOMES = {
    "Category": "records",
    "GenerationSpanProcessor": "wiring",
    "GenmonError": "errors",
    "Severity": "records",
    "check_health": "wiring",
    "current_generation": "decorators",
    "generation": "decorators",
    "phase": "decorators",
    "register_rule": "classification",
    "setup": "wiring",
    "shutdown": "wiring",
    "step": "decorators",
}


# Type checkers take the imports above; with this function they would accept any misspelt name.
if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        home = _HOMES.get(name)
        if home is None:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(import_module(f"{__name__}.{home}"), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
