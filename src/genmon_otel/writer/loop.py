"""What the writer's thread does, turn by turn: prepare, send, adopt, prune."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from genmon_otel import conventions as names
from genmon_otel.corrections import NO_CORRECTIONS, Corrections, corrected, in_force
from genmon_otel.errors import GenmonError, StoreUnavailable
from genmon_otel.journal import Journal
from genmon_otel.policy import STRIKES
from genmon_otel.records import PROCESS_DIED, GenerationRecord, WriteResult
from genmon_otel.writer.adoption import Adopter
from genmon_otel.writer.backoff import Backoff
from genmon_otel.writer.batches import BatchBuilder
from genmon_otel.writer.memory_queue import Account, MemoryQueue
from genmon_otel.writer.new_failures import NewFailures
from genmon_otel.writer.quarantine import Quarantine
from genmon_otel.writer.recording_queue import PreparedRecordings, RecordingQueue
from genmon_otel.writer.running_notes import RunningNotes
from genmon_otel.writer.sending import Receipt, Sender
from genmon_otel.writer.services import Services

#: CPU seconds of one turn for redacting recordings, and as many for building a batch. What is
#: left is for the next turn, after a rest.
TURN_S: Final = 0.05
#: Seconds between two notes of the generations that are running.
TICK_S: Final = 1.0
#: Rows deleted by one step of retention, and seconds until the next when there was nothing.
PRUNE_ROWS: Final = 500
PRUNE_EVERY_S: Final = 600.0
#: Seconds between two readings of people's corrections, whether or not anything else is due.
CORRECTIONS_EVERY_S = 30.0

_log = logging.getLogger(names.LOGGER)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Totals at one moment: the last journal frame, records and recordings put in memory so far."""

    seq: int
    records: int
    recordings: int


class WriterLoop:
    """The work of the writer's thread in one process, without the thread.

    :meth:`turn` belongs to one thread at a time (``_turn_lock``, which a fork takes too).
    ``_handover_lock`` is held while records change their place among journal, memory and store,
    so that :meth:`account` sees each once and :meth:`retire` finds each either before or after.

    Args:
        on_late: called with records that were in memory only and were leased when :meth:`retire`
            had been called: it must journal them.
        corrections: those that the parent process last read.
    """

    def __init__(
        self,
        services: Services,
        journal: Journal,
        queue: MemoryQueue,
        recordings: RecordingQueue,
        running: RunningNotes,
        *,
        on_late: Callable[[Iterable[GenerationRecord]], None],
        corrections: Corrections = NO_CORRECTIONS,
    ) -> None:
        self._store = services.store
        self._metrics = services.metrics
        self._clock = services.clock
        self._list_in_flight = services.list_in_flight
        self._journal = journal
        self._queue = queue
        self._recordings = recordings
        self._running = running
        self._on_late = on_late
        self._turn_lock = threading.Lock()
        self._handover_lock = threading.RLock()
        self._backoff = Backoff()
        quarantine = Quarantine(journal.directory)
        self._sender = Sender(
            services.store, services.metrics, services.redactor, quarantine, journal.producer
        )
        self._prepared = PreparedRecordings(
            journal, recordings, services.redactor, services.metrics
        )
        self._new_failures = NewFailures(
            lambda: services.metrics.internal_error("fingerprint_overflow")
        )
        self._batches = BatchBuilder(services, journal, queue, self._prepared, self._admit)
        self._adopter = Adopter(
            services,
            journal,
            quarantine,
            admit=self._admit_adopted,
            on_receipt=self._settle_adopted,
            on_lost=self._settle_lost,
        )
        #: See :data:`TURN_S`.
        self.turn_s = TURN_S
        self._is_open = False
        self._is_retired = False
        #: Whether the store was up at the last attempt; None before the first.
        self._was_up: bool | None = None if services.known_error is None else False
        #: Kind of error that keeps the store away: a server may come back with a newer schema.
        self._why = services.known_error
        if services.known_error is not None:
            self._metrics.store_up(False)
        self._next_tick = self._next_prune = self._next_corrections = float("-inf")
        #: Replaced as a whole; callers read it without a lock.
        self.corrections = corrections

    # --- for other threads -----------------------------------------------------

    @property
    def failed_attempts(self) -> int:
        """Failed attempts to use the store since the last one that worked."""
        return self._backoff.failures

    def retry_at_once(self) -> None:
        """Make the next attempt to use the store immediate: a thread waits for it."""
        self._backoff.retry_at_once()

    def checkpoint(self) -> Checkpoint:
        """Return the totals of now."""
        return Checkpoint(self._journal.last_seq, self._queue.put_total, self._recordings.put_total)

    def has_reached(self, checkpoint: Checkpoint) -> bool:
        """Whether everything that was delivered before a checkpoint is in the store."""
        return (
            self._journal.covered >= checkpoint.seq
            and self._queue.removed_total >= checkpoint.records
            and self._prepared.done >= checkpoint.recordings
            and not self._prepared.has_unjournalled
            and not self._sender.is_sending
        )

    def account(self, left_behind: int) -> Account:
        """Return where the records are; ``left_behind`` of them are in journals that were closed."""
        with self._handover_lock:
            return self._queue.account(self._journal.pending_records + left_behind)

    def report(self) -> None:
        """Set the gauges of what waits for the store."""
        self._metrics.queue_depth(len(self._queue) + self._journal.pending_records)
        self._metrics.journal_bytes(self._journal.waiting_bytes)

    def retire(self) -> tuple[int, list[GenerationRecord]]:
        """Stop settling batches: the process ends, and its journal gets the remaining records.

        Returns:
            The producer's position before the batch that is under way, and that batch's records
            that are in memory only: the store may, or may not, have them already.
        """
        with self._handover_lock:
            self._is_retired = True
            unsettled = self._sender.unsettled()
            records = [i.record for i in unsettled if i.seq is None and i.record is not None]
            return self._sender.position, records

    def release_adopted(self) -> None:
        """Release the journal that is being adopted, for another process."""
        self._adopter.close()

    def wait_between_turns(self, timeout_s: float) -> bool:
        """Take the turn lock for a fork; False when a turn did not end in time."""
        return self._turn_lock.acquire(timeout=timeout_s)

    def resume_turns(self) -> None:
        """Release the turn lock after a fork, in the parent."""
        self._turn_lock.release()

    # --- one turn ----------------------------------------------------------------

    def turn(self) -> bool:
        """Do what is due; whether there is more to do at once."""
        with self._turn_lock:
            return self._turn()

    def _turn(self) -> bool:
        now = self._clock.monotonic()
        self._prepared.prepare(now, self.turn_s)  # whether or not the store is up
        if now >= self._next_tick:
            self._next_tick = now + TICK_S
            self._tick(now)
        has_more = self._recordings.has_any
        if self._backoff.due(now):
            try:
                has_more = self._use_store(now) or has_more
            except Exception as error:
                if not isinstance(error, GenmonError):
                    self._metrics.internal_error("writer")
                self._is_open = False  # it may come back empty, or as another version's
                self._backoff.failed(self._clock.monotonic())
                self._note_store(up=False, error=error)
        self.report()
        self._metrics.count_pending()
        return has_more

    def _tick(self, now: float) -> None:
        try:
            self._running.tick(self._list_in_flight, self._clock.now(), now)
        except Exception:
            self._metrics.internal_error("in_flight")
        self._journal.restore_deleted()
        self._journal.discard(self._running.oldest_segment())

    def _use_store(self, now: float) -> bool:
        if not self._is_open:
            self._store.open()
            self._is_open = True
        if now >= self._next_corrections:
            self._next_corrections = now + CORRECTIONS_EVERY_S
            self._read_corrections()
        is_retry = self._sender.is_sending  # a batch that failed before, or half of a refused one
        if not is_retry:
            self._load()
        if self._is_retired:
            return False
        has_sent = self._sender.is_sending
        if has_sent:
            receipt = self._sender.send()
            self._note_store(up=True)
            self._settle(receipt)
            if is_retry or self._sender.is_sending or self._batches.has_more:
                return True
        if self._adopter.turn(now):
            self._note_store(up=True)
            return True
        if now >= self._next_prune and not has_sent:
            pruned = self._store.prune_step(PRUNE_ROWS)
            self._note_store(up=True)
            self._next_prune = now + (TICK_S if pruned else PRUNE_EVERY_S)
        return False

    def _load(self) -> None:
        """Build the next batch and give it to the sender, unless the process has closed since."""
        items, seq = self._batches.build(self.turn_s)
        if items:
            with self._handover_lock:
                if not self._is_retired:
                    self._sender.load(items, seq)
                    return
            self._on_late([i.record for i in items if i.record is not None and i.seq is None])
        elif seq > self._sender.seq:
            self._journal.cover(seq)  # notes and damage only: nothing for the store to know

    def _read_corrections(self) -> None:
        """Read people's corrections of failures; while the store cannot be used, the last ones stay."""
        try:
            read = self._store.corrections()
        except StoreUnavailable:
            raise
        except Exception:
            self._metrics.internal_error("corrections")  # rows are written all the same
            return
        found = in_force(read)
        if found != self.corrections:
            for each in read:
                self._metrics.declare_failure(
                    each.operation, each.framework, each.category, each.severity
                )
            self.corrections = found

    def _admit(self, record: GenerationRecord) -> GenerationRecord:
        """Return the record to store for one: of a flood of new failures all get one fingerprint."""
        return self._new_failures.admit(record, self._clock.monotonic())

    def _admit_adopted(self, record: GenerationRecord) -> GenerationRecord:
        """Return the record to store for an adopted one, a dead process's with people's corrections."""
        admitted = self._admit(record)
        failure = admitted.failure
        if failure is None or failure.origin != PROCESS_DIED:
            return admitted
        return admitted._replace(failure=corrected(failure, self.corrections))

    # --- what the store answered ---------------------------------------------------

    def _settle(self, receipt: Receipt) -> None:
        stored = [item for item in receipt.stored if item.record is not None]
        refused = [item for item in receipt.refused if item.record is not None]
        leased = sum(item.seq is None for item in (*stored, *refused))
        damaged = 0
        with self._handover_lock:
            if self._is_retired:
                return
            for item in refused:
                if item.seq is not None:
                    self._journal.settle(item.seq)
            self._queue.drop(names.DROPPED_REFUSED, len(refused))
            if receipt.seq:
                covered = self._journal.cover(receipt.seq)
                damaged = covered - sum(item.seq is not None for item in stored)
                self._queue.drop(names.DROPPED_DAMAGED, damaged)
                self._queue.forget_whole(receipt.seq)
            self._queue.ack(stored=len(stored), leased=leased)
        if stored:
            self._metrics.written(len(stored))
        self._log_strikes(receipt.result)

    def _settle_adopted(self, receipt: Receipt) -> None:
        stored = sum(item.record is not None for item in receipt.stored)
        refused = sum(item.record is not None for item in receipt.refused)
        with self._handover_lock:
            self._queue.drop(names.DROPPED_REFUSED, refused)
            self._queue.ack(stored=stored, adopted=stored + refused)
        if stored:
            self._metrics.written(stored)
        self._log_strikes(receipt.result)

    def _settle_lost(self, damaged: int, refused: int) -> None:
        """Count the records that a dead process's journal lost, or that this version cannot read."""
        with self._handover_lock:
            self._queue.drop(names.DROPPED_DAMAGED, damaged)
            self._queue.drop(names.DROPPED_REFUSED, refused)
            self._queue.ack(adopted=damaged + refused)

    def _log_strikes(self, result: WriteResult | None) -> None:
        for strike in result.strikes if result else ():
            if strike.reopened:
                self._metrics.reopened(strike.operation, strike.category)
                _log.warning("genmon: %s is back: it had been resolved", strike.handle)
            if strike.strikes > STRIKES:
                continue  # logged before
            _log.info("genmon: %s strike %d of %d", strike.handle, strike.strikes, STRIKES)
            if strike.strikes == STRIKES and strike.case_id is not None:
                _log.info(
                    "genmon: %s became a case; look at it with: genmon cases show %s",
                    strike.handle,
                    strike.handle,
                )

    def _note_store(self, *, up: bool, error: Exception | None = None) -> None:
        """Note whether the store could be used; log and count it when that has changed."""
        if up:
            self._backoff.worked()
        why = None if error is None else type(error)
        if up is self._was_up and why is self._why:
            return
        self._why = why
        if not up:
            _log.warning(
                "genmon: the store cannot be used; failures wait in the journal: %s", error
            )
        elif self._was_up is False:
            _log.info("genmon: the store answers again")
        self._was_up = up
        self._metrics.store_up(up)
