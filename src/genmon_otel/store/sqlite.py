"""What a SQLite file needs before it can be trusted: folder, journal mode, a look at its pages."""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from genmon_otel.errors import StoreUnavailable

#: Seconds a connection waits for another one's write.
BUSY_TIMEOUT_S: Final = 10.0
#: Seconds that looking for damage may take; a file too large for that is looked at in part.
CHECK_S: Final = 1.0
#: First versions, by line, in which a WAL reset cannot lose acknowledged rows.
#: Source: https://www.sqlite.org/wal.html, "The WAL-Reset Bug".
WAL_SAFE: Final = ((3, 51, 3), (3, 50, 7), (3, 44, 6))
#: File systems on which SQLite's shared memory or locks do not work between hosts.
NETWORK_FILE_SYSTEMS: Final = frozenset(
    "nfs nfs4 cifs smb3 smbfs 9p afs ceph glusterfs lustre fuse.sshfs fuse.s3fs "
    "fuse.glusterfs fuse.gcsfuse fuse.blobfuse2 virtiofs".split()
)


def wal_is_safe(version: tuple[int, ...] = sqlite3.sqlite_version_info) -> bool:
    """Whether this SQLite may use a write-ahead log with several processes."""
    return version >= WAL_SAFE[0] or any(
        version[:2] == fixed[:2] and version >= fixed for fixed in WAL_SAFE
    )


def file_system(path: Path, mounts: str | None = None) -> str:
    """Return the kind of file system a path lies on; empty where the system does not say.

    Args:
        path: an existing path.
        mounts: text of ``/proc/self/mountinfo``; None to read it.
    """
    if mounts is None:
        try:
            mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ""
    resolved = str(path.resolve())
    best, kind = "", ""
    for line in mounts.splitlines():
        fields, _, rest = line.partition(" - ")
        words = fields.split()
        if len(words) < 5 or not rest:
            continue
        point = words[4].replace("\\040", " ")
        inside = resolved == point or resolved.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= len(best):
            best, kind = point, rest.split()[0]
    return kind


def prepare_file(path: Path) -> None:
    """Make the folder (0700, with a ``.gitignore`` of its own) and the file (0600) if missing.

    A folder that is there already is somebody else's and stays as it is. The file is
    opened here only when it is new: closing an old one would drop SQLite's locks on it.

    Raises:
        StoreUnavailable: the folder or the file cannot be made.
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
                pass  # another process was faster
    except OSError as error:
        raise StoreUnavailable(
            f"The store {path} cannot be made ({error.strerror or error}). Give a path in a "
            "folder that this process may write to: setup(store=...) or GENMON_STORE."
        ) from None


def refuse_foreign_link(path: Path) -> None:
    """Refuse a folder or file that leads to another user's: whoever can write here may have put it.

    A path that was given is resolved by then, so that this is about the default one's.

    Raises:
        StoreUnavailable: it does.
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
    """Set a fresh connection up: transactions are begun by us, journal mode as safe as fast."""
    _begin_by_hand_and_read_any_text(connection)
    with closing(connection.cursor()) as cursor:
        cursor.execute(f"PRAGMA busy_timeout = {int(BUSY_TIMEOUT_S * 1000)}")
        if path is None:
            return
        wal = wal_is_safe() and file_system(path.parent) not in NETWORK_FILE_SYSTEMS
        mode = "WAL" if wal else "TRUNCATE"
        present = cursor.execute("PRAGMA journal_mode").fetchone()[0].upper()
        # WAL stays with the file, and to be set needs it to itself for a moment: only where it
        # is not. TRUNCATE is each connection's own.
        if present != mode or not wal:
            present = cursor.execute(f"PRAGMA journal_mode = {mode}").fetchone()[0].upper()
        cursor.execute(f"PRAGMA synchronous = {'NORMAL' if present == 'WAL' else 'FULL'}")


def _begin_by_hand_and_read_any_text(connection: sqlite3.Connection) -> None:
    """Leave transactions to us; one text that is no UTF-8 must not end the list that it is in."""
    connection.isolation_level = None
    connection.text_factory = lambda text: text.decode("utf-8", "replace")


def configure_read_only(connection: sqlite3.Connection) -> None:
    """Set up a connection that only reads: nothing of the file changes, its journal mode included."""
    _begin_by_hand_and_read_any_text(connection)
    with closing(connection.cursor()) as cursor:
        cursor.execute(f"PRAGMA busy_timeout = {int(BUSY_TIMEOUT_S * 1000)}")
        cursor.execute("PRAGMA query_only = ON")


def check(connection: sqlite3.Connection, path: Path | None) -> None:
    """Look for damage, for at most :data:`CHECK_S` seconds: an INSERT succeeds on a broken file.

    Raises:
        StoreUnavailable: the file is damaged or no database at all.
    """
    deadline = time.monotonic() + CHECK_S
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
    """Whether an error comes of somebody else's writing to the file, which passes."""
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
