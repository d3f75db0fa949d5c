"""The records of one process that are in memory, and counts of what happened to all records."""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from genmon_otel import conventions as names
from genmon_otel.policy import minute_of
from genmon_otel.records import GenerationRecord

#: Records in memory; at about 1.5 KB each, 15 MB.
MAX_RECORDS: Final = 10_000
#: Records dropped together when memory is full, so that few calls spend time on it.
DROPPED_AT_ONCE: Final = 100
#: Distinct (minute, operation, framework, outcome) of dropped records that are counted between two batches.
_MAX_COUNTS: Final = 1_000
#: Journalled records that are also kept complete, because the journal's copy may be shortened.
MAX_WHOLE: Final = 1_000


@dataclass(frozen=True, slots=True)
class Account:
    """Where the records of one process are. At rest the two sides are equal."""

    #: Delivered by this process's generations.
    delivered: int
    #: Taken over from processes that died, and settled.
    adopted: int
    stored: int
    journalled: int
    in_memory: int
    dropped: Mapping[str, int]

    @property
    def balanced(self) -> bool:
        """Whether nothing is lost: what came in equals what is accounted for."""
        accounted = self.stored + self.journalled + self.in_memory + sum(self.dropped.values())
        return self.delivered + self.adopted == accounted


class MemoryQueue:
    """Bounded queue from the threads that deliver records to the writer's thread.

    Every method may be called from any thread. All counters and both queues change only while
    ``_lock`` is held, which no other class touches; no caller holds it while it waits for the
    store. It is reentrant because a finaliser may deliver while its thread is inside.
    A signal handler may raise only where a call returns, so :meth:`put` changes its counters
    first and appends last: an interrupted call has done all of it or nothing.

    Args:
        on_drop: called without the lock, with reason and count of records that were given up.
        max_records: records in memory, leased ones included.
    """

    def __init__(self, on_drop: Callable[[str, int], None], max_records: int = MAX_RECORDS) -> None:
        self._lock = threading.RLock()
        self._on_drop = on_drop
        self._max_records = max_records
        self._failures: deque[GenerationRecord] = deque()
        #: Successes, cancelled and rejected ones; the oldest go first when memory is full.
        self._others: deque[GenerationRecord] = deque()
        self._whole: dict[int, GenerationRecord] = {}
        self._latest: GenerationRecord | None = None
        self._is_closed = False
        self._put_total = self._removed_total = 0
        self._journalled_total = self._adopted = self._stored = 0
        self._dropped: Counter[str] = Counter()
        #: Of dropped records that were no failures, by minute, operation, framework and outcome:
        #: how many, and their seconds in sum.
        self._counts: dict[tuple[int, str, str, str], tuple[int, float]] = {}

    def __len__(self) -> int:
        """Return how many records are in memory, leased ones included."""
        return self._put_total - self._removed_total

    @property
    def put_total(self) -> int:
        """Records ever put in memory."""
        return self._put_total

    @property
    def removed_total(self) -> int:
        """Records that have left memory: stored, journalled, refused or dropped."""
        return self._removed_total

    # --- for the threads that deliver ------------------------------------------

    def put(self, record: GenerationRecord, seq: int | None = None) -> int | None:
        """Take a finished generation.

        Args:
            record: what ended. The same object given twice in a row is ignored: an
                interruption made its caller repeat the call.
            seq: sequence number of its journal frame; None: it is in memory only.

        Returns:
            How many records are in memory; None after :meth:`close`, when no thread leases them.
        """
        with self._lock:
            if seq is not None:
                self._journalled_total += 1
                if len(self._whole) < MAX_WHOLE:
                    self._whole[seq] = record
                return len(self)
            if record is not self._latest:
                self._latest = record
                self._put_total += 1
                (self._others if record.failure is None else self._failures).append(record)
            in_memory = self._put_total - self._removed_total
            dropped = self._evict() if in_memory > self._max_records else 0
            is_closed = self._is_closed
        if dropped:
            self._on_drop(names.DROPPED_FULL, dropped)
        return None if is_closed else in_memory - dropped

    def _evict(self) -> int:
        """Give up the oldest successes, the oldest failure only where there is no success."""
        records, most = (self._others, DROPPED_AT_ONCE) if self._others else (self._failures, 1)
        before = len(records)
        try:
            for _ in range(min(before, most)):
                self._count(records.popleft())
        finally:  # a signal handler may have raised in the loop
            dropped = before - len(records)
            self._removed_total += dropped
            self._dropped[names.DROPPED_FULL] += dropped
        return dropped

    def _count(self, record: GenerationRecord) -> None:
        """Keep the count of a dropped record, so that health still knows of the attempt."""
        if record.failure is not None:
            return
        minute = minute_of(record.ended_at)
        key = minute, record.operation, record.framework, str(record.outcome)
        if key in self._counts or len(self._counts) < _MAX_COUNTS:
            count, seconds = self._counts.get(key, (0, 0.0))
            self._counts[key] = count + 1, seconds + record.duration_s

    # --- for the writer's thread, and for the one that closes the process --------

    def lease(self, limit: int) -> list[GenerationRecord]:
        """Take out up to ``limit`` records, failures first.

        They count as in memory until :meth:`ack` or :meth:`drop` is called for them.
        """
        with self._lock:
            leased: list[GenerationRecord] = []
            for records in (self._failures, self._others):
                for _ in range(min(limit - len(leased), len(records))):
                    leased.append(records.popleft())
            return leased

    def take_counts(self) -> tuple[tuple[int, str, str, str, int, float], ...]:
        """Return the counts of records that were dropped since the last time, for the rollups."""
        with self._lock:
            counts, self._counts = self._counts, {}
        return tuple((*key, *value) for key, value in counts.items())

    def ack(self, *, stored: int = 0, leased: int = 0, adopted: int = 0) -> None:
        """Count records that were settled.

        Args:
            stored: records that are in the store now, from memory, journal or a dead process.
            leased: leased records that are no longer in memory: stored, journalled or dropped.
            adopted: records of dead processes that are settled: stored or dropped.
        """
        with self._lock:
            self._stored += stored
            self._adopted += adopted
            self._removed_total += leased

    def drop(self, reason: str, count: int = 1) -> None:
        """Count records that are given up; a leased one is acknowledged as well."""
        if count > 0:
            with self._lock:
                self._dropped[reason] += count
            self._on_drop(reason, count)

    def take_whole(self, seq: int) -> GenerationRecord | None:
        """Return the journalled record as it was delivered, once; None: only the journal has it."""
        with self._lock:
            return self._whole.pop(seq, None)

    def forget_whole(self, up_to: int) -> None:
        """Release the whole records of frames up to a sequence number: they are stored."""
        with self._lock:
            for seq in [known for known in self._whole if known <= up_to]:
                del self._whole[seq]

    def close(self) -> None:
        """Have :meth:`put` return None from now on: no thread leases what it takes."""
        with self._lock:
            self._is_closed = True

    def account(self, journalled: int) -> Account:
        """Return where all records are, given how many the journal holds for the store."""
        with self._lock:
            return Account(
                delivered=self._put_total + self._journalled_total,
                adopted=self._adopted,
                stored=self._stored,
                journalled=journalled,
                in_memory=len(self),
                dropped=dict(self._dropped),
            )
