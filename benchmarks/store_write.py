"""How fast batches are stored, against plain SQLAlchemy Core writing the same rows.

All write to fresh databases of one kind on the same disk, in turns, so that the
ratio means something on a busy machine. Plain is what somebody would write by hand:
one transaction a batch on an engine as it comes, the generations with ``insert()``,
failures and rollups, summed up beforehand, with ``insert().on_conflict_do_update()``.
It knows nothing of exactly once, strikes, handles, users or cases. Beside it the
generations' rows alone, which is less than the same rows.
"""

from __future__ import annotations

import random
import statistics
import time
import uuid
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from benchmarks.databases import databases
from benchmarks.records import CALM, HARSH, USUAL, record
from benchmarks.table import Table
from genmon_otel.records import Batch, GenerationRecord, Outcome
from genmon_otel.store import SqlStore, schema

SIZES = (1, 100, 1000)
#: Seconds a measurement, and fewest rounds.
SECONDS, QUICK_SECONDS, ROUNDS = 6.0, 0.8, 3


class Ours:
    """The store."""

    def __init__(self, url: str) -> None:
        self.store = SqlStore(url)
        self.store.open()
        self.producer, self.position = uuid.uuid4().hex, 0

    def write(self, records: list[GenerationRecord]) -> float:
        """Seconds for one batch."""
        batch = Batch(self.producer, self.position, self.position, tuple(records))
        begun = time.perf_counter()
        self.store.write(batch)
        self.position += 1
        return time.perf_counter() - begun

    def close(self) -> None:
        self.store.close()


class Plain:
    """SQLAlchemy Core with an engine as it comes."""

    def __init__(self, url: str, *, only_generations: bool = False) -> None:
        self.engine = sa.create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
        self._only_generations = only_generations
        with self.engine.begin() as connection:
            for table in (schema.analytics, schema.failures, schema.rollups):
                table.create(connection)
        insert: Any = (postgresql if "postgresql" in url else sqlite).insert
        failure, rollup = insert(schema.failures), insert(schema.rollups)
        self._generations = sa.insert(schema.analytics)
        self._failures = failure.on_conflict_do_update(
            index_elements=["fingerprint"],
            set_={
                "occurrence_count": schema.failures.c.occurrence_count
                + failure.excluded.occurrence_count,
                **{name: failure.excluded[name] for name in ("last_seen_at", "error_message",
                                                             "stack_trace", "context")},
            },
        )  # fmt: skip
        self._rollups = rollup.on_conflict_do_update(
            index_elements=[column.name for column in schema.rollups.primary_key],
            set_={
                name: schema.rollups.c[name] + rollup.excluded[name]
                for name in ("count", "duration_sum_s")
            },
        )

    def write(self, records: list[GenerationRecord]) -> float:
        """Seconds for one batch; making the rows does not count."""
        generations = [generation_row(each) for each in records]
        failures, rollups = failure_rows(records), rollup_rows(records)
        begun = time.perf_counter()
        with self.engine.begin() as connection:
            connection.execute(self._generations, generations)
            if not self._only_generations:
                if failures:
                    connection.execute(self._failures, failures)
                connection.execute(self._rollups, rollups)
        return time.perf_counter() - begun

    def close(self) -> None:
        self.engine.dispose()


def generation_row(each: GenerationRecord) -> dict[str, Any]:
    """A generation's row, ready for ``insert()``."""
    return {
        "generation_id": each.generation_id,
        "created_at": each.ended_at,
        "operation": each.operation,
        "framework": each.framework,
        "success": each.outcome is Outcome.SUCCESS,
        "outcome": str(each.outcome),
        "duration_s": each.duration_s,
        "user_id": each.user_id,
        "project_id": each.project_id,
        "user_request": each.user_request,
        "trace_id": each.trace_id,
        "span_id": each.span_id,
        "failure_id": None,
        "failure_category": None if each.failure is None else str(each.failure.category),
        "code_version": each.code_version,
        "metadata": {
            "file_count": each.file_count,
            "phases": [
                {"name": s.name, "duration_s": s.duration_s, "outcome": str(s.outcome)}
                for s in each.stages
            ],
            "tokens": each.tokens,
        },
    }


def failure_rows(records: list[GenerationRecord]) -> list[dict[str, Any]]:
    """Rows of the failures among them: one a fingerprint, in key order."""
    rows: dict[str, dict[str, Any]] = {}
    for each in records:
        if each.failure is None:
            continue
        row = rows.setdefault(each.failure.fingerprint, {
            "fingerprint": each.failure.fingerprint,
            "signature": each.failure.signature,
            "operation": each.operation,
            "error_type": each.failure.error_type,
            "failure_category": str(each.failure.category),
            "severity": str(each.failure.severity),
            "framework": each.framework,
            "occurrence_count": 0,
            "first_seen_at": each.ended_at,
        })  # fmt: skip
        row["occurrence_count"] += 1
        row |= {
            "last_seen_at": each.ended_at,
            "error_message": each.failure.error_message,
            "stack_trace": each.failure.stack_trace,
            "context": {"generation_id": each.generation_id, "user_id": each.user_id,
                        "project_id": each.project_id, "trace_id": each.trace_id},
        }  # fmt: skip
    return [rows[key] for key in sorted(rows)]


def rollup_rows(records: list[GenerationRecord]) -> list[dict[str, Any]]:
    """Rows of the minutes they fall into, in key order."""
    rows: dict[tuple[Any, ...], dict[str, Any]] = {}
    for each in records:
        key = (
            each.ended_at // 60 * 60, each.operation, each.framework, str(each.outcome),
            "" if each.failure is None else str(each.failure.category), 0,
        )  # fmt: skip
        names = (column.name for column in schema.rollups.columns)
        row = rows.setdefault(key, dict(zip(names, (*key, 0, 0.0), strict=True)))
        row["count"] += 1
        row["duration_sum_s"] += each.duration_s
    return [rows[key] for key in sorted(rows)]


def run(quick: bool) -> list[Table]:
    """Measure every batch size and load on every kind of database."""
    table = Table(
        "store_write", "Generations stored a second, by batch",
        "ratio: to plain SQLAlchemy Core writing generations, failures and rollups (bar 0.60); "
        "rows alone: to its insert of the generations only",
    )  # fmt: skip
    with databases() as kinds:
        for kind, new in kinds.items():
            for load in (CALM, USUAL, HARSH):
                for size in SIZES:
                    writers = (Ours(new()), Plain(new()), Plain(new(), only_generations=True))
                    seconds = QUICK_SECONDS if quick else SECONDS
                    times = _in_turns(writers, size, load, seconds)
                    ours, plain = (statistics.median(each) for each in times[:2])
                    table.add(
                        database=kind, what=load.name, batch=size,
                        genmon_per_s=round(size / ours), plain_per_s=round(size / plain),
                        ratio=_ratio(times[1], times[0]), rows_alone=_ratio(times[2], times[0]),
                        rounds=len(times[0]),
                    )  # fmt: skip
                    for writer in writers:
                        writer.close()
    return [table]


def _in_turns(writers: Any, size: int, load: Any, seconds: float) -> list[list[float]]:
    """Times of each writer's batches, one each a round, the first rounds left out."""
    chance, number = random.Random(size), 0
    times: list[list[float]] = [[] for _ in writers]
    end = None
    rounds = 0
    while end is None or time.perf_counter() < end or rounds < 2 * ROUNDS:
        for index, writer in enumerate(writers):
            records = [record(chance, number + n, load) for n in range(size)]
            number += size
            spent = writer.write(records)
            if rounds >= ROUNDS:  # statements compiled, pages and users there
                times[index].append(spent)
        rounds += 1
        if rounds == ROUNDS:
            end = time.perf_counter() + seconds
    return times


def _ratio(plain: list[float], ours: list[float]) -> float:
    return round(statistics.median(p / o for p, o in zip(plain, ours, strict=True)), 2)
