"""The sink of applications that called no ``setup()``."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from genmon_otel.corrections import NO_CORRECTIONS
from genmon_otel.records import GenerationRecord, InFlight, Recording, SuccessSample


class NullSink:
    """Keep nothing. Implements :class:`genmon_otel.ports.Sink`."""

    is_started = True
    corrections = NO_CORRECTIONS

    def deliver(
        self,
        record: GenerationRecord,
        recording: Recording | None = None,
        sample: SuccessSample | None = None,
    ) -> None:
        """Drop it."""

    def start(self) -> None:
        """Start nothing."""

    def watch(self, in_flight: Callable[[], Iterable[InFlight]]) -> None:
        """Watch nothing."""

    def flush(self, timeout_s: float) -> bool:
        """Return True: nothing waits."""
        return True

    def close(self, timeout_s: float) -> bool:
        """Return True: nothing is open."""
        return True
