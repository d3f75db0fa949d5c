"""One turn of the writer's thread: redact, note, batch, send, adopt, prune."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Final

from genmon_otel import conventions as names
from genmon_otel.corrections import NO_CORRECTIONS, corrected, in_force
from genmon_otel.errors import GenmonError, StoreUnavailable
from genmon_otel.journal import Journal
from genmon_otel.journal.frames import Frame, Kind
from genmon_otel.journal.payloads import decode_record
from genmon_otel.policy import STRIKES
from genmon_otel.ports import Clock, Metrics, Store
from genmon_otel.records import MAX_REQUEST, PROCESS_DIED, GenerationRecord, InFlight, WriteResult
from genmon_otel.redaction import Redactor
from genmon_otel.writer.adoption import Adopter
from genmon_otel.writer.backoff import Backoff
from genmon_otel.writer.overflow import NewFailures
from genmon_otel.writer.quarantine import Quarantine
from genmon_otel.writer.recorded import Recorded
from genmon_otel.writer.running import RunningNotes
from genmon_otel.writer.sending import BATCH, Item, Receipt, Sender
from genmon_otel.writer.waiting import Waiting

#: Seconds between two looks at what is in flight.
TICK_S: Final = 1.0
#: Rows deleted by one step of retention, and seconds until the next when there was nothing.
PRUNE_ROWS: Final = 500
PRUNE_EVERY_S: Final = 600.0
#: Seconds between two looks at what people said of failures, whether or not anything happens.
_CORRECTIONS_EVERY_S = 30.0

_log = logging.getLogger(names.LOGGER)


@dataclass(frozen=True, slots=True)
class Mark:
    """How much there was at one moment: frames, records in memory, raw recordings."""

    seq: int
    memory: int
    raw: int


class Drain:
    """What the writer's thread does, without the thread. Belongs to one process.

    Args:
        in_flight: lists the running generations.
        on_late: called with records that were in memory only and came too late for the end.
        told: the kind of error for which the store cannot be used, where that was logged.
    """

    def __init__(
        self,
        *,
        store: Store,
        journal: Journal,
        waiting: Waiting,
        running: RunningNotes,
        in_flight: Callable[[], Iterable[InFlight]],
        metrics: Metrics,
        clock: Clock,
        redactor: Redactor,
        backoff: Backoff,
        on_late: Callable[[Iterable[GenerationRecord]], None],
        told: type[Exception] | None = None,
    ) -> None:
        self._store = store
        self._journal = journal
        self._waiting = waiting
        self._running = running
        self._in_flight = in_flight
        self._metrics = metrics
        self._clock = clock
        self._redactor = redactor
        self.backoff = backoff
        self._on_late = on_late
        quarantine = Quarantine(journal.directory)
        self.sender = Sender(store, metrics, quarantine, journal.producer)
        self._recorded = Recorded(journal, waiting, redactor, metrics)
        self._new_failures = NewFailures(lambda: metrics.internal_error("fingerprint_overflow"))
        self.adopter = Adopter(
            store=store,
            journal=journal,
            metrics=metrics,
            quarantine=quarantine,
            clock=clock,
            admit=self._adopted_as,
            on_receipt=self._adopted,
            on_lost=self._lost,
        )
        self._opened = False
        self._up: bool | None = None if told is None else False
        #: What kind of error keeps the store away: a server may come back with a newer schema.
        self._why = told
        if told is not None:
            metrics.store_up(False)
        self._next_tick = self._next_prune = self._next_corrections = float("-inf")
        #: Replaced as a whole; callers read it without a lock.
        self.corrections = NO_CORRECTIONS
        #: Set once somebody else has taken over what was under way (see ``Writer.close``).
        self.retired = False

    def reached(self, mark: Mark) -> bool:
        """Whether all that was there at a mark is in the store."""
        return (
            self._journal.covered >= mark.seq
            and self._waiting.memory_out >= mark.memory
            and self._recorded.done >= mark.raw
            and not self._recorded.loose
            and not self.sender.busy
        )

    def mark(self) -> Mark:
        """All that is there now."""
        return Mark(self._journal.last_seq, self._waiting.memory_in, self._waiting.raw_in)

    def turn(self) -> bool:
        """Do what is to be done now; True when there is more to do at once."""
        now = self._clock.monotonic()
        self._waiting.enter_books()  # whether or not the store takes them: they hold arguments
        self._recorded.turn(now)
        if now >= self._next_tick:
            self._next_tick = now + TICK_S
            self._tick(now)
        more = False
        if self.backoff.due(now):
            try:
                more = self._work(now)
            except Exception as error:
                if not isinstance(error, GenmonError):
                    self._metrics.internal_error("writer")
                self._opened = False  # it may come back empty, or as another version's
                self.backoff.failed(self._clock.monotonic())
                self._is_up(False, error)
        self.report()
        self._metrics.fold()
        return more

    def report(self) -> None:
        """Tell how much waits."""
        self._metrics.queue_depth(len(self._waiting) + self._journal.pending_records)
        self._metrics.journal_bytes(self._journal.waiting_bytes)

    def _tick(self, now: float) -> None:
        try:
            self._running.tick(self._in_flight, self._clock.now(), now)
        except Exception:
            self._metrics.internal_error("in_flight")
        self._journal.mend()
        self._journal.discard(self._running.oldest_segment())

    # --- what goes to the store ------------------------------------------------

    def _work(self, now: float) -> bool:
        if not self._opened:
            self._store.open()
            self._opened = True
        if now >= self._next_corrections:
            self._next_corrections = now + _CORRECTIONS_EVERY_S
            self._learn_corrections()
        if not self.sender.busy:
            self._load(now)
        if self.retired:
            return False
        if self.sender.busy:
            receipt = self.sender.send()
            self._is_up(True)
            self._settle(receipt)
            return True
        if self.adopter.turn(now):
            self._is_up(True)
            return True
        if now >= self._next_prune:
            pruned = self._store.prune_step(PRUNE_ROWS)
            self._is_up(True)
            self._next_prune = now + (TICK_S if pruned else PRUNE_EVERY_S)
        return False

    def _learn_corrections(self) -> None:
        """Read what people said of failures; while the store is away, the last answer holds."""
        try:
            told = self._store.corrections()
        except StoreUnavailable:
            raise
        except Exception:
            self._metrics.internal_error("corrections")  # rows are written all the same
            return
        found = in_force(told)
        if found != self.corrections:
            for each in told:
                self._metrics.declare_failure(
                    each.operation, each.framework, each.category, each.severity
                )
            self.corrections = found

    def _load(self, now: float) -> None:
        """Put the next batch together: the journal in order, then what is in memory only."""
        items, seq = self._journalled()
        room = BATCH - sum(item.record is not None for item in items)
        for record in self._waiting.take(room):
            items.append(Item(record=self._redacted(record)))
        items.extend(self._recorded.take_loose())
        if items:
            items = [self._admitted(item, now) for item in items]
            with self._waiting.lock:
                if not self.retired:
                    self.sender.load(items, seq)
                    return
            self._on_late([i.record for i in items if i.record is not None and i.seq is None])
        elif seq > self.sender.seq:
            self._journal.cover(seq)  # notes and damage only: nothing for the store to know

    def _journalled(self) -> tuple[list[Item], int]:
        last = self._journal.last_seq
        frames = self._journal.read(BATCH)
        found: set[int] = set()
        items: list[Item] = []
        for frame in frames:
            found.add(frame.seq)
            if frame.kind == Kind.RECORD:
                record = self._waiting.whole(frame.seq) or self._decoded(frame)
                if record is not None:
                    items.append(self._item(record, frame.seq))
            elif frame.kind == Kind.RECORDING:
                recording = self._recorded.of_frame(frame)
                if recording is not None:
                    items.append(Item(recording=recording, seq=frame.seq))
        records = sum(frame.kind == Kind.RECORD for frame in frames)
        seq = max(found, default=0)
        if records < BATCH:
            seq = max(seq, last)  # read to the end as it was before
        for missing in self._journal.pending(seq):
            if missing not in found and (record := self._waiting.whole(missing)) is not None:
                items.append(self._item(record, missing))  # damaged on disk
        items.sort(key=lambda item: item.seq or 0)
        return items, seq

    def _item(self, record: GenerationRecord, seq: int) -> Item:
        """A record with its recording, even if that comes later in the journal.

        The strike that makes a case wants the recordings in its own transaction.
        """
        recording = self._recorded.of_generation(record.generation_id)
        return Item(record=self._redacted(record), recording=recording, seq=seq)

    def _decoded(self, frame: Frame) -> GenerationRecord | None:
        try:
            return decode_record(frame.payload)[0]
        except (ValueError, TypeError, KeyError):
            self._metrics.internal_error("journal_damage")
            return None

    def _admitted(self, item: Item, now: float) -> Item:
        if item.record is None:
            return item
        record = self._new_failures.admit(item.record, now)
        return item if record is item.record else replace(item, record=record, recording=None)

    def _adopted_as(self, record: GenerationRecord) -> GenerationRecord:
        """As what an adopted record is stored; a death, which is counted here, as people see it."""
        admitted = self._new_failures.admit(record, self._clock.monotonic())
        failure = admitted.failure
        if failure is None or failure.origin != PROCESS_DIED:
            return admitted
        return admitted._replace(failure=corrected(failure, self.corrections))

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

    # --- what the store answered -------------------------------------------------

    def _settle(self, receipt: Receipt) -> None:
        with self._waiting.lock:
            if self.retired:
                return
            stored = [item for item in receipt.stored if item.record is not None]
            refused = [item for item in receipt.refused if item.record is not None]
            self._waiting.stored += len(stored)
            self._waiting.settle(sum(item.seq is None for item in (*stored, *refused)))
            for item in refused:
                if item.seq is not None:
                    self._journal.settle(item.seq)
                self._waiting.drop(names.DROPPED_REFUSED)
            if receipt.seq:
                covered = self._journal.cover(receipt.seq)
                lost = covered - sum(item.seq is not None for item in stored)
                if lost > 0:
                    self._waiting.drop(names.DROPPED_DAMAGED, lost)
                self._waiting.forget_whole(receipt.seq)
        if stored:
            self._metrics.written(len(stored))
        self._announce(receipt.result)

    def _adopted(self, receipt: Receipt) -> None:
        stored = sum(item.record is not None for item in receipt.stored)
        refused = sum(item.record is not None for item in receipt.refused)
        with self._waiting.lock:
            self._waiting.adopted += stored + refused
            self._waiting.stored += stored
            if refused:
                self._waiting.drop(names.DROPPED_REFUSED, refused)
        if stored:
            self._metrics.written(stored)
        self._announce(receipt.result)

    def _lost(self, damaged: int, refused: int) -> None:
        """Enter in the books what a dead process's journal cannot tell, or not to this version."""
        with self._waiting.lock:
            self._waiting.adopted += damaged + refused
            for reason, count in (
                (names.DROPPED_DAMAGED, damaged),
                (names.DROPPED_REFUSED, refused),
            ):
                if count:
                    self._waiting.drop(reason, count)

    def _announce(self, result: WriteResult | None) -> None:
        for strike in result.strikes if result else ():
            if strike.reopened:
                self._metrics.reopened(strike.operation, strike.category)
                _log.warning("genmon: %s is back: it had been resolved", strike.handle)
            if strike.strikes > STRIKES:
                continue  # said before; at a hundred a second nobody reads on
            _log.info("genmon: %s strike %d of %d", strike.handle, strike.strikes, STRIKES)
            if strike.strikes == STRIKES and strike.case_id is not None:
                _log.info(
                    "genmon: %s became a case; look at it with: genmon cases show %s",
                    strike.handle,
                    strike.handle,
                )

    def _is_up(self, up: bool, error: Exception | None = None) -> None:
        if up:
            self.backoff.worked()
        why = None if error is None else type(error)
        if up is self._up and why is self._why:
            return
        self._why = why
        if not up:
            _log.warning(
                "genmon: the store cannot be used; failures wait in the journal: %s", error
            )
        elif self._up is False:
            _log.info("genmon: the store answers again")
        self._up = up
        self._metrics.store_up(up)
