"""What reading costs as the table grows: health, the strike decision, failures list and show.

One database a size; generations lie 0.01 s apart, so that a window of 90 s holds
9000 of them at every size. Whole minutes of it come from rollups and its edges from
the index. Calls are made on the databases in turns, so that what else the machine
does meanwhile is the same for all of them.
"""

from __future__ import annotations

import random
import statistics
import time
import uuid
from collections.abc import Callable, Sequence
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
WARM_UP, ROUNDS = 5, 41


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

    def calls(self, phase_s: float) -> dict[str, Callable[[], Any]]:
        """What is measured, at the last time so many seconds into a minute: it decides how
        much of a window is whole minutes.
        """
        end = START + self.size * APART_S
        now = end - (end - phase_s) % 60
        handle = self.store.failures(limit=1)[0].handle
        return {
            "health": lambda: self.store.health(WINDOW_S, now),
            "strike": lambda: self.write(1, FAILING),
            "list": self.store.failures,
            "show": lambda: self.store.failure(handle),
        }


def run(quick: bool, large: bool = False) -> list[Table]:
    """Measure each size on every kind of database."""
    table = Table(
        "store_growth", "Milliseconds a call, by the number of generations in the store",
        "grew: of the calls in one round, largest size to smallest, median (bar 1.50)",
    )  # fmt: skip
    with databases() as kinds:
        for kind, new in kinds.items():
            sizes = QUICK_SIZES if quick else SIZES
            if large and kind == "postgresql":
                sizes = (*sizes, LARGEST)
            filled = [Filled(new()) for _ in sizes]
            for each, size in zip(filled, sizes, strict=True):
                each.fill(size)
            phase_s = (START + sizes[0] * APART_S) % 60
            taken = in_turns([each.calls(phase_s) for each in filled])
            for size, times in zip(sizes, taken, strict=True):
                medians = {name: round(statistics.median(ms), 2) for name, ms in times.items()}
                table.add(database=kind, generations=size, **medians)
            grew = {
                name: round(statistics.median(
                    big / small for small, big in zip(taken[0][name], times, strict=True)
                ), 2)
                for name, times in taken[-1].items()
            }  # fmt: skip
            table.add(database=f"{kind} grew", generations=None, **grew)
            for each in filled:
                each.store.close()
    return [table]


def in_turns(calls: Sequence[dict[str, Callable[[], Any]]]) -> list[dict[str, list[float]]]:
    """Milliseconds of each call on each database, in rounds; the first ones warm up."""
    taken: list[dict[str, list[float]]] = [{name: [] for name in each} for each in calls]
    for turn in range(WARM_UP + ROUNDS):
        for name in calls[0]:
            for each, times in zip(calls, taken, strict=True):
                begun = time.perf_counter()
                each[name]()
                if turn >= WARM_UP:
                    times[name].append((time.perf_counter() - begun) * 1e3)
    return taken
