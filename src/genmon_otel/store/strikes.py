"""Counts strikes: distinct generations with the same failure within seven days of event time."""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable
from typing import Final

from genmon_otel.policy import STRIKE_WINDOW_S

#: Newest strikes stored of one failure: a few more than the three that make a case.
MAX_STRIKES: Final = 10


class Strikes:
    """The newest strikes of one failure, oldest first: ``(ended_at, strike_key)``.

    A key that is already there, within one window, is moved to its later time instead of added
    again: retries of one task are one strike. A strike that arrives late (from the journal of a
    process that died) counts in the window of its own time.
    """

    def __init__(self, stored: Iterable[Iterable[float | str]] = ()) -> None:
        self._strikes: list[tuple[float, str]] = sorted(
            (float(at), str(key)) for at, key in stored
        )  # fmt: skip

    def add(self, key: str, at: float) -> int:
        """Add a strike and return the most distinct keys that any window containing it holds.

        ``at`` is Unix seconds.
        """
        earlier = [
            (when, other)
            for when, other in self._strikes
            if other == key and abs(when - at) <= STRIKE_WINDOW_S
        ]
        for strike in earlier:
            self._strikes.remove(strike)
            at = max(at, strike[0])
        insort(self._strikes, (at, key))
        newest = self._strikes[-1][0]
        self._strikes = [s for s in self._strikes if s[0] >= newest - 2 * STRIKE_WINDOW_S][
            -MAX_STRIKES:
        ]
        return max(1, self._max_in_window(at))

    def _max_in_window(self, at: float) -> int:
        """Count the distinct keys of each window that contains ``at``; return the largest count."""
        most = 0
        for start, _ in self._strikes:
            if at - STRIKE_WINDOW_S <= start <= at:
                inside = {key for when, key in self._strikes
                          if start <= when <= start + STRIKE_WINDOW_S}  # fmt: skip
                most = max(most, len(inside))
        return most

    def as_json(self) -> list[list[float | str]]:
        """Return the strikes as JSON data, which the constructor accepts."""
        return [[at, key] for at, key in self._strikes]
