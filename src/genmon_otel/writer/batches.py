"""The next batch of this process: the journal in order, then what is in memory only."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from genmon_otel.journal import Journal
from genmon_otel.journal.frames import Frame, Kind
from genmon_otel.journal.payloads import decode_record
from genmon_otel.records import MAX_REQUEST, GenerationRecord
from genmon_otel.writer.memory_queue import MemoryQueue
from genmon_otel.writer.recording_queue import PreparedRecordings
from genmon_otel.writer.sending import Item
from genmon_otel.writer.services import Services

#: Records in one transaction.
BATCH: Final = 1_000
#: Records that are taken between two looks at the clock; divides :data:`BATCH`.
_CHUNK: Final = 50


class BatchBuilder:
    """Makes batches out of what one process has delivered. Belongs to the writer's thread.

    Args:
        admit: returns the record to store for one (see :mod:`genmon_otel.writer.new_failures`).
    """

    def __init__(
        self,
        services: Services,
        journal: Journal,
        queue: MemoryQueue,
        recordings: PreparedRecordings,
        admit: Callable[[GenerationRecord], GenerationRecord],
    ) -> None:
        self._metrics = services.metrics
        self._redactor = services.redactor
        self._journal = journal
        self._queue = queue
        self._recordings = recordings
        self._admit = admit
        #: Whether the last batch ended because it was large enough.
        self.has_more = False

    def build(self, limit_s: float) -> tuple[list[Item], int]:
        """Take the items of the next batch; :attr:`has_more` says whether some were left.

        Args:
            limit_s: CPU seconds after which the batch is large enough; it has one chunk of records
                at least, so that each turn makes progress.

        Returns:
            The items, and the last journal frame that the batch covers; 0 when it covers none.
        """
        deadline = time.thread_time() + limit_s
        items, seq = self._from_journal(deadline)
        count = sum(item.record is not None for item in items)
        while count < BATCH and (leased := self._queue.lease(min(_CHUNK, BATCH - count))):
            items.extend([Item(record=self._redacted(record)) for record in leased])
            count += len(leased)
            if time.thread_time() >= deadline:
                break
        self.has_more = count >= BATCH or time.thread_time() >= deadline
        items.extend(self._recordings.take_unjournalled())
        if counts := self._queue.take_counts():
            items.append(Item(counts=counts))
        return [self._admitted(item) for item in items], seq

    def _from_journal(self, deadline: float) -> tuple[list[Item], int]:
        """Read the next items and the last frame that they cover; stop at a batch or the deadline."""
        last = self._journal.last_seq
        found: set[int] = set()
        items: list[Item] = []
        count = 0
        is_at_end = False
        while not is_at_end and count < BATCH:
            frames = self._journal.read(_CHUNK)
            records = 0
            for frame in frames:
                found.add(frame.seq)
                if frame.kind == Kind.RECORD:
                    records += 1
                    record = self._queue.take_whole(frame.seq) or self._decoded(frame)
                    if record is not None:
                        items.append(self._item(record, frame.seq))
                elif frame.kind == Kind.RECORDING:
                    recording = self._recordings.take_for_frame(frame)
                    if recording is not None:
                        items.append(Item(recording=recording, seq=frame.seq))
            count += records
            is_at_end = records < _CHUNK
            if time.thread_time() >= deadline:
                break
        seq = max(found, default=0)
        if is_at_end:
            seq = max(seq, last)  # as it was before the first of these was read
        for missing in self._journal.pending(seq):
            if missing not in found and (record := self._queue.take_whole(missing)) is not None:
                items.append(self._item(record, missing))  # its frame was damaged on disk
        items.sort(key=lambda item: item.seq or 0)
        return items, seq

    def _item(self, record: GenerationRecord, seq: int) -> Item:
        """Make an item of a record with its recording, even if that comes later in the journal.

        The third strike makes the case in its own transaction, so the recording must be in it.
        """
        recording = self._recordings.take_for_generation(record.generation_id)
        return Item(record=self._redacted(record), recording=recording, seq=seq)

    def _decoded(self, frame: Frame) -> GenerationRecord | None:
        try:
            return decode_record(frame.payload)[0]
        except (ValueError, TypeError, KeyError):
            self._metrics.internal_error("journal_damage")
            return None

    def _admitted(self, item: Item) -> Item:
        if item.record is None or item.record.failure is None:
            return item
        record = self._admit(item.record)
        return item if record is item.record else item._replace(record=record, recording=None)

    def _redacted(self, record: GenerationRecord) -> GenerationRecord:
        """Redact the request, on the writer's thread."""
        if record.user_request is None:
            return record
        try:
            request = self._redactor.text(record.user_request, MAX_REQUEST)
        except Exception:
            self._metrics.internal_error("redaction")
            request = None
        return record if request == record.user_request else record._replace(user_request=request)
