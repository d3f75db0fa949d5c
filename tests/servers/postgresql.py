"""A PostgreSQL server of the tests' own: fresh cluster, unix socket only, gone afterwards."""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

#: Where programs lie that a package keeps off the search path.
PLACES = (
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/opt/homebrew/opt/postgresql*/bin",
    "/usr/local/opt/postgresql*/bin",
)
#: Users, the first that exists, for a server that refuses to run as root.
UNPRIVILEGED = ("postgres", "nobody")


def programs() -> Path | None:
    """Folder of ``initdb`` and ``postgres``; None where there is no server."""
    on_path = shutil.which("initdb")
    found = [Path(on_path).resolve().parent] if on_path else []
    for place in PLACES:
        found += sorted(Path("/").glob(place.removeprefix("/")), reverse=True)
    return next((each for each in found if (each / "postgres").exists()), None)


@dataclass
class Server:
    """A running server."""

    folder: Path
    process: subprocess.Popen[bytes]
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def url(self, database: str) -> str:
        """The connection string of one database."""
        return f"postgresql://genmon@/{database}?host={self.folder}"

    def new_database(self) -> str:
        """Make an empty database; its connection string."""
        import psycopg

        name = f"genmon_{os.getpid()}_{next(self._numbers)}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"')
        return self.url(name)

    def drop(self, url: str) -> None:
        """Remove a database of :meth:`new_database`, whoever is still connected to it."""
        import psycopg

        name = url.partition("@/")[2].partition("?")[0]
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


@contextmanager
def running(
    *, settings: tuple[str, ...] = ("fsync=off", "max_connections=120")
) -> Iterator[Server]:
    """Run a server on a fresh cluster; its folder is removed at the end.

    Args:
        settings: lines of ``postgresql.conf``. Tests lose nothing when the machine does.
    """
    place = programs()
    assert place is not None
    user = None
    if os.geteuid() == 0:
        names = {entry.pw_name for entry in pwd.getpwall()}
        user = next(name for name in UNPRIVILEGED if name in names)
    # A short path: a unix socket's may have 107 characters.
    folder = Path(tempfile.mkdtemp(prefix="genmon-pg-", dir=_place()))
    try:
        if user is not None:
            shutil.chown(folder, user)
        data, log = folder / "data", folder / "log"
        subprocess.run(
            [place / "initdb", "-D", data, "-U", "genmon", "-A", "trust", "-E", "UTF8",
             "--locale=C", "--no-sync"],
            check=True, capture_output=True, user=user, cwd=folder,
        )  # fmt: skip
        options = [f"-c{line}" for line in ("listen_addresses=", *settings)]
        with log.open("wb") as output:
            process = subprocess.Popen(
                [place / "postgres", "-D", data, "-k", folder, *options],
                stdout=output, stderr=output, user=user, cwd=folder,
            )  # fmt: skip
        server = Server(folder, process)
        try:
            _wait(server, log)
            yield server
        finally:
            process.terminate()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(5)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _place() -> str:
    """In memory where there is room: a database is 300 files, and a run makes hundreds of them."""
    memory = "/dev/shm"
    try:
        has_room = shutil.disk_usage(memory).free > 4 << 30 and os.access(memory, os.W_OK)
    except OSError:
        has_room = False
    return memory if has_room else "/tmp"


def _wait(server: Server, log: Path) -> None:
    import psycopg

    deadline = time.monotonic() + 180
    while True:
        try:
            psycopg.connect(server.url("postgres"), connect_timeout=2).close()
            return
        except psycopg.OperationalError:
            if server.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"postgres did not start: {log.read_text()[-2000:]}") from None
            time.sleep(0.05)
