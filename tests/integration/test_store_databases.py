"""Failures of each database: files, locks, missing servers, instrumented engines."""

from __future__ import annotations

import socket
import sqlite3
import stat
import sys
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import sqlalchemy as sa
from opentelemetry.instrumentation.sqlalchemy import SQLAlchemyInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from genmon_otel.errors import ConfigurationError, StoreUnavailable
from genmon_otel.store import SqlStore, sqlite
from tests.store_records import Producer, failing, success


def test_folder_and_file_are_the_owners_alone(tmp_path: Path) -> None:
    """A folder that the store creates is 0700 and ignored by git; its file is 0600."""
    path = tmp_path / "new" / ".genmon" / "genmon.db"
    SqlStore(f"sqlite:///{path}").open()
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert (path.parent / ".gitignore").read_text() == "*\n"
    there = tmp_path / "there"
    there.mkdir(mode=0o755)
    SqlStore(f"sqlite:///{there / 'genmon.db'}").open()
    assert stat.S_IMODE(there.stat().st_mode) == 0o755
    assert not (there / ".gitignore").exists()


@pytest.mark.parametrize(
    ("version", "safe"),
    [((3, 40, 1), False), ((3, 44, 5), False), ((3, 44, 6), True), ((3, 45, 0), False),
     ((3, 50, 6), False), ((3, 50, 7), True), ((3, 51, 2), False), ((3, 51, 3), True),
     ((3, 54, 1), True)],
)  # fmt: skip
def test_a_log_only_where_resets_are_safe(version: tuple[int, int, int], safe: bool) -> None:
    """The write-ahead log is used only by versions of SQLite that do not lose rows with it."""
    assert sqlite.wal_is_safe(version) is safe


def test_journal_mode_fits_the_library(tmp_path: Path) -> None:
    """A file gets the journal mode that is safe with this SQLite, also if it had the other one."""
    path = tmp_path / "genmon.db"
    with sqlite3.connect(path) as before:
        before.execute("PRAGMA journal_mode = WAL")
    before.close()
    store = SqlStore(f"sqlite:///{path}")
    store.open()
    with store._database.read() as connection:
        mode = connection.exec_driver_sql("PRAGMA journal_mode").scalar_one()
    assert mode == ("wal" if sqlite.wal_is_safe() else "truncate")
    store.close()


def test_network_file_systems_are_recognised(tmp_path: Path) -> None:
    """The innermost mount decides, also with spaces in its path."""
    (tmp_path / "a share").mkdir()
    mounts = (
        "21 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
        f"22 21 0:9 / {str(tmp_path / 'a share').replace(' ', chr(92) + '040')} rw - nfs4 host:/x rw\n"
    )
    assert sqlite.file_system(tmp_path, mounts) == "ext4"
    assert sqlite.file_system(tmp_path / "a share", mounts) in sqlite.NETWORK_FILE_SYSTEMS


@pytest.mark.parametrize("content", [b"this is no database at all" * 400, b""])
def test_a_file_that_is_no_database(tmp_path: Path, content: bytes) -> None:
    """An empty file becomes a store; any other file is refused with the remedy and not changed."""
    path = tmp_path / "genmon.db"
    path.write_bytes(content)
    store = SqlStore(f"sqlite:///{path}")
    if not content:
        store.open()
        return
    with pytest.raises(StoreUnavailable, match=r"damaged|not a database"):
        store.open()
    assert path.read_bytes() == content


def test_a_damaged_file_is_seen_on_open(tmp_path: Path) -> None:
    """Damaged pages are found before anything is written."""
    path = tmp_path / "genmon.db"
    store = SqlStore(f"sqlite:///{path}")
    store.open()
    Producer(store).write(*(failing(str(n)) for n in range(50)))
    store.close()
    with path.open("r+b") as file:
        for page in range(2, path.stat().st_size // 4096, 2):
            file.seek(page * 4096)
            file.write(b"\xff" * 512)
    with pytest.raises(StoreUnavailable, match="damaged"):
        SqlStore(f"sqlite:///{path}").open()


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    """A path below a file is refused with what to give instead."""
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreUnavailable, match="GENMON_STORE"):
        SqlStore(f"sqlite:///{tmp_path / 'file' / 'below' / 'genmon.db'}").open()


def test_a_locked_file_is_unavailable_then_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While another process has the file locked a write fails in time; afterwards it succeeds."""
    monkeypatch.setattr(sqlite, "BUSY_TIMEOUT_S", 0.2)
    path = tmp_path / "genmon.db"
    store = SqlStore(f"sqlite:///{path}")
    store.open()
    producer = Producer(store)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(StoreUnavailable, match="locked"):
        producer.write(failing("a"))
    other.execute("ROLLBACK")
    other.close()
    assert producer.write(failing("a")).written == 1
    assert store.failures()[0].occurrence_count == 1


def test_a_store_in_memory_works(tmp_path: Path) -> None:
    """``sqlite://`` is a store for as long as it is open."""
    store = SqlStore("sqlite://")
    store.open()
    Producer(store).write(*(failing("a") for _ in range(3)))
    assert len(store.cases()) == 1


def test_an_unknown_kind_is_refused() -> None:
    """A connection string of another database says what is allowed, without its password."""
    for url in ("mysql://root:hunter2@host/db", "://", "nonsense://x:hunter2@y"):
        with pytest.raises(ConfigurationError, match="sqlite:///path") as refused:
            SqlStore(url)
        assert "hunter2" not in str(refused.value)


@pytest.mark.postgres
def test_a_server_that_is_away(tmp_path: Path) -> None:
    """Without a server, or an answer, StoreUnavailable comes within seconds, with the password masked."""
    pytest.importorskip("psycopg")
    silent = socket.create_server(("127.0.0.1", 0))
    port = silent.getsockname()[1]
    for where in (f"127.0.0.1:{port}", "127.0.0.1:1"):
        store = SqlStore(f"postgresql://user:hunter2@{where}/db?connect_timeout=2")
        with pytest.raises(StoreUnavailable) as refused:
            store.open()
        assert "hunter2" not in str(refused.value)
        assert "***" in str(refused.value)
    silent.close()


@pytest.mark.postgres
def test_a_server_that_dropped_us_is_met_again(postgresql_url: str) -> None:
    """When the server closes the connections at most one write fails, and the next one succeeds."""
    import psycopg

    store = SqlStore(postgresql_url)
    store.open()
    producer = Producer(store)
    producer.write(success())
    with psycopg.connect(postgresql_url, autocommit=True) as other:
        other.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    for _attempt in range(2):
        try:
            producer.write(success())
            break
        except StoreUnavailable:
            continue
    assert len(store.generations()) == 2
    store.close()


def test_an_instrumented_store_writes_no_spans_about_itself(
    store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With OpenTelemetry's SQLAlchemy instrumentation genmon's statements create no spans."""
    # It insists on wrapping asyncio engines, whose module needs greenlet; we have none.
    stub: Any = ModuleType("sqlalchemy.ext.asyncio")
    stub.create_async_engine = lambda: None
    monkeypatch.setitem(sys.modules, "sqlalchemy.ext.asyncio", stub)
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    instrumentor = SQLAlchemyInstrumentor()
    instrumentor.instrument(tracer_provider=provider, skip_dep_check=True)
    try:
        store = SqlStore(store_url)
        store.open()
        Producer(store).write(*(failing("a") for _ in range(3)))
        assert len(store.cases()) == 1
        store.close()
        assert exporter.get_finished_spans() == ()
        with sa.create_engine("sqlite://").connect() as connection:
            connection.execute(sa.text("SELECT 1"))
        assert exporter.get_finished_spans() != ()
    finally:
        # It stumbles over SQLAlchemy 2.1, after having unwrapped what it wrapped.
        with suppress(AttributeError, sa.exc.InvalidRequestError):
            instrumentor.uninstrument()
        instrumentor._is_instrumented_by_opentelemetry = False
