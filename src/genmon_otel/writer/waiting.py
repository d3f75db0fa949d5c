"""Bounded memory between the callers and the writer's thread, and the books over it."""

from __future__ import annotations

import sys
import threading
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from genmon_otel import conventions as names
from genmon_otel.policy import SUCCESS_SAMPLES
from genmon_otel.ports import Ended
from genmon_otel.records import GenerationRecord, Recording, SuccessSample, Tree

#: Records in memory; at about 1.5 KB each, 15 MB.
MAX_RECORDS: Final = 10_000
#: Journalled records kept whole as well, because the journal's copy is shortened.
MAX_WHOLE: Final = 1_000
#: Bytes of recordings and samples that wait to be redacted.
MAX_RAW_BYTES: Final = 16 * 2**20
#: Successes that arrive before the thread is called.
MANY: Final = 500
#: And before callers enter them in the books.
_TOO_MANY: Final = MAX_RECORDS // 2
#: Nodes of a tree that are weighed; what is larger counts as so many bytes.
_WEIGHED_NODES: Final = 128
_LARGE_BYTES: Final = 256 * 1024


@dataclass(frozen=True, slots=True)
class Account:
    """Where the records of one process are. At rest the two sides are equal."""

    #: Delivered by this process's generations.
    delivered: int
    #: Taken over from processes that died, and dealt with.
    adopted: int
    stored: int
    journalled: int
    in_memory: int
    dropped: Mapping[str, int]

    @property
    def balanced(self) -> bool:
        """Whether nothing is lost: what came in equals what is accounted for."""
        there = self.stored + self.journalled + self.in_memory + sum(self.dropped.values())
        return self.delivered + self.adopted == there


class Waiting:
    """Records, recordings and samples on their way to the store.

    Safe from any thread; the lock is reentrant because a finaliser may deliver while
    its thread is in here.

    Args:
        on_drop: called with reason and count for records that had to go.
    """

    def __init__(self, on_drop: Callable[[str, int], None], max_records: int = MAX_RECORDS) -> None:
        self.lock = threading.RLock()
        self._on_drop = on_drop
        self._max_records = max_records
        #: Successes as callers left them, without the lock; not in the books yet.
        self.arrived: deque[Ended] = deque()
        self._is_entering = False
        self._failures: deque[GenerationRecord] = deque()
        self._others: deque[GenerationRecord] = deque()
        self._whole: dict[int, GenerationRecord] = {}
        self._recordings: deque[tuple[Recording, int]] = deque()
        self._recording_bytes = 0
        self._samples: dict[str, deque[SuccessSample]] = {}
        #: Raw recordings and samples ever taken in, and records ever put in memory or
        #: settled out of it: what :meth:`Writer.flush` waits for.
        self.raw_in = self._memory_in = self.memory_out = 0
        self._delivered = self.adopted = self.stored = 0
        #: Records taken out by :meth:`take` that are not settled yet.
        self.taken = 0
        self.dropped: Counter[str] = Counter()
        self._latest: tuple[str, str] = ("", "")

    def __len__(self) -> int:
        return len(self.arrived) + len(self._failures) + len(self._others) + self.taken

    @property
    def memory_in(self) -> int:
        """Records ever put in memory."""
        with self.lock:
            self.enter_books()
            return self._memory_in

    def enter_books(self, limit: int = sys.maxsize) -> None:
        """Put what arrived in the books and where it belongs; the oldest ``limit`` of it."""
        with self.lock:
            if self._is_entering:
                return  # a finaliser of this very thread struck amidst
            self._is_entering = True
            try:
                for _ in range(limit):
                    if not self.arrived:
                        return
                    self._keep(self.arrived[0].record())
                    self.arrived.popleft()  # last: an interruption loses none
            finally:
                self._is_entering = False

    def relieve(self) -> None:
        """Where the thread does not keep up, enter more than one caller leaves at a time."""
        if len(self.arrived) > _TOO_MANY:
            self.enter_books(2)

    def add(self, record: GenerationRecord, seq: int | None) -> None:
        """Take a finished generation.

        Args:
            record: what ended.
            seq: its frame in the journal; None: it is in memory only.
        """
        with self.lock:
            if seq is None:
                self._keep(record)
                return
            self._delivered += 1
            if len(self._whole) < MAX_WHOLE:
                self._whole[seq] = record

    def _keep(self, record: GenerationRecord) -> None:
        end = record.generation_id, record.outcome
        if end == self._latest:
            return  # delivered twice: an interruption struck right after the first time
        self._latest = end
        self._delivered += 1
        self._memory_in += 1
        (self._others if record.failure is None else self._failures).append(record)
        if len(self._others) + len(self._failures) + self.taken > self._max_records:
            self._evict()

    def _evict(self) -> None:
        """Let the oldest go; a success before any failure."""
        queue = self._others or self._failures
        if queue:
            queue.popleft()
            self.memory_out += 1
            self.drop(names.DROPPED_FULL)

    def drop(self, reason: str, count: int = 1) -> None:
        """Give records up, and say so."""
        with self.lock:
            self.dropped[reason] += count
        self._on_drop(reason, count)

    def take(self, limit: int) -> list[GenerationRecord]:
        """Take records that are in memory only, failures first; :meth:`settle` them later."""
        with self.lock:
            self.enter_books()
            taken: list[GenerationRecord] = []
            for queue in (self._failures, self._others):
                while queue and len(taken) < limit:
                    taken.append(queue.popleft())
            self.taken += len(taken)
            return taken

    def settle(self, count: int) -> None:
        """Note that so many of the records taken are stored, refused or journalled."""
        with self.lock:
            self.taken -= count
            self.memory_out += count

    def whole(self, seq: int) -> GenerationRecord | None:
        """The journalled record as it was delivered, once; None when only the journal has it."""
        return self._whole.pop(seq, None)

    def forget_whole(self, seq: int) -> None:
        """Let go of whole records up to ``seq``: they are stored."""
        with self.lock:
            for stale in [known for known in self._whole if known <= seq]:
                del self._whole[stale]

    def add_recording(self, recording: Recording) -> bool:
        """Keep a raw recording; False when memory is full and only its stub was kept."""
        size = weigh(recording.inputs) + sum(
            weigh(step.arguments) + weigh(step.outcome) for step in recording.steps
        )
        with self.lock:
            fits = self._recording_bytes + size <= MAX_RAW_BYTES
            if not fits:
                if len(self._recordings) >= MAX_WHOLE:
                    return False
                size = 0
                recording = stub(recording, "memory: the writer was behind")
            self.raw_in += 1
            self._recordings.append((recording, size))
            self._recording_bytes += size
            return fits

    def take_recording(self) -> Recording | None:
        """The oldest raw recording; None when there is none."""
        with self.lock:
            if not self._recordings:
                return None
            recording, size = self._recordings.popleft()
            self._recording_bytes -= size
            return recording

    def add_sample(self, sample: SuccessSample) -> None:
        """Keep a raw success sample; of an operation the newest, as many as the store keeps."""
        with self.lock:
            samples = self._samples.setdefault(sample.operation, deque())
            samples.append(sample)
            if len(samples) > SUCCESS_SAMPLES:
                samples.popleft()
            else:
                self.raw_in += 1

    def take_samples(self) -> list[SuccessSample]:
        """All raw samples."""
        with self.lock:
            samples, self._samples = self._samples, {}
        return [sample for queue in samples.values() for sample in queue]

    @property
    def pressing(self) -> bool:
        """Whether raw recordings fill half of their room."""
        return 2 * self._recording_bytes > MAX_RAW_BYTES

    def account(self, journalled: int) -> Account:
        """Where all records are, given how many wait in the journal."""
        with self.lock:
            self.enter_books()
            return Account(
                self._delivered,
                self.adopted,
                self.stored,
                journalled,
                len(self),
                dict(self.dropped),
            )


def stub(recording: Recording, reason: str) -> Recording:
    """A recording without its payload, that says why."""
    return replace(recording, inputs=None, steps=(), trigger_step=None, unreplayable=reason)


def weigh(tree: Tree) -> int:
    """Roughly how many bytes a tree takes; never slow, rather too much than too little."""
    size, stack = 0, [tree]
    for _ in range(_WEIGHED_NODES):
        if not stack:
            return size
        node = stack.pop()
        size += 64
        if isinstance(node, str):
            size += len(node)
        elif isinstance(node, dict):
            stack.extend(node.values())
        elif isinstance(node, list | tuple):
            stack.extend(node)
    return size + (_LARGE_BYTES if stack else 0)
