"""The current generation, and what stands for it where there is none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final

from genmon_otel.recorder.scope import current

if TYPE_CHECKING:
    from genmon_otel.recorder.live_generation import Generation


class NoGeneration:
    """What ``current_generation()`` gives outside a generation: takes everything, keeps nothing."""

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


def current_generation() -> Generation | NoGeneration:
    """The generation that is running here; outside of one a harmless stand-in."""
    scope = current()
    return scope.generation if scope is not None and scope.generation.is_open else NONE
