"""Retention: a million rows go in bounded steps while a writer goes on.

The rows are put there by plain inserts, all past their 90 days; then
``genmon db prune`` runs while another process stores batches of 20. What a writer
waits is the figure: alone, and while rows go.
"""

from __future__ import annotations

import multiprocessing
import statistics
import time
from typing import Any

import sqlalchemy as sa

from benchmarks.databases import databases
from benchmarks.records import START, USUAL, record
from benchmarks.store_write import Ours, generation_row
from benchmarks.table import Table
from genmon_otel.store import SqlStore, schema

ROWS, QUICK_ROWS = 1_000_000, 20_000
FILL = 5_000
#: Seconds that the writer is watched before anything goes.
ALONE_S = 3.0


class Later:
    """A clock at which the old rows have outlived their retention, and new ones have not."""

    def now(self) -> float:
        """Unix seconds."""
        return START + 100 * 86_400

    def monotonic(self) -> float:
        """The machine's."""
        return time.monotonic()


def _write(url: str, stop: Any, results: Any) -> None:
    import random

    ours, chance, number = Ours(url), random.Random(9), 0
    later = round((Later().now() - START) / 0.01)
    while not stop.is_set():
        begun = time.time()
        spent = ours.write([record(chance, later + number + n, USUAL) for n in range(20)])
        number += 20
        results.put((begun, spent))
        time.sleep(0.01)
    results.put(None)
    ours.close()


def run(quick: bool) -> list[Table]:
    """Prune on every kind of database."""
    table = Table(
        "store_prune", "Pruning while another process writes (20 a batch)",
        "milliseconds a batch of the writer, before and while rows go; longest step in ms",
    )  # fmt: skip
    with databases() as kinds:
        for kind, new in kinds.items():
            table.add(database=kind, **_measure(new(), QUICK_ROWS if quick else ROWS))
    return [table]


def _measure(url: str, count: int) -> dict[str, Any]:
    store = SqlStore(url, clock=Later())
    store.open()
    _fill(url, count)
    context = multiprocessing.get_context("spawn")
    stop, results = context.Event(), context.Queue()
    child = context.Process(target=_write, args=(url, stop, results))
    child.start()
    first = results.get(timeout=60)
    time.sleep(ALONE_S)
    begun = time.time()
    steps, last = [], begun

    def on_step(_gone: int) -> None:
        nonlocal last
        steps.append(time.time() - last)
        last = time.time()

    gone = store.prune(on_step)
    ended = time.time()
    stop.set()
    batches = [first]
    while (answer := results.get(timeout=60)) is not None:
        batches.append(answer)
    child.join()
    store.close()
    alone = sorted(spent for at, spent in batches[3:] if at < begun)
    meanwhile = sorted(spent for at, spent in batches if begun <= at < ended) or [float("nan")]
    return {
        "rows": gone, "rows_per_s": round(gone / (ended - begun)), "steps": len(steps),
        "longest_step_ms": round(max(steps) * 1e3, 1),
        "alone_p50_ms": round(statistics.median(alone) * 1e3, 1),
        "while_p50_ms": round(statistics.median(meanwhile) * 1e3, 1),
        "while_p99_ms": round(meanwhile[int(len(meanwhile) * 0.99)] * 1e3, 1),
    }  # fmt: skip


def _fill(url: str, count: int) -> None:
    """Put old generations there, as their rows alone."""
    import random

    engine = sa.create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    chance = random.Random(1)
    template = generation_row(record(chance, 0, USUAL)) | {"failure_category": None}
    for start in range(0, count, FILL):
        rows = [
            template | {"generation_id": f"{start + n:032x}", "created_at": START + (start + n) / 100}
            for n in range(min(FILL, count - start))
        ]  # fmt: skip
        with engine.begin() as connection:
            connection.execute(sa.insert(schema.analytics), rows)
    engine.dispose()
