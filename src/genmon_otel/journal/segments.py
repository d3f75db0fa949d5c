"""Segment files: named, created, locked and claimed so that each has one owner at a time.

A segment is ``<store>.<producer>.<number>.journal``. Its owner holds a POSIX record
lock on it (``lockf``), which the kernel releases when the process dies, however it
dies, and which a forked child does not inherit. Closing *any* descriptor of a file
drops the process's lock on it, so a process never opens a segment that it holds.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from genmon_otel.addresses import mask_url
from genmon_otel.journal.frames import Frame, Scan, scan

SUFFIX: Final = ".journal"
#: Suffix of a segment that is being created and may not be locked yet: no process claims it.
UNFINISHED: Final = ".unfinished"
#: Seconds after which the process that was creating a segment has died.
_UNFINISHED_S: Final = 60.0
_READ_BYTES: Final = 1 << 20
_NAME: Final = re.compile(
    r"(?P<store>[0-9a-f]{12})\.(?P<producer>[0-9a-f]{32})\.(?P<number>\d{6,})" + re.escape(SUFFIX)
)
#: Paths of the segments that this process has locked (or its parent had), with the process id.
_held: Final[dict[str, int]] = {}


def store_identity(url: str) -> str:
    """Name a store by 12 hex digits of its masked connection string's hash.

    Journals of different stores may share a folder; each is replayed into its own.
    """
    return hashlib.sha256(mask_url(url).encode("utf-8", "replace")).hexdigest()[:12]


@dataclass(slots=True)
class Segment:
    """An open, locked segment file."""

    path: Path
    number: int
    fd: int
    #: Highest sequence number in it; 0 when it holds none but its header.
    last_seq: int = field(default=0)

    @property
    def size(self) -> int:
        """Return the bytes in the file now."""
        return os.fstat(self.fd).st_size

    @property
    def deleted(self) -> bool:
        """Whether another process deleted the file while we hold it."""
        return os.fstat(self.fd).st_nlink == 0

    def write_again(self, store: str, producer: str) -> None:
        """Create a file anew that was deleted while we hold it, from its open descriptor.

        Raises:
            OSError: the folder cannot be made or written.
        """
        made = create(self.path.parent, store, producer, self.number)
        try:
            for offset in range(0, self.size, _READ_BYTES):
                os.write(made.fd, self.read(offset, _READ_BYTES))
            if made.size != self.size:
                raise OSError("not all bytes were written")
        except OSError:
            made.path.unlink(missing_ok=True)
            os.close(made.fd)
            raise
        self.fd, made.fd = made.fd, self.fd
        os.close(made.fd)

    def read(self, offset: int, size: int) -> bytes:
        """Read up to ``size`` bytes from ``offset``."""
        return os.pread(self.fd, size, offset)

    def release(self, *, delete: bool) -> None:
        """Close the file, which releases its lock; delete it where the store holds everything."""
        if delete:
            self.path.unlink(missing_ok=True)
        os.close(self.fd)
        if _held.get(str(self.path)) == os.getpid():
            del _held[str(self.path)]


def create(directory: Path, store: str, producer: str, number: int) -> Segment:
    """Create an empty segment that this process has locked.

    It is locked under another name first: an adopter that saw it unlocked would claim it.

    Raises:
        OSError: the folder cannot be made or written, or does not know locks.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = directory / f"{store}.{producer}.{number:06d}{SUFFIX}"
    unfinished = path.with_suffix(UNFINISHED)
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
    fd = os.open(unfinished, flags, 0o600)
    try:
        fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.rename(unfinished, path)
    except OSError:
        os.close(fd)
        unfinished.unlink(missing_ok=True)
        raise
    _held[str(path)] = os.getpid()
    return Segment(path, number, fd)


def list_all(directory: Path) -> list[Path]:
    """Return the segments in a folder, whichever store they are for."""
    return sorted(path for path in directory.glob(f"*{SUFFIX}") if _NAME.fullmatch(path.name))


def list_producers(directory: Path, store: str) -> dict[str, list[Path]]:
    """Return one store's segments in a folder by producer, each in order."""
    found: dict[str, list[Path]] = {}
    try:
        names = sorted(os.listdir(directory))
    except OSError:
        return found
    for name in names:
        match = _NAME.fullmatch(name)
        if match is not None and match["store"] == store:
            found.setdefault(match["producer"], []).append(directory / name)
    return found


def claim(paths: Iterable[Path]) -> list[Segment] | None:
    """Lock all segments of a producer that died; None while any process holds one of them."""
    claimed: list[Segment] = []
    for path in paths:
        segment = _claim(path)
        if segment is None:
            for other in claimed:
                other.release(delete=False)
            return None
        claimed.append(segment)
    return claimed


def _claim(path: Path) -> Segment | None:
    if _held.get(str(path)) == os.getpid():
        return None
    try:
        fd = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        exists = os.fstat(fd).st_nlink > 0
    except OSError:
        exists = False
    if not exists:
        os.close(fd)
        return None
    _held[str(path)] = os.getpid()
    return Segment(path, int(path.name.split(".")[2]), fd)


def remove_unfinished(directory: Path) -> None:
    """Delete the files of processes that died while they created a segment."""
    for path in directory.glob(f"*{UNFINISHED}"):
        try:
            fd = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError:
            continue
        try:
            if time.time() - os.fstat(fd).st_mtime > _UNFINISHED_S:
                fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink(missing_ok=True)
        except OSError:
            pass  # another process is at it
        finally:
            os.close(fd)


def read_stretch(segment: Segment, offset: int, end: int) -> Scan:
    """Find the frames of one read from ``offset``; ``end`` is where the segment ends now."""
    size = _READ_BYTES
    while True:
        stop = min(end, offset + size)
        found = scan(segment.read(offset, stop - offset), final=stop == end)
        if found.consumed:
            return found
        if stop == end:  # another process cut the file short
            return Scan((), end - offset, end - offset, True)
        size *= 2


def read_all(
    segment: Segment, on_damage: Callable[[bool], None] = lambda is_at_end: None
) -> Iterator[Frame]:
    """Yield every intact frame of a segment, in order.

    Args:
        segment: which.
        on_damage: called behind a stretch with bytes that belong to no frame, with
            whether these are its last.
    """
    offset, end = 0, segment.size
    while offset < end:
        found = read_stretch(segment, offset, end)
        offset += found.consumed
        yield from found.frames
        if found.skipped:
            on_damage(found.is_cut_off)
