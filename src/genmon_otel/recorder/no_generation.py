"""What stands for the current generation where there is none."""

from __future__ import annotations

from typing import Any, ClassVar, Final


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
