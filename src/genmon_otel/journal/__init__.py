"""The journal: what must survive the process is in a file before its caller continues.

Append-only segments of checked frames, one ``os.write`` each (about 3 µs; what the
kernel has survives ``kill -9``). A segment is deleted once the store holds everything in
it. A full disk or an unwritable folder is no error: :meth:`Journal.append` returns
None, and the writer keeps the record in memory.

Losing the disk loses the journal; ``genmon doctor`` says where it lies.
"""

from __future__ import annotations

import logging
import os
import threading
import time
import uuid
from array import array
from bisect import bisect_right
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Final

from genmon_otel import conventions as names
from genmon_otel.journal.forgetting import forget
from genmon_otel.journal.frames import MAX_PAYLOAD, Frame, Kind, pack
from genmon_otel.journal.payloads import encode_header
from genmon_otel.journal.segments import Segment, create, read_stretch, store_identity
from genmon_otel.settings import Settings

__all__ = ["Journal", "default_journal_dir", "forget", "store_identity"]

#: Bytes after which the next segment begins.
SEGMENT_BYTES: Final = 4 * 2**20
#: Bytes a process may have waiting; then failures stay in memory. An hour and a half of
#: outage at 100 failures a second.
MAX_BYTES: Final = 1 << 30
#: Seconds before a folder that could not be written is tried again.
_RETRY_S: Final = 1.0

_log = logging.getLogger(names.LOGGER)


def default_journal_dir(settings: Settings) -> Path:
    """Return the folder of journals: as set, else next to the SQLite store, else the state directory."""
    if settings.journal_dir is not None:
        return settings.journal_dir
    path = settings.sqlite_path
    if path is not None:
        return path.parent / "journal"
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(state) / "genmon" / "journal"


class Journal:
    """The journal of one process.

    :meth:`append` may be called from any thread: its lock serialises the frames, each written by
    one ``os.write``. :meth:`read` and :meth:`cover` belong to the writer's thread. Not to be used
    across a fork: see :meth:`abandon`.

    Args:
        directory: folder of the segments, created when first needed. None: there is none, every
            append returns None.
        store: identity of the store (:func:`store_identity`).
        on_error: called with the name of the place for each error.
        segment_bytes: size after which the next segment begins.
        max_bytes: bytes that may wait for the store.
    """

    def __init__(
        self,
        directory: Path | None,
        *,
        store: str,
        on_error: Callable[[str], None] = lambda where: None,
        segment_bytes: int = SEGMENT_BYTES,
        max_bytes: int = MAX_BYTES,
    ) -> None:
        self.directory = directory
        self.store = store
        self._on_error = on_error
        self._segment_bytes = segment_bytes
        self._max_bytes = max_bytes
        # Reentrant: a signal handler or a finaliser may deliver while its thread appends;
        # ``_appending`` makes that inner append return None instead of splitting a frame.
        self._lock = threading.RLock()
        self._appending = False
        self._retry_at = 0.0
        self._warned = False
        self._begin_producer()

    def _begin_producer(self) -> None:
        #: Identity of the writer of these segments, 32 hex digits.
        self.producer = uuid.uuid4().hex
        self._segments: list[Segment] = []
        self._number = 0
        #: Bytes in the last segment.
        self._filled = 0
        self._seq = 0
        self._covered = 0
        self._record_seqs = array("Q")
        self._bytes = 0
        self._cursor = (0, 0)  # number of the segment, offset
        self._read_ahead: deque[Frame] = deque()

    @property
    def last_seq(self) -> int:
        """Return the sequence number of the last frame; 0 before the first."""
        return self._seq

    @property
    def covered(self) -> int:
        """Return the sequence number up to which the store holds every frame."""
        return self._covered

    @property
    def segment(self) -> int:
        """Return the number of the segment that is appended to; 0 before the first."""
        return self._number

    @property
    def pending_records(self) -> int:
        """Return how many of its records the store does not hold yet."""
        return len(self._record_seqs)

    @property
    def waiting_bytes(self) -> int:
        """Return the bytes of its segments; 0 where the store holds everything in them."""
        return 0 if self._covered >= self._seq else self._bytes

    def append(self, kind: Kind, payload: bytes, *, share: float = 1.0) -> int | None:
        """Write one frame.

        Args:
            kind: what it holds.
            payload: ASCII JSON.
            share: part of ``max_bytes`` that frames of this sort may fill, 0 to 1, so that
                failures find some left.

        Returns:
            Its sequence number; None when it could not be written (full disk,
            unwritable folder, ``max_bytes`` reached), which is counted and logged once.
        """
        if self.directory is None or len(payload) > MAX_PAYLOAD:
            return None
        with self._lock:
            if self._appending or self._bytes > share * self._max_bytes:
                return None
            self._appending = True
            try:
                return self._append(kind, payload)
            except OSError as error:
                self._failed(error)
                return None
            finally:
                self._appending = False

    def _append(self, kind: Kind, payload: bytes) -> int | None:
        segment = self._current()
        if segment is None:
            return None
        seq = self._seq + 1
        frame = pack(seq, kind, payload)
        self._seq = (
            seq  # before the write: an interruption right after it must not repeat the number
        )
        try:
            self._write(segment, frame)
        except OSError:
            self._seq = seq - 1
            raise
        segment.last_seq = seq
        self._filled += len(frame)
        self._bytes += len(frame)
        if kind is Kind.RECORD:
            self._record_seqs.append(seq)
        if self._warned:
            self._warned = False
            _log.info("genmon: the journal in %s can be written again", self.directory)
        return seq

    def _write(self, segment: Segment, frame: bytes) -> None:
        written = os.write(segment.fd, frame)
        if written != len(frame):
            # The disk is full: remove the part that was written, so that no cut-off frame is left.
            os.ftruncate(segment.fd, segment.size - written)
            raise OSError(f"{written} of {len(frame)} bytes written")

    def _current(self) -> Segment | None:
        """Return the segment to append to; None until it is time to try the folder again."""
        if self._has_space():
            return self._segments[-1]
        if time.monotonic() < self._retry_at or self.directory is None:
            return None
        segment = create(self.directory, self.store, self.producer, self._number + 1)
        header = pack(
            0,
            Kind.HEADER,
            encode_header(store=self.store, producer=self.producer, segment=segment.number),
        )
        try:
            self._write(segment, header)
        except OSError:
            segment.release(delete=True)
            raise
        self._number = segment.number
        self._segments.append(segment)
        self._filled = len(header)
        self._bytes += len(header)
        return segment

    def _has_space(self) -> bool:
        """Whether the last segment takes more. No system call, which would release the GIL."""
        return bool(self._segments) and self._filled < self._segment_bytes

    def _failed(self, error: OSError) -> None:
        if not self._has_space():
            self._retry_at = time.monotonic() + _RETRY_S
        self._on_error("journal")
        if not self._warned:
            self._warned = True
            _log.warning(
                "genmon: the journal in %s cannot be written (%s); failures wait in memory "
                "and would be lost with the process. Free the disk, or point %s to a folder "
                "that can be written.",
                self.directory,
                error,
                names.ENV_JOURNAL_DIR,
            )

    def read(self, records: int) -> list[Frame]:
        """Return the next frames, in order, until ``records`` of them are records.

        Each frame is returned once; only damage is skipped, and counted.
        """
        taken: list[Frame] = []
        while records > 0 and (self._read_ahead or self._read_stretch()):
            frame = self._read_ahead.popleft()
            records -= frame.kind == Kind.RECORD
            taken.append(frame)
        return taken

    def _read_stretch(self) -> bool:
        """Read the next stretch into ``_read_ahead``; False when there is nothing more."""
        while True:
            number, offset = self._cursor
            with self._lock:
                segment = next((s for s in self._segments if s.number >= number), None)
                if segment is None:
                    return False
                end = segment.size
                current = segment is self._segments[-1]
            if segment.number != number:
                offset = 0
            if offset >= end:
                if current:
                    return False
                self._cursor = (segment.number + 1, 0)
                continue
            found = read_stretch(segment, offset, end)
            if found.skipped:
                self._on_error("journal_damage")
            self._cursor = (segment.number, offset + found.consumed)
            self._read_ahead.extend(found.frames)
            if self._read_ahead:
                return True

    def cover(self, seq: int) -> int:
        """Note that the store holds every frame up to ``seq``.

        Returns:
            How many records are among those that it did not hold before.
        """
        with self._lock:
            count = bisect_right(self._record_seqs, seq)
            del self._record_seqs[:count]
            self._covered = max(self._covered, seq)
            return count

    def pending(self, seq: int) -> list[int]:
        """Return the numbers of the record frames up to ``seq`` that the store does not hold."""
        with self._lock:
            return self._record_seqs[: bisect_right(self._record_seqs, seq)].tolist()

    def settle(self, seq: int) -> None:
        """Note that one record is settled, though frames before it are not."""
        with self._lock:
            at = bisect_right(self._record_seqs, seq) - 1
            if at >= 0 and self._record_seqs[at] == seq:
                del self._record_seqs[at]

    def discard(self, before: int) -> None:
        """Delete covered segments with a number below ``before``, but never the current one."""
        with self._lock:
            for segment in self._segments[:-1]:
                if segment.number >= before or segment.last_seq > self._covered:
                    break
                self._segments.remove(segment)
                self._bytes -= segment.size
                segment.release(delete=True)

    def touch(self) -> None:
        """Set the time at which an adopter will say that this process died, if it has by then."""
        with self._lock:
            if self._segments:
                os.utime(self._segments[-1].fd)

    def restore_deleted(self) -> None:
        """Write again the segments that another process deleted.

        Only their names are gone: what they hold can be read as long as this process lives.
        """
        with self._lock:
            deleted = [segment for segment in self._segments if segment.deleted]
            if deleted and deleted[-1] is self._segments[-1]:
                self._filled = self._segment_bytes  # the next append begins another segment
        for segment in deleted:
            try:
                segment.write_again(self.store, self.producer)
            except OSError as error:
                self._failed(error)
                return
        if deleted:
            self._on_error("journal")
            _log.warning(
                "genmon: the journal in %s was deleted under a running process; it is "
                "written again. Delete it only where no process uses it.",
                self.directory,
            )

    def close(self) -> int:
        """Release all segments; delete them if the store holds everything.

        Later appends go to new segments of a new producer: the old ones belong to
        the process that adopts them.

        Returns:
            How many records are in the segments left behind.
        """
        with self._lock:
            left = self.pending_records
            everything = self._covered >= self._seq
            for segment in self._segments:
                segment.release(delete=everything)
            self._begin_producer()
            return left

    def abandon(self) -> None:
        """Close all files in a forked child: they and their records are the parent's."""
        for segment in self._segments:
            segment.release(delete=False)
