"""Three strikes: how many distinct generations failed alike within seven days of event time."""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable
from typing import Final

from genmon_otel.policy import STRIKE_WINDOW_S

#: Strikes kept of one failure. More than three tell a reader nothing new, and the row stays small.
KEPT: Final = 10


class Strikes:
    """The newest strikes of one failure, oldest first: ``(ended_at, strike_key)``.

    A key that struck before is moved, not added, unless it struck more than a window
    ago. Late arrivals (a dead process's journal) count in the window they belong to.
    """

    def __init__(self, kept: Iterable[Iterable[float | str]] = ()) -> None:
        self._kept: list[tuple[float, str]] = sorted(
            (float(at), str(key)) for at, key in kept
        )  # fmt: skip

    def add(self, key: str, at: float) -> int:
        """Add a strike; how many distinct ones fall into one window together with it."""
        again = [
            (when, other)
            for when, other in self._kept
            if other == key and abs(when - at) <= STRIKE_WINDOW_S
        ]
        for strike in again:
            self._kept.remove(strike)
            at = max(at, strike[0])
        insort(self._kept, (at, key))
        newest = self._kept[-1][0]
        self._kept = [s for s in self._kept if s[0] >= newest - 2 * STRIKE_WINDOW_S][-KEPT:]
        return max(1, self._most_around(at))

    def _most_around(self, at: float) -> int:
        """Distinct keys in the fullest window that contains ``at``."""
        most = 0
        for start, _ in self._kept:
            if at - STRIKE_WINDOW_S <= start <= at:
                inside = {key for when, key in self._kept
                          if start <= when <= start + STRIKE_WINDOW_S}  # fmt: skip
                most = max(most, len(inside))
        return most

    def as_json(self) -> list[list[float | str]]:
        """Return what the constructor takes, JSON-able."""
        return [[at, key] for at, key in self._kept]
