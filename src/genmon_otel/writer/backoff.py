"""When to try the store again after a failed attempt."""

from __future__ import annotations

import random
from typing import Final

#: Seconds: the longest wait after the first failed attempt, and after many.
FIRST_S: Final = 0.5
LONGEST_S: Final = 30.0


class Backoff:
    """Exponential backoff with full jitter: many processes do not retry at the same moment.

    Source: M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
    """

    def __init__(self, rng: random.Random | None = None) -> None:
        self._rng = rng or random.Random()
        self._due_at = float("-inf")
        #: Failed attempts since the last one that worked.
        self.failures = 0

    def due(self, now: float) -> bool:
        """Whether it is time for an attempt; ``now`` is monotonic."""
        return now >= self._due_at

    def failed(self, now: float) -> None:
        """Wait longer than the last time, on average."""
        ceiling = min(LONGEST_S, FIRST_S * 2.0 ** min(self.failures, 16))
        self.failures += 1
        self._due_at = now + self._rng.uniform(0.1 * ceiling, ceiling)

    def worked(self) -> None:
        """Reset: the last attempt succeeded."""
        self.failures = 0
        self._due_at = float("-inf")

    def retry_at_once(self) -> None:
        """Make the next attempt immediate: a thread waits for it."""
        self._due_at = float("-inf")
