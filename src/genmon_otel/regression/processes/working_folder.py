"""The temporary folder of a replay: made, filled with links to the project, and removed.

Its owner holds a lock on a file in it for as long as it lives, and so does the process that
guards the replay. A folder whose lock can be had is abandoned: the next replay removes it.

Only the standard library is imported: the guarding process has nothing else.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from genmon_otel.regression.processes.mirror import Mirror

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

_PREFIX: Final = "genmon-replay-"
_LOCK: Final = "owner.lock"
#: Seconds after which a folder without a lock is abandoned: its owner ended while creating it.
_TIME_TO_LOCK_S: Final = 60.0


@contextlib.contextmanager
def working_folder(cwd: Path) -> Iterator[tuple[Mirror, int]]:
    """Make a folder where everything of ``cwd`` can be read by its relative name.

    Yields:
        The folder, which has a parent of its own, and the descriptor that holds its lock, to be
        passed to the process that removes it if this process is killed.
    """
    remove_abandoned()
    home = Path(tempfile.mkdtemp(prefix=_PREFIX)).resolve()
    lock = os.open(home / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _take(lock)
        workspace = home / "workspace"
        workspace.mkdir()
        mirror = Mirror(cwd.resolve(), workspace)
        mirror.make()
        yield mirror, lock
    finally:
        remove(home)
        os.close(lock)


def remove_abandoned() -> None:
    """Remove the folders of replays whose owner and guard have both been killed."""
    user = os.getuid() if hasattr(os, "getuid") else None
    with contextlib.suppress(OSError), os.scandir(tempfile.gettempdir()) as entries:
        for entry in entries:
            if not entry.name.startswith(_PREFIX):
                continue
            with contextlib.suppress(OSError):
                state = entry.stat(follow_symlinks=False)
                own = stat.S_ISDIR(state.st_mode) and user in (None, state.st_uid)
                if own and _is_abandoned(Path(entry.path), time.time() - state.st_mtime):
                    remove(Path(entry.path))


def _is_abandoned(home: Path, age_s: float) -> bool:
    if age_s < _TIME_TO_LOCK_S:
        return False
    try:
        lock = os.open(home / _LOCK, os.O_RDWR | os.O_CLOEXEC | getattr(os, "O_NOFOLLOW", 0))
    except FileNotFoundError:
        return True
    try:
        return _take(lock)
    finally:
        os.close(lock)


def _take(lock: int) -> bool:
    if fcntl is None:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def remove(home: Path) -> None:
    """Remove a folder and all in it, whatever modes its folders were given, however deep they are."""
    with contextlib.suppress(RecursionError):
        shutil.rmtree(home, ignore_errors=True)
    if home.exists():
        _take_apart(home)
        shutil.rmtree(home, ignore_errors=True)


def _take_apart(home: Path) -> None:
    """Empty a folder from its top, so that no path is long and no call within another."""
    moved = itertools.count()
    with contextlib.suppress(OSError):
        os.chmod(home, 0o700)
        folders = [path for path in home.iterdir() if path.is_dir() and not path.is_symlink()]
        while folders:
            folder = folders.pop()
            with contextlib.suppress(OSError):
                os.chmod(folder, 0o700)
                with os.scandir(folder) as entries:
                    found = list(entries)
                for entry in found:
                    if not entry.is_dir(follow_symlinks=False):
                        os.unlink(entry.path)
                        continue
                    os.chmod(entry.path, 0o700)
                    folders.append(home / f".{next(moved)}")
                    os.rename(entry.path, folders[-1])
