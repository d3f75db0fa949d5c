"""Empty databases to measure on: SQLite files, and PostgreSQL on a fresh cluster."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.servers import postgresql

#: Makes an empty database; its connection string.
NewDatabase = Callable[[], str]

#: As Debian ships it (fsync on), with room for the writing processes.
SETTINGS = ("max_connections=60",)


@contextmanager
def databases() -> Iterator[dict[str, NewDatabase]]:
    """Kinds of databases there are on this machine; all gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="genmon-bench-", ignore_cleanup_errors=True) as folder:
        numbers = iter(range(1_000_000))

        def sqlite() -> str:
            return f"sqlite:///{Path(folder) / f'{next(numbers)}.db'}"

        if postgresql.programs() is None:
            print("no programs of a PostgreSQL server here: its lines are left out")
            yield {"sqlite": sqlite}
            return
        with postgresql.running(settings=SETTINGS) as server:
            yield {"sqlite": sqlite, "postgresql": server.new_database}
