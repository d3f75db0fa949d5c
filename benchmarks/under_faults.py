"""What a decorated call costs its caller at p99 while the store, or the journal's disk, is at fault.

Everything is on, as ``setup()`` makes it; every second call fails. Rounds without and with
the fault take turns in one process, 300 calls each at up to 500 a second, and the figure is
the median of the rounds' p99s in wall time. The writer has met the fault before it is measured,
and catches up between rounds.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from opentelemetry.sdk.trace import TracerProvider
from prometheus_client import CollectorRegistry

from benchmarks.databases import SETTINGS
from benchmarks.table import Table
from genmon_otel import generation, recorder, setup, shutdown
from genmon_otel.store import SqlStore
from tests.servers import postgresql, tcp_proxy

ROUNDS, QUICK_ROUNDS = 5, 1
CALLS: Final = 300
PAUSE_S: Final = 0.002
#: Seconds until the writer, which gathers for one, has met the fault.
MET_S: Final = 1.5
#: Seconds after which a silent server is given up, that a round may end.
ANSWER_TIMEOUT_S: Final = 2.0
#: Seconds that one write takes where the store is slow.
SLOW_S: Final = 5.0

#: Store, folder of the journal, and what puts the fault in force.
World = tuple[str, Path, Callable[[], AbstractContextManager[None]]]


@generation(name="build", framework="react")
def build(number: int) -> str:
    if number % 2:
        raise ValueError("the model returned no files")
    return "fine"


def p99_us() -> float:
    """Microseconds at p99 of one round of calls."""
    took = []
    for number in range(CALLS):
        begin = time.perf_counter()
        with suppress(ValueError):
            build(number)
        took.append(time.perf_counter() - begin)
        time.sleep(PAUSE_S)
    return sorted(took)[CALLS * 99 // 100 - 1] * 1e6


@contextmanager
def server_down(folder: Path) -> Iterator[World]:
    """A PostgreSQL that lets nobody in, and throws out whoever was."""
    with postgresql.running(settings=SETTINGS) as server:
        url = server.new_database()
        name = url.partition("@/")[2].partition("?")[0]

        @contextmanager
        def fault() -> Iterator[None]:
            import psycopg

            with psycopg.connect(server.url("postgres"), autocommit=True) as door:
                door.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
                door.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s",
                    (name,),
                )
                yield
                door.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')

        yield url, folder, fault


@contextmanager
def server_silent(folder: Path) -> Iterator[World]:
    """A PostgreSQL whose host vanishes and closes nothing."""
    from genmon_otel.store.timeout_connection import TimeoutConnection

    TimeoutConnection.answer_timeout_s = ANSWER_TIMEOUT_S
    with (
        postgresql.running(settings=SETTINGS) as server,
        tcp_proxy.before(f"{server.folder}/.s.PGSQL.5432") as proxy,
    ):
        name = server.new_database().partition("@/")[2].partition("?")[0]
        yield f"postgresql://genmon@127.0.0.1:{proxy.port}/{name}", folder, proxy.silent


@contextmanager
def slow_writes(folder: Path) -> Iterator[World]:
    """A SQLite file whose every write takes five seconds."""
    write: Any = SqlStore.write

    def slow(store: SqlStore, batch: Any) -> Any:
        time.sleep(SLOW_S)
        return write(store, batch)

    @contextmanager
    def fault() -> Iterator[None]:
        SqlStore.write = slow  # type: ignore[method-assign]
        yield
        SqlStore.write = write  # type: ignore[method-assign]

    yield f"sqlite:///{folder}/genmon.db", folder, fault


@contextmanager
def locked(folder: Path) -> Iterator[World]:
    """A SQLite file that another connection holds."""

    @contextmanager
    def fault() -> Iterator[None]:
        path = folder / "genmon.db"
        with closing(sqlite3.connect(path, isolation_level=None, timeout=30)) as holder:
            holder.execute("BEGIN EXCLUSIVE")
            yield
            holder.execute("ROLLBACK")

    yield f"sqlite:///{folder}/genmon.db", folder, fault


@contextmanager
def journal_full(folder: Path) -> Iterator[World]:
    """The journal on a disk of its own, of four megabytes, with no byte free."""
    disk = folder / "small"
    disk.mkdir()
    options = "size=4m,mode=0700"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(disk)], check=True)

    @contextmanager
    def fault() -> Iterator[None]:
        filler = disk / "filler"
        with filler.open("wb", buffering=0) as file:
            for size in (65_536, 4_096, 1):
                with suppress(OSError):
                    while file.write(b"x" * size):
                        pass
        yield
        filler.unlink()

    try:
        yield f"sqlite:///{folder}/genmon.db", disk / "journal", fault
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def run(quick: bool) -> list[Table]:
    """Measure each fault this machine can have."""
    logging.getLogger("genmon_otel").setLevel(logging.CRITICAL)
    faults: dict[str, Callable[[Path], AbstractContextManager[World]]] = {
        "SQLite, 5 s a write": slow_writes,
        "SQLite locked": locked,
    }
    if postgresql.programs() is not None:
        faults |= {"PostgreSQL down": server_down, "PostgreSQL's host silent": server_silent}
    if os.geteuid() == 0:
        faults["journal's disk full"] = journal_full
    rounds = QUICK_ROUNDS if quick else ROUNDS
    table = Table(
        "under_faults", "A decorated call at p99 while a fault lasts, µs",
        f"every second call fails; median of {rounds} rounds of {CALLS} calls; bar: 1,000 over",
    )  # fmt: skip
    for what, fault in faults.items():
        normal, hurt = _measured(fault, rounds)
        table.add(what=what, normal=normal, fault=hurt, over=hurt - normal)
    return [table]


def _measured(
    fault: Callable[[Path], AbstractContextManager[World]], rounds: int
) -> tuple[float, float]:
    """Medians of the p99s without and with a fault."""
    normal, hurt = [], []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="genmon-bench-")))
        store, journal, in_force = stack.enter_context(fault(folder))
        setup(
            store=store,
            journal_dir=journal,
            registry=CollectorRegistry(),
            tracer_provider=TracerProvider(shutdown_on_exit=False),
            code_version="1",
        )
        stack.callback(shutdown)
        p99_us()  # warm
        for _ in range(rounds):
            _catch_up()
            normal.append(p99_us())
            _catch_up()
            with in_force():
                build(0)
                time.sleep(MET_S)
                hurt.append(p99_us())
        _catch_up()
    return statistics.median(normal), statistics.median(hurt)


def _catch_up() -> None:
    """Wait until the store holds everything: none of it may be lost to a fault."""
    sink: Any = recorder.active_runtime().sink
    if not sink.flush(120):
        raise RuntimeError("the store does not catch up after the fault")
