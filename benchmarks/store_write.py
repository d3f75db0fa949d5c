"""How fast batches are stored, against a plain SQLAlchemy Core insert of the same rows.

Both write to a fresh database of the same kind on the same disk, in turns, so that
the ratio means something on a busy machine. A batch stored here is one transaction
with the rows, their failures, user counts and rollups; the plain insert is the rows
and a commit.

    python benchmarks/store_write.py [--postgresql URL] [--failing 0.2] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import tempfile
import time
import uuid
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from genmon_otel.records import (
    Batch,
    Category,
    Failure,
    GenerationRecord,
    Outcome,
    Severity,
    Stage,
)
from genmon_otel.store import SqlStore, schema

START = 1_700_000_000.0
FINGERPRINTS = 1_000
USERS = 2_000


def record(chance: random.Random, number: int, failing: float) -> GenerationRecord:
    """One generation of about 900 bytes."""
    failure = None
    if chance.random() < failing:
        which = chance.randrange(FINGERPRINTS)
        failure = Failure(
            category=Category.RATE_LIMIT,
            severity=Severity.MEDIUM,
            error_type="openai.RateLimitError",
            error_message="Rate limit reached for requests " + "x" * 60,
            stack_trace="Traceback (most recent call last):\n" + "  File 'a.py', line 3\n" * 12,
            fingerprint=f"v1:{which:032x}",
            signature=f"v1:{which:032x}",
            stage="call_model",
        )
    at = START + number * 0.01
    return GenerationRecord(
        generation_id=f"{time.time_ns():016x}{chance.getrandbits(64):016x}",
        operation="build_app",
        framework=chance.choice(("react", "vue", "html")),
        outcome=Outcome.FAILURE if failure else Outcome.SUCCESS,
        started_at=at - 12,
        ended_at=at,
        duration_s=12.0,
        user_id=f"user-{chance.randrange(USERS)}",
        project_id=f"project-{chance.randrange(USERS)}",
        user_request="Build me a web application that " + "keeps a list of things " * 12,
        trace_id=f"{chance.getrandbits(128):032x}",
        span_id=f"{chance.getrandbits(64):016x}",
        code_version="3f2a9c1",
        file_count=12,
        tokens={"input": 1200, "output": 5300},
        stages=tuple(Stage(name, "phase", 3.0, Outcome.SUCCESS) for name in ("plan", "code")),
        failure=failure,
    )


def plain_row(record: GenerationRecord) -> dict[str, Any]:
    """The same row, ready for ``insert()``."""
    return {
        "generation_id": record.generation_id,
        "created_at": record.ended_at,
        "operation": record.operation,
        "framework": record.framework,
        "success": record.outcome is Outcome.SUCCESS,
        "outcome": str(record.outcome),
        "duration_s": record.duration_s,
        "user_id": record.user_id,
        "project_id": record.project_id,
        "user_request": record.user_request,
        "trace_id": record.trace_id,
        "span_id": record.span_id,
        "failure_id": None,
        "failure_category": None,
        "code_version": record.code_version,
        "metadata": {
            "file_count": record.file_count,
            "phases": [
                {"name": s.name, "duration_s": s.duration_s, "outcome": str(s.outcome)}
                for s in record.stages
            ],
            "tokens": record.tokens,
        },
    }


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


class Plain:
    """SQLAlchemy Core's ``insert()`` into the same table, with an engine as it comes."""

    def __init__(self, url: str) -> None:
        driver = url.replace("postgresql://", "postgresql+psycopg://")
        self.engine = sa.create_engine(driver)
        with self.engine.begin() as connection:
            schema.analytics.create(connection)

    def write(self, records: list[GenerationRecord]) -> float:
        """Seconds for one batch."""
        rows = [plain_row(record) for record in records]
        begun = time.perf_counter()
        with self.engine.begin() as connection:
            connection.execute(sa.insert(schema.analytics), rows)
        return time.perf_counter() - begun


def compare(ours: Ours, plain: Plain, size: int, failing: float, seconds: float) -> dict[str, Any]:
    """Rows a second of each, in turns, medians."""
    chance = random.Random(size)
    spent: dict[str, list[float]] = {"ours": [], "plain": []}
    number = 0
    for _ in range(3):  # statements compiled, pages and users there
        for writer in (ours, plain):
            writer.write([record(chance, n, failing) for n in range(size)])
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        for name, writer in (("ours", ours), ("plain", plain)):
            records = [record(chance, number + n, failing) for n in range(size)]
            number += size
            spent[name].append(writer.write(records))
    rates = {name: size / statistics.median(times) for name, times in spent.items()}
    return {"batch": size, "failing": failing, "rounds": len(spent["ours"]),
            "ours_per_s": round(rates["ours"]), "plain_per_s": round(rates["plain"]),
            "ratio": round(rates["ours"] / rates["plain"], 2)}  # fmt: skip


def main() -> None:
    """Print the table; write JSON when asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--postgresql", help="connection string of a server; databases are made")
    parser.add_argument("--failing", type=float, nargs="*", default=[0.0, 0.2])
    parser.add_argument("--seconds", type=float, default=4.0, help="a measurement")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="genmon-bench-"))
    results: list[dict[str, Any]] = []
    for kind in ("sqlite", "postgresql") if given.postgresql else ("sqlite",):
        for failing in given.failing:
            for size in (1, 100, 1000):
                urls = []
                for name in ("ours", "plain"):
                    if kind == "sqlite":
                        urls.append(f"sqlite:///{folder}/{name}-{size}-{failing}.db")
                    else:
                        urls.append(new_database(given.postgresql))
                ours, plain = Ours(urls[0]), Plain(urls[1])
                result = {"database": kind} | compare(ours, plain, size, failing, given.seconds)
                results.append(result)
                ours.store.close()
                plain.engine.dispose()
                print(" ".join(f"{key}={value}" for key, value in result.items()), flush=True)
    if given.json:
        given.json.write_text(json.dumps(results, indent=2), encoding="utf-8")


def new_database(server: str) -> str:
    """Make an empty database on a server; its connection string."""
    url = sa.make_url(server.replace("postgresql://", "postgresql+psycopg://"))
    name = f"bench_{uuid.uuid4().hex[:12]}"
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(sa.text(f'CREATE DATABASE "{name}"'))
    engine.dispose()
    return url.set(drivername="postgresql", database=name).render_as_string(hide_password=False)


if __name__ == "__main__":
    main()
