"""Stores that go wrong while an application runs, and come back: nothing lost, no hand needed."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest
import sqlalchemy as sa

from genmon_otel import conventions as names
from genmon_otel import generation, recorder, setup, shutdown
from genmon_otel.records import Batch, WriteResult
from genmon_otel.store import SqlStore, schema, sqlite
from tests.system.faults.conftest import Application
from tests.system.faults.test_stores import small_disk
from tests.system.faults.world import World

pytestmark = pytest.mark.long("stores that hang for seconds while an application runs")

__all__ = ["small_disk"]


@generation(name="build", framework="react")
def build(number: int) -> str:
    if number % 2:
        raise ValueError("broken")
    return "fine"


def load(count: int) -> None:
    """So many calls. If each waited for a store that hangs, the test would run out of time."""
    for number in range(count):
        with suppress(ValueError):
            build(number)


@contextmanager
def refused(url: str) -> Iterator[None]:
    """A PostgreSQL database that lets nobody in, and throws out whoever was."""
    parsed = sa.make_url(url).set(drivername="postgresql+psycopg")
    database = parsed.database
    engine = sa.create_engine(parsed.set(database="postgres"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(sa.text(f'ALTER DATABASE "{database}" ALLOW_CONNECTIONS false'))
        connection.execute(
            sa.text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :d"),
            {"d": database},
        )
        try:
            yield
        finally:
            connection.execute(sa.text(f'ALTER DATABASE "{database}" ALLOW_CONNECTIONS true'))
    engine.dispose()


@contextmanager
def locked(url: str) -> Iterator[None]:
    """A SQLite file that somebody else holds."""
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)) as holder:
        holder.execute("BEGIN EXCLUSIVE")
        yield


def test_a_store_that_goes_away_and_returns(application: Application) -> None:
    """Mid-run, for hundreds of failures: callers do not notice, all is stored once it is back."""
    load(300)
    away: Callable[[str], object] = refused if "postgres" in application.store else locked
    with away(application.store):  # type: ignore[attr-defined]
        load(1000)
        time.sleep(1)
        load(100)
    found = application.end()
    assert found.ended == {"failure": 700, "success": 700}
    assert not found.dropped


def test_a_store_that_hangs_amidst_a_write(
    application: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Callers do not wait, nothing is dropped, and the backlog goes in few batches."""
    write = SqlStore.write
    begun: list[int] = []
    goes_on = threading.Event()

    def slow(store: SqlStore, batch: Batch) -> WriteResult:
        begun.append(len(batch.records))
        goes_on.wait(200)
        return write(store, batch)

    load(300)
    assert recorder.active_runtime().sink.flush(180)
    monkeypatch.setattr(SqlStore, "write", slow)
    load(1000)
    while not begun:
        time.sleep(0.01)
    load(500)
    assert len(begun) == 1  # all calls came back while the first write hung
    goes_on.set()
    found = application.end()
    assert len(begun) <= 12
    assert found.ended == {"failure": 900, "success": 900}
    assert not found.dropped


def take_away(url: str) -> None:
    """Delete the database under its users, and put an empty one in its place."""
    if "postgres" not in url:
        for path in Path(url.removeprefix("sqlite:///")).parent.glob("*.db*"):
            path.unlink()
        return
    engine = sa.create_engine(sa.make_url(url).set(drivername="postgresql+psycopg"))
    with engine.begin() as connection:
        connection.execute(sa.text("DROP SCHEMA public CASCADE"))
        connection.execute(sa.text("CREATE SCHEMA public"))
    engine.dispose()


def test_a_database_that_is_taken_away(application: Application) -> None:
    """Its schema is made anew under way, and what ends from then on is there."""
    load(10)
    sink = recorder.active_runtime().sink
    assert sink.flush(180)
    take_away(application.store)
    load(20)
    assert sink.flush(180)
    assert shutdown(180)
    stored = World(application.store, application.journal).stored()
    assert Counter(stored.values()) == {"failure": 10, "success": 10}
    assert not list(application.journal.glob("*.journal"))


def test_a_database_that_becomes_read_only(small_disk: Path, tmp_path: Path) -> None:
    """The file system is mounted read-only under us: what fails meanwhile is in the journal."""
    world = World(f"sqlite:///{small_disk}/genmon.db", tmp_path / "journal")
    remount = ["mount", "-o", "remount,ro", str(small_disk)]
    world.runs_through(lambda: subprocess.run(remount, check=False), 300)
    subprocess.run(["mount", "-o", "remount,rw", str(small_disk)], check=True)
    world.inherit()
    assert sum(outcome == "failure" for outcome in world.stored().values()) == 160


def test_a_schema_that_a_newer_version_made_meanwhile(tmp_path: Path) -> None:
    """Setting up again says so once and runs on; the journal waits for whoever can write there."""
    world = World(f"sqlite:///{tmp_path}/genmon.db", tmp_path / "journal")
    world.run("end", 10)
    with closing(sqlite3.connect(tmp_path / "genmon.db")) as connection, connection:
        connection.execute(f"UPDATE {names.TABLE_VERSION} SET version_num = '9999'")
    done = world.run("end", 10)
    assert done.returncode == 0
    doctor = subprocess.run(
        [sys.executable, "-c", "from genmon_otel.cli import main; main()", "doctor"],
        env={**world.environ, "COLUMNS": "400"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert doctor.returncode == 1
    assert done.stderr.count("has schema 9999") == 1
    assert "has schema 9999" in doctor.stdout
    assert "pip install -U genmon-otel" in doctor.stdout
    assert len(world.stored()) == 10
    with closing(sqlite3.connect(tmp_path / "genmon.db")) as connection, connection:
        connection.execute(f"UPDATE {names.TABLE_VERSION} SET version_num = '{schema.REVISION}'")
    world.run("end", 10)
    own = world.inherit()
    assert len(world.stored()) == 30 + len(own)


@pytest.mark.parametrize("made", [False, True])
def test_a_file_that_is_locked_as_we_set_up(
    tmp_path: Path, made: bool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Somebody else's write is no reason not to start: a warning, and all is stored afterwards."""
    monkeypatch.setattr(sqlite, "BUSY_TIMEOUT_S", 0.2)
    url = f"sqlite:///{tmp_path}/genmon.db"
    if made:
        store = SqlStore(url)
        store.open()
        store.close()
    with locked(url):
        setup(url, metrics="none", journal_dir=tmp_path / "journal")
        load(10)
    assert shutdown(180)
    assert "tried again" in caplog.text
    assert len(World(url, tmp_path / "journal").stored()) == 10
