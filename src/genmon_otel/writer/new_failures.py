"""The limit of new failures a minute: a flood of them becomes one row an operation."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from genmon_otel.policy import NEW_FAILURES_A_MINUTE, OVERFLOW_FINGERPRINT
from genmon_otel.records import GenerationRecord

#: Fingerprints remembered as not new.
_REMEMBERED: Final = 10_000
_WINDOW_S: Final = 60.0


class NewFailures:
    """Admit so many new fingerprints a minute; the rest get their operation's overflow fingerprint.

    Args:
        on_overflow: called for each record that was moved.
    """

    def __init__(self, on_overflow: Callable[[], None]) -> None:
        self._known: OrderedDict[str, None] = OrderedDict()
        self._window_ends = float("-inf")
        self._new = 0
        self._on_overflow = on_overflow

    def admit(self, record: GenerationRecord, now: float) -> GenerationRecord:
        """Return the record as it is to be stored; ``now`` is monotonic."""
        if record.failure is None or self._is_known(record.failure.fingerprint, now):
            return record
        self._on_overflow()
        overflow = f"{OVERFLOW_FINGERPRINT}{record.operation}"
        failure = record.failure._replace(
            fingerprint=overflow,
            signature=overflow,
            trigger_signature=None,
            error_message=(
                f"More than {NEW_FAILURES_A_MINUTE} new failures in a minute; the rest are "
                f"counted here. One of them: {record.failure.error_message}"
            ),
        )
        return record._replace(failure=failure)

    def _is_known(self, fingerprint: str, now: float) -> bool:
        if fingerprint in self._known:
            self._known.move_to_end(fingerprint)
            return True
        if now >= self._window_ends:
            self._window_ends = now + _WINDOW_S
            self._new = 0
        if self._new >= NEW_FAILURES_A_MINUTE:
            return False
        self._new += 1
        self._known[fingerprint] = None
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        return True
