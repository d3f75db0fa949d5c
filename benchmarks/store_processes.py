"""Eight processes that write to one PostgreSQL: throughput, no deadlock, no lost update.

They share operations, users and a thousand kinds of failure, so they meet on every
kind of row that there is. Afterwards each generation is there once, and failures,
users and rollups add up to them.
"""

from __future__ import annotations

import multiprocessing
import random
import time
from typing import Any

import sqlalchemy as sa

from benchmarks.databases import databases
from benchmarks.records import HARSH, record
from benchmarks.store_write import Ours
from benchmarks.table import Table
from genmon_otel.store import SqlStore, schema

PROCESSES, BATCH = 8, 100
SECONDS, QUICK_SECONDS = 20.0, 3.0


def _write(url: str, number: int, seconds: float, ready: Any, results: Any) -> None:
    ours, chance = Ours(url), random.Random(number)
    written = errors = 0
    ready.wait()
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        try:
            ours.write([record(chance, written + n, HARSH) for n in range(BATCH)])
            written += BATCH
        except Exception as error:  # a deadlock would come as StoreUnavailable
            print(f"process {number}: {error}")
            errors += 1
    ours.close()
    results.put((written, errors))


def run(quick: bool) -> list[Table]:
    """Write with one process, then with eight; check what is there."""
    table = Table(
        "store_processes", f"Processes that write to one PostgreSQL, {BATCH} a batch",
        "lost: generations, failures and rollups that do not add up to what was acknowledged",
    )  # fmt: skip
    with databases() as kinds:
        new = kinds.get("postgresql")
        for count in (1, PROCESSES) if new is not None else ():
            assert new is not None
            table.add(**_measure(new(), count, QUICK_SECONDS if quick else SECONDS))
    return [table]


def _measure(url: str, count: int, seconds: float) -> dict[str, Any]:
    SqlStore(url).open()
    context = multiprocessing.get_context("spawn")
    ready, results = context.Barrier(count), context.Queue()
    children = [
        context.Process(target=_write, args=(url, number, seconds, ready, results))
        for number in range(count)
    ]
    for child in children:
        child.start()
    answers = [results.get(timeout=seconds + 120) for _ in children]
    for child in children:
        child.join()
    written = sum(each for each, _ in answers)
    return {"what": f"{count} processes", "per_s": round(written / seconds), "written": written,
            "errors": sum(each for _, each in answers), "lost": _lost(url, written)}  # fmt: skip


def _lost(url: str, written: int) -> int:
    """How far the tables are from what was acknowledged, in all."""
    engine = sa.create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    generations, failures, rollups = schema.analytics, schema.failures, schema.rollups
    users = schema.failure_users
    with engine.connect() as connection:

        def number(query: Any) -> int:
            return int(connection.execute(query).scalar() or 0)

        failed = generations.c.failure_id.is_not(None)
        all_of_them = number(sa.select(sa.func.count()).select_from(generations))
        failing = number(sa.select(sa.func.count()).where(failed))
        lost = abs(written - all_of_them)
        lost += abs(all_of_them - number(sa.select(sa.func.sum(rollups.c.count))))
        lost += abs(failing - number(sa.select(sa.func.sum(failures.c.occurrence_count))))
        lost += abs(
            number(sa.select(sa.func.count()).select_from(users))
            - number(sa.select(sa.func.sum(failures.c.user_count)))
        )
    engine.dispose()
    return lost
