"""Prepares, configures and checks a SQLite file."""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from genmon_otel.errors import StoreUnavailable

#: Seconds that a connection waits for another one's write lock.
BUSY_TIMEOUT_S: Final = 10.0
#: Seconds that the integrity check may take; of a large file only a part is checked.
INTEGRITY_CHECK_S: Final = 1.0
#: First fixed version of each release line: older ones can lose committed rows at a WAL reset.
#: Source: https://www.sqlite.org/wal.html, "The WAL-Reset Bug".
WAL_SAFE: Final = ((3, 51, 3), (3, 50, 7), (3, 44, 6))
#: File systems on which SQLite's shared memory or file locks do not work between hosts.
NETWORK_FILE_SYSTEMS: Final = frozenset(
    "nfs nfs4 cifs smb3 smbfs 9p afs ceph glusterfs lustre fuse.sshfs fuse.s3fs "
    "fuse.glusterfs fuse.gcsfuse fuse.blobfuse2 virtiofs".split()
)


def wal_is_safe(version: tuple[int, ...] = sqlite3.sqlite_version_info) -> bool:
    """Whether this SQLite can use a write-ahead log with several processes without losing rows."""
    return version >= WAL_SAFE[0] or any(
        version[:2] == fixed[:2] and version >= fixed for fixed in WAL_SAFE
    )


def file_system(path: Path, mounts: str | None = None) -> str:
    """Return the type of the file system that holds a path; empty where the system does not report it.

    Args:
        path: an existing path.
        mounts: text of ``/proc/self/mountinfo``; None to read it.
    """
    if mounts is None:
        try:
            mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ""
    resolved = os.path.realpath(path)
    longest, kind = "", ""
    for line in mounts.splitlines():
        fields, _, rest = line.partition(" - ")
        words = fields.split()
        if len(words) < 5 or not rest:
            continue
        point = words[4].replace("\\040", " ")
        inside = resolved == point or resolved.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= len(longest):
            longest, kind = point, rest.split()[0]
    return kind


def prepare_file(path: Path) -> None:
    """Create the folder (0700, with its own ``.gitignore``) and the file (0600) if missing.

    An existing folder is not changed. An existing file is not opened: closing it would release
    the POSIX locks that SQLite holds on it in this process.

    Raises:
        StoreUnavailable: the folder or the file cannot be created.
    """
    folder = path.parent
    try:
        if not folder.is_dir():
            folder.parent.mkdir(parents=True, exist_ok=True)
            folder.mkdir(mode=0o700, exist_ok=True)
            (folder / ".gitignore").write_text("*\n", encoding="utf-8")
        if not path.exists():
            flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY
            try:
                os.close(os.open(path, flags, 0o600))
            except FileExistsError:
                pass  # another process created it
    except OSError as error:
        raise StoreUnavailable(
            f"The store {path} cannot be created ({error.strerror or error}). Give a path in a "
            "folder that this process may write to: setup(store=...) or GENMON_STORE."
        ) from None


def refuse_link_of_another_user(path: Path) -> None:
    """Refuse a symbolic link that another user made or whose target is another user's.

    Any user who can write to the working directory could place such a link. Paths that were
    configured are resolved before, so only the default path can be a link here.

    Raises:
        StoreUnavailable: the folder or the file is such a link.
    """
    for place in (path.parent, path):
        if not place.is_symlink():
            continue
        for found in (place.lstat(), place.stat() if place.exists() else None):
            if found is not None and found.st_uid not in (os.geteuid(), 0):
                raise StoreUnavailable(
                    f"The store {path} is not used: {place} is a link to {os.path.realpath(place)}, and link "
                    f"or target belong to another user (uid {found.st_uid}). Remove the link, or name "
                    "the store yourself: setup(store=...) or GENMON_STORE."
                )


def configure(connection: sqlite3.Connection, path: Path | None) -> None:
    """Configure a new connection: explicit transactions, busy timeout, journal mode.

    WAL where it is safe, else a rollback journal (TRUNCATE). ``path`` is None for a database in
    memory.
    """
    _configure_driver(connection)
    with closing(connection.cursor()) as cursor:
        cursor.execute(f"PRAGMA busy_timeout = {int(BUSY_TIMEOUT_S * 1000)}")
        if path is None:
            return
        wal = wal_is_safe() and file_system(path.parent) not in NETWORK_FILE_SYSTEMS
        mode = "WAL" if wal else "TRUNCATE"
        present = cursor.execute("PRAGMA journal_mode").fetchone()[0].upper()
        # WAL is stored in the file, and setting it needs an exclusive lock: only where it is not
        # set. TRUNCATE is a setting of each connection.
        if present != mode or not wal:
            present = cursor.execute(f"PRAGMA journal_mode = {mode}").fetchone()[0].upper()
        cursor.execute(f"PRAGMA synchronous = {'NORMAL' if present == 'WAL' else 'FULL'}")


def _configure_driver(connection: sqlite3.Connection) -> None:
    """Turn off the driver's implicit transactions, and decode any text: bad UTF-8 must not raise."""
    connection.isolation_level = None
    connection.text_factory = lambda text: text.decode("utf-8", "replace")


def configure_read_only(connection: sqlite3.Connection) -> None:
    """Configure a connection that only reads and changes nothing in the file, its journal mode included."""
    _configure_driver(connection)
    with closing(connection.cursor()) as cursor:
        cursor.execute(f"PRAGMA busy_timeout = {int(BUSY_TIMEOUT_S * 1000)}")
        cursor.execute("PRAGMA query_only = ON")


def check_integrity(connection: sqlite3.Connection, path: Path | None) -> None:
    """Check the file for damage, for at most :data:`INTEGRITY_CHECK_S` seconds.

    Needed because an INSERT into a damaged file may succeed.

    Raises:
        StoreUnavailable: the file is damaged or is not a SQLite database.
    """
    deadline = time.monotonic() + INTEGRITY_CHECK_S
    connection.set_progress_handler(lambda: time.monotonic() > deadline, 10_000)
    try:
        found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    except sqlite3.DatabaseError as error:
        if "interrupted" in str(error):
            return
        if isinstance(error, sqlite3.OperationalError) and not _is_damage(error):
            raise
        found = str(error)
    finally:
        connection.set_progress_handler(None, 0)
    if found != "ok":
        raise StoreUnavailable(
            f"The store {path} is damaged ({found}). Stop its users, move it away (a new one is "
            "made at once) or bring back a copy; what was not stored yet waits in the journal."
        )


def is_locked(error: BaseException) -> bool:
    """Whether an error, or its cause, says that another connection has the file locked: retry later."""
    link: BaseException | None = error
    while link is not None:
        code = getattr(link, "sqlite_errorcode", 0) & 0xFF
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            return True
        link = link.__cause__
    return False


def _is_damage(error: Any) -> bool:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in (
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_NOTADB,
    )
