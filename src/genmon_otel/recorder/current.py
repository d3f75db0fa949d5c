"""The generation that is running here, and the no-op object that replaces it outside of one."""

from __future__ import annotations

from typing import Any, ClassVar, Final

from genmon_otel.recorder.generation import Generation
from genmon_otel.recorder.scope import current


class NoGeneration:
    """A no-op object: what ``current_generation()`` returns outside a generation."""

    __slots__ = ()

    id: ClassVar[str] = ""
    trace_id: ClassVar[None] = None

    def set(
        self, *, file_count: int | None = None, framework: str | None = None, **context: Any
    ) -> None:
        """Keep nothing."""

    def add_tokens(self, input: int = 0, output: int = 0, **other: int) -> None:
        """Keep nothing."""

    def complete(self) -> None:
        """Keep nothing."""


NONE: Final = NoGeneration()


def open_generation() -> Generation | None:
    """Return the generation that is running here; None outside of one, and after its end."""
    scope = current()
    if scope is None:
        return None
    generation: Generation = scope.generation
    # is_open, without the call
    return generation if generation.id in generation.runtime.running else None


def current_generation() -> Generation | NoGeneration:
    """Return the generation that is running here; outside of one a no-op object."""
    return open_generation() or NONE
