"""Taking over the journals of processes that died: every frame once, then the files go.

A dead process has let go of its locks. Whoever gets all of them replays what the
store does not hold yet, on the dead producer's own position, so that racing or dying
adopters cannot store anything twice. A generation that was noted as running and has
no end in the journal died with its process; it becomes a failure.

Records that their process spilled at its end while a batch with the very same records
was under way carry that batch's *position*. Whoever moves the producer from that
position stores them: either that batch arrived after all, or the adopter's first
batch holds exactly them.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from typing import Final

from genmon_otel import conventions as names
from genmon_otel.errors import StoreUnavailable
from genmon_otel.failure_log import log_failure
from genmon_otel.fingerprint import identify
from genmon_otel.journal import Journal
from genmon_otel.journal.frames import Frame, Kind
from genmon_otel.journal.payloads import (
    check_format,
    decode_record,
    decode_recording,
    decode_running,
    generation_of,
)
from genmon_otel.journal.segments import Segment, claim, list_producers, read_all, sweep
from genmon_otel.ports import Clock, Metrics, Store
from genmon_otel.records import (
    PROCESS_DIED,
    Category,
    Failure,
    GenerationRecord,
    InFlight,
    Outcome,
    Recording,
    Severity,
)
from genmon_otel.writer.damage import Damage
from genmon_otel.writer.quarantine import Quarantine
from genmon_otel.writer.sending import BATCH, Item, Receipt, Sender

#: Seconds between two looks into the folder.
EVERY_S: Final = 60.0
#: Bytes of recordings that are held to go with their records.
_HELD_BYTES: Final = 32 * 2**20

_log = logging.getLogger(names.LOGGER)


class Adopter:
    """Looks for orphaned journals of the same store now and then, one batch a turn.

    Args:
        admit: says as what a record is stored (see :mod:`genmon_otel.writer.overflow`).
        on_receipt: called with what became of adopted items.
        on_lost: called with how many records damage took along, and how many were put aside.
    """

    def __init__(
        self,
        *,
        store: Store,
        journal: Journal,
        metrics: Metrics,
        quarantine: Quarantine,
        clock: Clock,
        admit: Callable[[GenerationRecord], GenerationRecord],
        on_receipt: Callable[[Receipt], None],
        on_lost: Callable[[int, int], None],
    ) -> None:
        self._store = store
        self._journal = journal
        self._metrics = metrics
        self._quarantine = quarantine
        self._clock = clock
        self._admit = admit
        self._on_receipt = on_receipt
        self._on_lost = on_lost
        self._next_look = float("-inf")
        #: Producers whose journals broke us or are too new: left for another process.
        self._given_up: set[str] = set()
        self._current: _Orphan | None = None

    @property
    def busy(self) -> bool:
        """Whether an orphan is being replayed."""
        return self._current is not None

    def turn(self, now: float) -> bool:
        """Replay one batch; False when there is nothing to adopt at ``now`` (monotonic).

        Raises:
            StoreUnavailable: go on later.
        """
        if self._current is None and now >= self._next_look:
            self._current = self._find()
            if self._current is None:
                self._next_look = now + EVERY_S
        if self._current is None:
            return False
        try:
            receipt = self._current.turn()
        except StoreUnavailable:
            raise
        except Exception:
            self._give_up(self._current.producer)
            self.close()
            return True
        if receipt is None:
            self._report(self._current)
            self._current = None
        else:
            self._on_receipt(receipt)
        return True

    def close(self) -> None:
        """Let go of what is being adopted; somebody else goes on."""
        if self._current is not None:
            self._current.release(delete=False)
            self._current = None

    def _report(self, orphan: _Orphan) -> None:
        """Count what could not be read, now that nobody else will come upon it."""
        damage = orphan.damage
        if damage.found or orphan.not_understood:
            self._on_lost(damage.lost, orphan.not_understood)
        if damage.found:
            self._metrics.internal_error("journal_damage")
            _log.warning(
                "genmon: a journal in %s was damaged; records lost: %d",
                self._journal.directory,
                damage.lost,
            )

    def _find(self) -> _Orphan | None:
        directory = self._journal.directory
        if directory is None:
            return None
        sweep(directory)
        for producer, paths in list_producers(directory, self._journal.store).items():
            if producer == self._journal.producer or producer in self._given_up:
                continue
            segments = claim(paths)
            if segments and (orphan := self._begin(producer, segments)):
                return orphan
        return None

    def _begin(self, producer: str, segments: list[Segment]) -> _Orphan | None:
        try:
            position, seq = self._store.producer_position(producer)
            return _Orphan(
                segments,
                Sender(
                    self._store,
                    self._metrics,
                    self._quarantine,
                    producer,
                    position=position,
                    seq=seq,
                ),
                metrics=self._metrics,
                quarantine=self._quarantine,
                admit=self._admit,
                now=self._clock.now(),
            )
        except Exception as error:
            for segment in segments:
                segment.release(delete=False)
            if isinstance(error, StoreUnavailable):
                raise
            self._give_up(producer)
            return None

    def _give_up(self, producer: str) -> None:
        self._given_up.add(producer)
        self._metrics.internal_error("adoption")
        _log.warning(
            "genmon: the journal of producer %s in %s could not be taken over; it stays there",
            producer,
            self._journal.directory,
            exc_info=True,
        )


class _Orphan:
    """The segments of one dead producer and how far they are replayed."""

    def __init__(
        self,
        segments: list[Segment],
        sender: Sender,
        *,
        metrics: Metrics,
        quarantine: Quarantine,
        admit: Callable[[GenerationRecord], GenerationRecord],
        now: float,
    ) -> None:
        self._segments = segments
        self._sender = sender
        self._metrics = metrics
        self._quarantine = quarantine
        self._admit = admit
        #: The last sign of life.
        self._died_at = min(now, max(os.fstat(s.fd).st_mtime for s in segments))
        self._running: dict[str, InFlight] = {}
        self._recordings: dict[str, Frame] = {}
        self._conditional: list[Item] = []
        self._last_seq = 0
        self.damage = Damage(sender.seq)
        self.not_understood = 0  # records put aside
        self._survey()
        self._items = self._replay()
        if self._conditional:
            sender.load(self._conditional, sender.seq, conditional=True)

    @property
    def producer(self) -> str:
        """Whose journal it is."""
        return self._sender.producer

    def turn(self) -> Receipt | None:
        """Store the next batch; None when everything is stored and the files are gone."""
        if not self._sender.busy and not self._load():
            self.release(delete=True)
            return None
        receipt = self._sender.send()
        for item in receipt.stored:
            if item.record is not None and item.record.failure is not None:
                self._report_death(item.record, item.record.failure)
        return receipt

    def release(self, *, delete: bool) -> None:
        """Let go of the segments."""
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
        """Read all frames once: which generations have no end, what is conditional."""
        held = 0
        for frame, generation in self._frames(self.damage.skipped):
            self.damage.frame(frame.seq)
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
        # Beyond the store's: it was put back to an earlier state since.
        if position is not None and position >= self._sender.position:
            self._conditional.append(Item(record=self._admit(record), seq=frame.seq))
        if newer:
            self._put_aside(frame, "newer version")

    def _put_aside(self, frame: Frame, reason: str) -> None:
        """Keep what this version cannot store for a person, or a newer version."""
        self._quarantine.keep(frame.payload, f"frame of kind {frame.kind}", reason)
        self._metrics.internal_error("journal_not_understood")

    def _frames(
        self, on_damage: Callable[[bool], None] = lambda torn: None
    ) -> Iterator[tuple[Frame, str]]:
        """All frames, with the generation that each is about."""
        for segment in self._segments:
            for frame in read_all(segment, on_damage):
                try:
                    generation = generation_of(frame.payload)
                except (ValueError, TypeError):
                    generation = ""
                yield frame, generation

    def _replay(self) -> Iterator[Item]:
        """What the store does not hold, in order; at the end those that died, as frames would be."""
        done = self._sender.seq
        early: set[int] = set()
        for frame, generation in self._frames():
            if frame.seq <= done or frame.seq in early:
                continue
            if frame.kind == Kind.RECORD:
                there = self._recordings.pop(generation, None)
                item = self._item(frame, there)
                if item is not None:
                    if there is not None:
                        early.add(there.seq)
                    yield item
            elif frame.kind == Kind.RECORDING:
                self._recordings.pop(generation, None)
                recording = self._recording(frame)
                if recording is not None:
                    yield Item(recording=recording, seq=frame.seq)
        for number, generation in enumerate(sorted(self._running), start=1):
            seq = self._last_seq + number
            if seq > done:
                record = died(self._running[generation], self._died_at)
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
        """Count and log what its own process could not."""
        if failure.origin != PROCESS_DIED:
            return
        self._metrics.ended(record)
        log_failure(record, failure)


def died(note: InFlight, died_at: float) -> GenerationRecord:
    """The failure of a generation whose process died under it."""
    alike, without_frames = identify(
        operation=note.operation,
        category=Category.UNKNOWN,
        error_type=PROCESS_DIED,
        message="",
        stage=note.last_step,
        places=(),
    )
    last = f"; its last step was {note.last_step!r}" if note.last_step else ""
    ended_at = max(died_at, note.started_at)
    return GenerationRecord(
        generation_id=note.generation_id,
        operation=note.operation,
        framework=note.framework,
        outcome=Outcome.FAILURE,
        started_at=note.started_at,
        ended_at=ended_at,
        duration_s=ended_at - note.started_at,
        user_id=note.user_id,
        project_id=note.project_id,
        trace_id=note.trace_id,
        span_id=note.span_id,
        code_version=note.code_version,
        failure=Failure(
            category=Category.UNKNOWN,
            severity=Severity.CRITICAL,
            error_type=PROCESS_DIED,
            error_message=f"The process died while the generation was running{last}.",
            stack_trace="",
            fingerprint=alike,
            signature=without_frames,
            stage=note.last_step,
            origin=PROCESS_DIED,
        ),
    )
