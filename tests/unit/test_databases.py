"""Which files SQLite would write to."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

from genmon_otel.regression.isolation.databases import watch_attached, written

WRITTEN = {
    "": (),
    ":memory:": (),
    "/tmp/x.db": ("/tmp/x.db",),
    "x?mode=ro": ("x?mode=ro",),
    "file:/tmp/x": ("/tmp/x", "file:/tmp/x"),
    "file:/tmp/x?mode=ro": ("file:/tmp/x?mode=ro",),
    "file:/tmp/x?mode=rw": ("/tmp/x", "file:/tmp/x?mode=rw"),
    "file:/tmp/x?mode=ro&mode=rwc": ("/tmp/x", "file:/tmp/x?mode=ro&mode=rwc"),
    "file:%2ftmp%2fx": ("/tmp/x", "file:%2ftmp%2fx"),
    "file:///tmp/x?cache=shared": ("/tmp/x", "file:///tmp/x?cache=shared"),
    "file://localhost/tmp/x": ("/tmp/x", "file://localhost/tmp/x"),
    "file:/tmp/x#?mode=ro": ("/tmp/x", "file:/tmp/x#?mode=ro"),
    "file::memory:?cache=shared": ("file::memory:?cache=shared",),
    "file:x?mode=memory&cache=shared": ("file:x?mode=memory&cache=shared",),
}


def test_names_and_addresses_are_read_as_sqlite_reads_them() -> None:
    """A name that only looks like an address, or an address that only looks harmless, counts."""
    assert {name: written(name) for name in WRITTEN} == WRITTEN


def test_every_attached_file_is_seen(tmp_path: Path) -> None:
    """ATTACH and VACUUM INTO are seen, denied where the function raises; the rest goes on."""
    seen: list[str | None] = []
    refused = str(tmp_path / "refused")

    def see(name: str | None) -> None:
        seen.append(name)
        if name == refused:
            raise PermissionError

    with contextlib.closing(sqlite3.connect(":memory:")) as database:
        watch_attached(database, see)
        database.execute("create table t (x)")
        database.execute("attach ':memory:' as a")
        database.execute("attach ? as b", (":memory:",))
        for statement in (f"attach '{refused}' as c", f"vacuum into '{refused}'"):
            with contextlib.suppress(sqlite3.DatabaseError):
                database.execute(statement)
        assert database.execute("select count(*) from t").fetchone() == (0,)
    assert seen == [":memory:", None, refused, refused]
    assert not Path(refused).exists()
