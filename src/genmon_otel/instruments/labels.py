"""Keep label values few and clean: what a server pays for is their number."""

from __future__ import annotations

import threading
from collections.abc import Callable

from genmon_otel import conventions as names
from genmon_otel.text import clean


class LabelValues:
    """Admit at most ``limit`` different values of each label; later ones become ``other``.

    Args:
        overflow: called with the label's name for each value that was turned away.
        limit: different values of one label.
    """

    def __init__(
        self, overflow: Callable[[str], None], limit: int = names.MAX_LABEL_VALUES
    ) -> None:
        self._overflow = overflow
        self._limit = limit
        self._admitted: dict[str, set[str]] = {}
        self._lock = threading.Lock()

    def admit(self, label: str, value: str) -> tuple[str, bool]:
        """The value as it goes on the series, scrubbed and cut; ``other, False`` beyond the bound."""
        value = " ".join(clean(value, names.MAX_LABEL_LENGTH).split()) or names.OTHER
        with self._lock:
            admitted = self._admitted.setdefault(label, {names.OTHER})
            if value in admitted:
                return value, True
            if len(admitted) <= self._limit:  # ``other`` itself is not one of them
                admitted.add(value)
                return value, True
        self._overflow(label)
        return names.OTHER, False
