"""The invariant of every fault, recomputed from the metrics and the tables of one application."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from prometheus_client import CollectorRegistry

from genmon_otel import conventions as names
from tests.system.faults.world import World


@dataclass(frozen=True)
class Books:
    """What an application counted."""

    started: int
    in_progress: int
    ended: Counter[str]
    dropped: int
    internal_errors: Counter[str]


def books(registry: CollectorRegistry) -> Books:
    """Read the metrics of one process."""
    started = in_progress = dropped = 0
    ended: Counter[str] = Counter()
    errors: Counter[str] = Counter()
    for family in registry.collect():
        for sample in family.samples:
            value = int(sample.value)
            if sample.name == names.RECORDS_STARTED.name:
                started += value
            elif sample.name == names.IN_PROGRESS.name:
                in_progress += value
            elif sample.name == names.RECORDS_DROPPED.name:
                dropped += value
            elif sample.name == names.GENERATIONS.name and value:
                ended[sample.labels["outcome"]] += value
            elif sample.name == names.INTERNAL_ERRORS.name and value:
                errors[sample.labels["where"]] += value
    return Books(started, in_progress, ended, dropped, errors)


def check(found: Books, store: str, journal: Path) -> None:
    """Started = in progress + ended; ended = stored + dropped, now that nothing waits any more.

    That rows, rollups and occurrences agree with each other, :meth:`World.stored` checks.
    """
    assert found.started == found.in_progress + sum(found.ended.values())
    stored = Counter(World(store, journal).stored().values())
    assert sum(stored.values()) + found.dropped == sum(found.ended.values())
    assert not found.dropped or stored <= found.ended
    assert found.dropped or stored == found.ended
