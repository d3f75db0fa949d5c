"""Commands that only read change no database: not an empty one, an older one, or another's."""

from __future__ import annotations

import hashlib
import re
import sqlite3
from pathlib import Path

import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from genmon_otel.cli import genmon
from genmon_otel.errors import GenmonError, StoreUnavailable
from genmon_otel.store import SqlStore, schema
from tests.integration.test_store_schema import at_revision
from tests.store_records import Producer, failing, success

READING = (
    ("doctor",),
    ("health",),
    ("health", "--operation", "build_app"),
    ("tail", "--no-follow"),
    ("failures", "list"),
    ("failures", "show", "F-3KQ2"),
    ("cases", "list"),
    ("cases", "show", "F-3KQ2"),
    ("cases", "export", "exported"),
)
#: Those that change rows; on a database that is not genmon's they must not change it either.
WRITING = (
    ("failures", "resolve", "F-3KQ2"),
    ("failures", "relabel", "F-3KQ2", "--category", "unknown"),
    ("cases", "verify"),
    ("cases", "approve", "F-3KQ2"),
    ("cases", "run"),
    ("cases", "rebind", "a:b", "a:c"),
    ("db", "prune"),
    ("db", "forget", "--user", "ada", "--yes"),
)


def call(arguments: tuple[str, ...], url: str) -> str:
    """What a command prints or is refused with."""
    done = CliRunner().invoke(genmon, [*arguments, "--store", url])
    error = done.exception
    assert error is None or isinstance(error, (GenmonError, SystemExit)), (arguments, error)
    return f"{done.output}{error}"


def everything(folder: Path) -> dict[str, str]:
    """Each file below a folder with its content's hash."""
    return {
        str(path): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands write what they export, and keep their journal, beside nothing that is looked at."""
    place = tmp_path / "cwd"
    place.mkdir()
    monkeypatch.chdir(place)
    monkeypatch.setenv("GENMON_JOURNAL_DIR", str(tmp_path / "journal"))


@pytest.mark.parametrize("mode", ["DELETE", "WAL"])
def test_another_applications_file_stays_as_it_is(tmp_path: Path, mode: str) -> None:
    """Not a byte of it changes, its journal mode included, whatever command meets it."""
    folder = tmp_path / "other"
    folder.mkdir()
    path = folder / "shop.db"
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA journal_mode = {mode}")
        connection.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY, total REAL)")
        connection.execute("INSERT INTO orders (total) VALUES (3.5)")
    connection.close()
    before = everything(folder)
    for arguments in (*READING, *WRITING):
        assert "genmon" in call(arguments, str(path))
        assert everything(folder) == before, arguments


def test_an_empty_database_stays_empty(store_url: str) -> None:
    """No command but ``db upgrade`` makes tables."""
    for arguments in (*READING, *WRITING):
        assert re.search("[Rr]un (your|the) application once", call(arguments, store_url))
        assert _tables(store_url) == [], arguments


def test_an_older_schema_is_not_upgraded_by_reading(store_url: str) -> None:
    """An older schema is named with its remedy, and stays what it is."""
    at_revision(store_url, schema.REVISIONS[0]).close()
    for arguments in (*READING, *WRITING):
        assert "genmon db upgrade" in call(arguments, store_url), arguments
    engine = sa.create_engine(_driver(store_url))
    with engine.connect() as connection:
        found = connection.execute(sa.select(schema.version.c.version_num)).scalar()
    engine.dispose()
    assert found == schema.REVISIONS[0]


def test_a_store_that_only_reads_refuses_to_write(store_url: str) -> None:
    """It reads what is there; the database itself refuses a change."""
    store = SqlStore(store_url)
    store.open()
    Producer(store).write(failing(), success())
    store.close()
    reading = SqlStore(store_url, read_only=True)
    reading.open()
    assert reading.health(now=4e9).attempts == 0
    (failure,) = reading.failures(status=None)
    with pytest.raises(StoreUnavailable, match=r"read.?only"):
        reading.set_failure_status(failure.handle, "resolved")
    assert reading.failures(status=None) == [failure]
    reading.close()


def _driver(url: str) -> str:
    return url.replace("postgresql://", "postgresql+psycopg://")


def _tables(url: str) -> list[str]:
    if url.startswith("sqlite") and not Path(url.removeprefix("sqlite:///")).exists():
        return []
    engine = sa.create_engine(_driver(url))
    try:
        return sa.inspect(engine).get_table_names()
    finally:
        engine.dispose()
