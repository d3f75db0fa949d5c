"""The journal of one dead process: read twice, replayed into the store, then deleted."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Final

from genmon_otel.failure_log import log_failure
from genmon_otel.journal.frames import Frame, Kind
from genmon_otel.journal.payloads import (
    check_format,
    decode_record,
    decode_recording,
    decode_running,
    generation_of,
)
from genmon_otel.journal.segments import Segment, read_all
from genmon_otel.records import PROCESS_DIED, Failure, GenerationRecord, InFlight, Recording
from genmon_otel.writer.batches import BATCH
from genmon_otel.writer.damage import Damage
from genmon_otel.writer.quarantine import Quarantine
from genmon_otel.writer.sending import Item, Receipt, Sender
from genmon_otel.writer.services import Services
from genmon_otel.writer.unfinished import process_died_record

#: Bytes of recordings that are held to go with their records.
_HELD_BYTES: Final = 32 * 2**20


class Orphan:
    """The segments of one dead producer and how far they are replayed."""

    def __init__(
        self,
        services: Services,
        segments: list[Segment],
        sender: Sender,
        quarantine: Quarantine,
        admit: Callable[[GenerationRecord], GenerationRecord],
    ) -> None:
        self._metrics = services.metrics
        self._segments = segments
        self._sender = sender
        self._quarantine = quarantine
        self._admit = admit
        last_written = max(os.fstat(segment.fd).st_mtime for segment in segments)
        self._died_at = min(services.clock.now(), last_written)
        self._running: dict[str, InFlight] = {}
        self._recordings: dict[str, Frame] = {}
        self._conditional: list[Item] = []
        self._last_seq = 0
        self._damage = Damage(sender.seq)
        #: Records that this version does not understand; they were put aside.
        self.not_understood = 0
        self._survey()
        self._items = self._replay()
        if self._conditional:
            sender.load(self._conditional, sender.seq, conditional=True)

    @property
    def producer(self) -> str:
        """Identity of the process whose journal it is."""
        return self._sender.producer

    @property
    def is_damaged(self) -> bool:
        """Whether the journal holds bytes that belong to no frame."""
        return self._damage.found

    @property
    def lost(self) -> int:
        """How many records the damage has lost."""
        return self._damage.lost

    def turn(self) -> Receipt | None:
        """Store the next batch; None when everything is stored and the files are gone."""
        if not self._sender.is_sending and not self._load():
            self.release(delete=True)
            return None
        receipt = self._sender.send()
        for item in receipt.stored:
            if item.record is not None and item.record.failure is not None:
                self._report_death(item.record, item.record.failure)
        return receipt

    def release(self, *, delete: bool) -> None:
        """Release the segments; delete them where the store holds everything."""
        for segment in self._segments:
            segment.release(delete=delete)

    def _load(self) -> bool:
        items: list[Item] = []
        for item in self._items:
            items.append(item)
            if len(items) >= BATCH:
                break
        if not items:
            return False
        self._sender.load(items, items[-1].seq or 0)
        return True

    def _survey(self) -> None:
        """Read all frames once, to find generations without an end and conditional records."""
        held = 0
        for frame, generation in self._frames(self._damage.skipped):
            self._damage.frame(frame.seq)
            self._last_seq = max(self._last_seq, frame.seq)
            if frame.kind == Kind.HEADER:
                check_format(frame.payload)
            elif frame.kind == Kind.RUNNING:
                self._note(generation, frame)
            elif frame.kind in (Kind.RECORD, Kind.ENDED):
                self._running.pop(generation, None)
                self._look_at(frame)
            elif frame.kind == Kind.RECORDING:
                held += len(frame.payload)
                if held <= _HELD_BYTES and frame.seq > self._sender.seq:
                    self._recordings[generation] = frame
            else:
                self._put_aside(frame, "newer version")

    def _note(self, generation: str, frame: Frame) -> None:
        try:
            self._running[generation] = decode_running(frame.payload)
        except (ValueError, TypeError, KeyError):
            self._put_aside(frame, "not understood")

    def _look_at(self, frame: Frame) -> None:
        if frame.kind != Kind.RECORD or frame.seq <= self._sender.seq:
            return
        try:
            record, position, newer = decode_record(frame.payload)
        except (ValueError, TypeError, KeyError):
            self._put_aside(frame, "not understood")
            self.not_understood += 1
            return
        # Greater than the store's where the store was put back to an earlier state since.
        if position is not None and position >= self._sender.position:
            self._conditional.append(Item(record=self._admit(record), seq=frame.seq))
        if newer:
            self._put_aside(frame, "newer version")

    def _put_aside(self, frame: Frame, reason: str) -> None:
        """Keep what this version cannot store for a person, or a newer version."""
        self._quarantine.keep(frame.payload, f"frame of kind {frame.kind}", reason)
        self._metrics.internal_error("journal_not_understood")

    def _frames(
        self, on_damage: Callable[[bool], None] = lambda is_at_end: None
    ) -> Iterator[tuple[Frame, str]]:
        """Yield all frames, each with the id of its generation."""
        for segment in self._segments:
            for frame in read_all(segment, on_damage):
                try:
                    generation = generation_of(frame.payload)
                except (ValueError, TypeError):
                    generation = ""
                yield frame, generation

    def _replay(self) -> Iterator[Item]:
        """Yield what the store does not hold, in order, and last the generations that died with the process, numbered as frames."""
        done = self._sender.seq
        sent_early: set[int] = set()
        for frame, generation in self._frames():
            if frame.seq <= done or frame.seq in sent_early:
                continue
            if frame.kind == Kind.RECORD:
                recording = self._recordings.pop(generation, None)
                item = self._item(frame, recording)
                if item is not None:
                    if recording is not None:
                        sent_early.add(recording.seq)
                    yield item
            elif frame.kind == Kind.RECORDING:
                self._recordings.pop(generation, None)
                decoded = self._recording(frame)
                if decoded is not None:
                    yield Item(recording=decoded, seq=frame.seq)
        for number, generation in enumerate(sorted(self._running), start=1):
            seq = self._last_seq + number
            if seq > done:
                record = process_died_record(self._running[generation], self._died_at)
                yield Item(record=self._admit(record), seq=seq)

    def _item(self, frame: Frame, recording: Frame | None) -> Item | None:
        try:
            record, position, _ = decode_record(frame.payload)
        except (ValueError, TypeError, KeyError):
            return None  # put aside by the survey
        if position is not None:
            return None  # conditional: in the first batch, or stored before
        admitted = self._admit(record)
        kept = recording if admitted is record else None
        return Item(record=admitted, recording=self._recording(kept), seq=frame.seq)

    def _recording(self, frame: Frame | None) -> Recording | None:
        try:
            return None if frame is None else decode_recording(frame.payload)[0]
        except (ValueError, TypeError, KeyError):
            return None

    def _report_death(self, record: GenerationRecord, failure: Failure) -> None:
        """Count and log a generation whose process died: that process could not."""
        if failure.origin != PROCESS_DIED:
            return
        self._metrics.ended(record)
        log_failure(record, failure)
