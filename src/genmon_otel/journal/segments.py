"""Segment files: named, made, held and claimed so that each has one owner at a time.

A segment is ``<store>.<producer>.<number>.journal``. Its owner holds a POSIX record
lock on it (``lockf``), which the kernel lets go when the process dies, however it
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
#: A segment that is being made: not locked yet, so nobody else may look at it.
UNBORN: Final = ".unborn"
#: Seconds after which a segment that is still being made was abandoned.
_UNBORN_S: Final = 60.0
_READ_BYTES: Final = 1 << 20
_NAME: Final = re.compile(
    r"(?P<store>[0-9a-f]{12})\.(?P<producer>[0-9a-f]{32})\.(?P<number>\d{6,})" + re.escape(SUFFIX)
)
#: Segments that this process holds (or a parent of it held), with the process id.
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
        """Bytes in the file now."""
        return os.fstat(self.fd).st_size

    @property
    def deleted(self) -> bool:
        """Whether somebody took the file away under us."""
        return os.fstat(self.fd).st_nlink == 0

    def write_again(self, store: str, producer: str) -> None:
        """Make a file that was deleted under us anew, from what we hold of it.

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
        """Let go of the file, and delete it when everything in it is in the store."""
        if delete:
            self.path.unlink(missing_ok=True)
        os.close(self.fd)
        if _held.get(str(self.path)) == os.getpid():
            del _held[str(self.path)]


def create(directory: Path, store: str, producer: str, number: int) -> Segment:
    """Make an empty segment that this process holds.

    It is locked under another name first: an adopter that saw it unlocked would take it.

    Raises:
        OSError: the folder cannot be made or written, or does not know locks.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = directory / f"{store}.{producer}.{number:06d}{SUFFIX}"
    unborn = path.with_suffix(UNBORN)
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
    fd = os.open(unborn, flags, 0o600)
    try:
        fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.rename(unborn, path)
    except OSError:
        os.close(fd)
        unborn.unlink(missing_ok=True)
        raise
    _held[str(path)] = os.getpid()
    return Segment(path, number, fd)


def list_all(directory: Path) -> list[Path]:
    """The segments in a folder, whichever store they are for."""
    return sorted(path for path in directory.glob(f"*{SUFFIX}") if _NAME.fullmatch(path.name))


def list_producers(directory: Path, store: str) -> dict[str, list[Path]]:
    """The segments in a folder by producer, each in order; those of one store only."""
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
    """Take all segments of a producer that died; None while anybody holds one of them."""
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
        there = os.fstat(fd).st_nlink > 0
    except OSError:
        there = False
    if not there:
        os.close(fd)
        return None
    _held[str(path)] = os.getpid()
    return Segment(path, int(path.name.split(".")[2]), fd)


def sweep(directory: Path) -> None:
    """Delete what processes left that died while they made a segment."""
    for path in directory.glob(f"*{UNBORN}"):
        try:
            fd = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError:
            continue
        try:
            if time.time() - os.fstat(fd).st_mtime > _UNBORN_S:
                fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink(missing_ok=True)
        except OSError:
            pass  # somebody is at it
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
        if stop == end:  # the file was cut behind our back
            return Scan((), end - offset, end - offset, True)
        size *= 2


def read_all(
    segment: Segment, on_damage: Callable[[bool], None] = lambda torn: None
) -> Iterator[Frame]:
    """Every intact frame of a segment, in order.

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
            on_damage(found.torn)
