"""What reading costs as the table grows: health, the strike decision, failures list and show.

Fills one database to each size in turn; generations lie 0.01 s apart, so that a
window of 90 s holds 9000 of them at every size. Whole minutes of it come from
rollups and its edges from the index. The sizes are measured one after another on
one machine, so what else ran on it meanwhile shows.
"""

from __future__ import annotations

import random
import statistics
import time
import uuid
from collections.abc import Callable
from typing import Any

from benchmarks.databases import databases
from benchmarks.records import APART_S, HARSH, START, Load, record
from benchmarks.table import Table
from genmon_otel.records import Batch
from genmon_otel.store import SqlStore

SIZES, QUICK_SIZES = (10_000, 100_000, 1_000_000), (3_000, 10_000)
#: With ``--large``, on PostgreSQL.
LARGEST = 5_000_000
FILL = 2_000
WINDOW_S = 90
FAILING = Load("a failure", failing=1.0, kinds=HARSH.kinds)
ROUNDS = 41


class Filled:
    """A store filled to a size."""

    def __init__(self, url: str) -> None:
        self.store = SqlStore(url)
        self.store.open()
        self.size = 0
        self._chance, self._producer, self._position = random.Random(1), uuid.uuid4().hex, 0

    def write(self, count: int, load: Load = HARSH) -> None:
        """Write so many generations as one batch."""
        records = tuple(record(self._chance, self.size + n, load) for n in range(count))
        self.store.write(Batch(self._producer, self._position, self._position, records))
        self._position, self.size = self._position + 1, self.size + count

    def fill(self, size: int) -> None:
        """Write until there are so many."""
        while self.size < size:
            self.write(min(FILL, size - self.size))


def milliseconds(call: Callable[[], Any]) -> float:
    """Milliseconds of a call, median."""
    times = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        call()
        times.append(time.perf_counter() - begun)
    return round(statistics.median(times) * 1e3, 2)


def run(quick: bool, large: bool = False) -> list[Table]:
    """Measure each size on every kind of database."""
    table = Table(
        "store_growth", "Milliseconds a call, as the number of generations grows",
        "grew: the slowest of a kind's sizes to its smallest (bar 1.50)",
    )  # fmt: skip
    with databases() as kinds:
        for kind, new in kinds.items():
            filled = Filled(new())
            taken: dict[int, dict[str, float]] = {}
            sizes = QUICK_SIZES if quick else SIZES
            if large and kind == "postgresql":
                sizes = (*sizes, LARGEST)
            for size in sizes:
                filled.fill(size)
                taken[size] = measured(filled)
                table.add(database=kind, generations=size, **taken[size])
            first, *others = taken.values()
            grew = {key: round(max(o[key] for o in others) / first[key], 2) for key in first}
            table.add(database=f"{kind} grew", generations=None, **grew)
            filled.store.close()
    return [table]


def measured(filled: Filled) -> dict[str, float]:
    """What the calls take at this size."""
    store, now = filled.store, START + filled.size * APART_S
    handle = store.failures(limit=1)[0].handle
    calls: dict[str, Callable[[], Any]] = {
        "health": lambda: store.health(WINDOW_S, now),
        "strike": lambda: filled.write(1, FAILING),
        "list": store.failures,
        "show": lambda: store.failure(handle),
    }
    for call in calls.values():
        for _ in range(5):
            call()  # statements compiled, pages read
    return {name: milliseconds(call) for name, call in calls.items()}
