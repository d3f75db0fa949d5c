"""Links to a project's files in a replay's folder, restored after each replay.

Only the standard library is imported: the guarding process has nothing else.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

#: Files and folders of the working directory that are mirrored one by one.
_MAX_MIRRORED: Final = 2_000
_LINKED: Final = frozenset(
    {"node_modules", "venv", "site-packages", "__pycache__", "build", "dist"}
)
#: Bytes of files that an import may have written, to be put back after each replay.
MAX_WRITTEN: Final = 16 * 1024 * 1024


class TooMuch(Exception):
    """Raised where the import has written more than can be put back."""


@dataclass(frozen=True, slots=True)
class _Written:
    """A file that the import wrote."""

    content: bytes
    mode: int
    #: What changes with any change of the file.
    state: tuple[int, ...]


@dataclass(slots=True)
class Mirror:
    """A folder with the folders of ``source``, so that files can be added to them, and links to its files.

    Folders that are large by nature are linked as a whole, and so is what is beyond the limit.
    """

    source: Path
    copy: Path
    #: By relative folder and name: the target of a link; None for a folder.
    _wanted: dict[str, dict[str, str | None]] = field(default_factory=dict)
    #: By relative folder: the time of its last change in the source, in nanoseconds.
    _changed: dict[str, int] = field(default_factory=dict)
    #: By relative path: what the import wrote; None for what is no file.
    _written: dict[str, _Written | None] = field(default_factory=dict)
    _modes: dict[str, int] = field(default_factory=dict)

    def make(self) -> None:
        """Fill the folder, which is empty."""
        self._read_source()
        for folder, entries in self._wanted.items():
            for name, target in entries.items():
                with contextlib.suppress(OSError):
                    _put(self.copy / folder / name, target)

    def keep(self) -> None:
        """Make files that an import wrote part of the mirror.

        Raises:
            TooMuch: that is more than can be put back.
        """
        size = 0
        for folder, entries in self._walk():
            self._modes[folder] = os.stat(self.copy / folder).st_mode
            for entry in entries:
                name = os.path.join(folder, entry.name)
                if _is_as_wanted(entry, self._wanted.get(folder, {}).get(entry.name, "")):
                    continue
                if not entry.is_file(follow_symlinks=False):
                    self._written[name] = None
                    continue
                state = entry.stat(follow_symlinks=False)
                size += state.st_size
                if size > MAX_WRITTEN:
                    raise TooMuch(f"the import wrote more than {MAX_WRITTEN >> 20} MB")
                content = Path(entry.path).read_bytes()
                self._written[name] = _Written(content, state.st_mode, _state(entry.path))

    def restore(self) -> None:
        """Remove new files, and restore changed ones; no process may use the folder now.

        Raises:
            OSError, RecursionError: a replay left what cannot be put back.
        """
        if self._has_changed():
            self._read_source()
        for folder in {**dict.fromkeys(self._wanted), **dict.fromkeys(self._modes)}:
            self._restore_folder(folder)
        for name, file in self._written.items():
            path = self.copy / name
            if file is not None and _state(path) != file.state:
                _rewrite(path, file)
                self._written[name] = _Written(file.content, file.mode, _state(path))

    def _restore_folder(self, folder: str) -> None:
        wanted, place = self._wanted.get(folder, {}), self.copy / folder
        mode = self._modes.get(folder)
        state = os.lstat(place)
        if not stat.S_ISDIR(state.st_mode):
            # A folder of the import's that a replay replaced by a link: what it leads to is not ours.
            raise NotADirectoryError(errno.ENOTDIR, "a replay has replaced the folder", str(place))
        if mode is not None and state.st_mode != mode:
            os.chmod(place, stat.S_IMODE(mode))
        elif state.st_mode & stat.S_IRWXU != stat.S_IRWXU:
            os.chmod(place, 0o700)
        found = set()
        with os.scandir(place) as entries:
            listed = list(entries)
        for entry in listed:
            name = os.path.join(folder, entry.name)
            if name in self._written:
                expected = self._written[name] is not None
                if expected == entry.is_file(follow_symlinks=False):
                    found.add(entry.name)
                    continue
            elif entry.name in wanted and _is_as_wanted(entry, wanted[entry.name]):
                found.add(entry.name)
                continue
            _remove(Path(entry.path))
        for name, target in wanted.items():
            if name not in found and os.path.join(folder, name) not in self._written:
                _put(place / name, target)

    def _walk(self) -> Iterator[tuple[str, list[os.DirEntry[str]]]]:
        """Yield each relative folder of the copy with its entries; links are not followed."""
        waiting = [""]
        while waiting:
            folder = waiting.pop(0)
            with os.scandir(self.copy / folder) as found:
                entries = list(found)
            waiting += [
                os.path.join(folder, each.name)
                for each in entries
                if each.is_dir(follow_symlinks=False)
            ]
            yield folder, entries

    def _has_changed(self) -> bool:
        return any(_changed_at(self.source / folder) != at for folder, at in self._changed.items())

    def _read_source(self) -> None:
        """List what the copy has to hold."""
        self._wanted, self._changed = {}, {}
        made = 0
        waiting = [""]
        while waiting:
            folder = waiting.pop(0)
            wanted = self._wanted[folder] = {}
            self._changed[folder] = _changed_at(self.source / folder)
            with contextlib.suppress(OSError), os.scandir(self.source / folder) as entries:
                for entry in entries:
                    made += 1
                    linked = made > _MAX_MIRRORED or entry.name in _LINKED or entry.name[:1] == "."
                    if entry.is_dir(follow_symlinks=False) and not linked:
                        wanted[entry.name] = None
                        waiting.append(os.path.join(folder, entry.name))
                    else:
                        wanted[entry.name] = entry.path
                    if made > 2 * _MAX_MIRRORED:
                        return


def _is_as_wanted(entry: os.DirEntry[str], target: str | None) -> bool:
    """Whether an entry is a link to a target; for None: whether it is a folder."""
    if target is None:
        return entry.is_dir(follow_symlinks=False)
    return entry.is_symlink() and os.readlink(entry.path) == target


def _put(path: Path, target: str | None) -> None:
    if target is None:
        path.mkdir()
    else:
        path.symlink_to(target)


def _remove(path: Path) -> None:
    """Remove a file or folder that a replay left."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def _rewrite(path: Path, file: _Written) -> None:
    """Give a file its content again; the same file, where it is still there: it may be open."""
    if not path.is_file() or path.is_symlink():
        with contextlib.suppress(FileNotFoundError):
            _remove(path)
    elif not os.access(path, os.W_OK):
        os.chmod(path, 0o600)
    path.write_bytes(file.content)
    os.chmod(path, stat.S_IMODE(file.mode))


def _state(path: str | Path) -> tuple[int, ...]:
    try:
        state = os.lstat(path)
    except FileNotFoundError:
        return ()
    return state.st_ino, state.st_mode, state.st_size, state.st_mtime_ns, state.st_ctime_ns


def state_of(name: str) -> list[int] | None:
    """Return what changes when a file does; None for what is no file."""
    try:
        state = os.stat(name)
    except (OSError, ValueError):
        return None
    return [state.st_size, state.st_mtime_ns] if stat.S_ISREG(state.st_mode) else None


def _changed_at(folder: Path) -> int:
    try:
        return os.stat(folder).st_mtime_ns
    except OSError:
        return 0
