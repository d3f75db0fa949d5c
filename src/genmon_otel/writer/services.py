"""What the writer of every process is given: made once, shared by its parts, inherited by forks."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from genmon_otel.internal_errors import report
from genmon_otel.interruption import reraise_if_signal
from genmon_otel.ports import Clock, Metrics, Store
from genmon_otel.records import InFlight
from genmon_otel.redaction import Redactor


@dataclass(slots=True)
class Services:
    """The objects that all processes of an application share."""

    store: Store
    metrics: Metrics
    clock: Clock
    redactor: Redactor
    #: Folder of the journals; None: there is none, failures wait in memory.
    directory: Path | None
    #: Identity of the store, which the names of its journals carry.
    store_identity: str
    #: Kind of error for which the store was found unusable before; None: it was not.
    known_error: type[Exception] | None = None
    #: Lists the generations that are running in this process.
    list_in_flight: Callable[[], Iterable[InFlight]] = tuple

    def suppress_and_count(self, place: str, *, is_caller: bool = True) -> None:
        """Keep the internal error being handled from the application.

        Count it under ``place``, and log it at most once a minute.

        Args:
            place: label value of the metric: few and fixed.
            is_caller: whether this is a thread of the application's: what a signal handler
                raised there is meant for the application and is raised again.
        """
        if is_caller:
            reraise_if_signal()
        report(place, self.metrics, self.redactor)
