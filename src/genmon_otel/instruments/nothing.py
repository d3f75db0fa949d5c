"""The metrics of applications that asked for none."""

from __future__ import annotations

from typing import Any


class NullMetrics:
    """Count nothing. Implements :class:`genmon_otel.ports.Metrics`."""

    def _ignore(self, *args: Any, **kwargs: Any) -> None:
        """Do nothing."""

    declare = declare_failure = started = ended = count_starts = count_ends = stage = resources = (
        reopened
    ) = _ignore
    written = retried = dropped = queue_depth = journal_bytes = store_up = _ignore
    batch_seconds = internal_error = watch = count_pending = count_if_many_pending = close = _ignore
