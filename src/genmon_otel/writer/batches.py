"""The next batch of this process: the journal in order, then what is in memory only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
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
BATCH: Final = 500


class BatchBuilder:
    """Makes batches out of what one process has delivered. Belongs to the writer's thread.

    Args:
        admit: says as what a record is stored (see :mod:`genmon_otel.writer.new_failures`).
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

    def build(self) -> tuple[list[Item], int]:
        """Lease the items of the next batch.

        Returns:
            The items, and the last journal frame that the batch covers; 0 when it covers none.
        """
        items, seq = self._from_journal()
        room = BATCH - sum(item.record is not None for item in items)
        for record in self._queue.lease(room):
            items.append(Item(record=self._redacted(record)))
        items.extend(self._recordings.take_unjournalled())
        return [self._admitted(item) for item in items], seq

    def _from_journal(self) -> tuple[list[Item], int]:
        last = self._journal.last_seq
        frames = self._journal.read(BATCH)
        found: set[int] = set()
        items: list[Item] = []
        for frame in frames:
            found.add(frame.seq)
            if frame.kind == Kind.RECORD:
                record = self._queue.take_whole(frame.seq) or self._decoded(frame)
                if record is not None:
                    items.append(self._item(record, frame.seq))
            elif frame.kind == Kind.RECORDING:
                recording = self._recordings.of_frame(frame)
                if recording is not None:
                    items.append(Item(recording=recording, seq=frame.seq))
        records = sum(frame.kind == Kind.RECORD for frame in frames)
        seq = max(found, default=0)
        if records < BATCH:
            seq = max(seq, last)  # read to the end as it was before
        for missing in self._journal.pending(seq):
            if missing not in found and (record := self._queue.take_whole(missing)) is not None:
                items.append(self._item(record, missing))  # its frame was damaged on disk
        items.sort(key=lambda item: item.seq or 0)
        return items, seq

    def _item(self, record: GenerationRecord, seq: int) -> Item:
        """Make an item of a record with its recording, even if that comes later in the journal.

        The strike that makes a case wants the recordings in its own transaction.
        """
        recording = self._recordings.of_generation(record.generation_id)
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
        return item if record is item.record else replace(item, record=record, recording=None)

    def _redacted(self, record: GenerationRecord) -> GenerationRecord:
        """Redact the request of what did not fail; a failure's was redacted by its caller."""
        if record.failure is not None or record.user_request is None:
            return record
        try:
            request = self._redactor.text(record.user_request, MAX_REQUEST)
        except Exception:
            self._metrics.internal_error("redaction")
            request = None
        return record._replace(user_request=request)
