"""What the writer has in one process: a journal, a queue, the running generations, one thread."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterable
from typing import Final

from opentelemetry.context import _SUPPRESS_INSTRUMENTATION_KEY, attach, set_value

from genmon_otel.corrections import NO_CORRECTIONS, Corrections
from genmon_otel.journal import Journal
from genmon_otel.journal.frames import Kind
from genmon_otel.journal.payloads import encode_record
from genmon_otel.records import GenerationRecord, Recording, SuccessSample
from genmon_otel.threads import with_signals_blocked
from genmon_otel.writer.loop import WriterLoop
from genmon_otel.writer.memory_queue import MAX_RECORDS, Account, MemoryQueue
from genmon_otel.writer.recording_queue import RecordingQueue
from genmon_otel.writer.running_notes import RunningNotes
from genmon_otel.writer.services import Services
from genmon_otel.writer.unfinished import cancelled_record

#: Seconds between two turns of the thread when no other thread wakes it.
_PAUSE_S: Final = 1.0
#: Records in memory at which a caller wakes the thread. So a burst of calls is written when it is
#: over, or a second later: until then the thread would compete with the callers for the interpreter.
WAKE_AT: Final = MAX_RECORDS // 4
#: How many times as long as a turn's CPU time the thread rests before the next one: a quarter of
#: one processor is the most that it takes from the application, whose threads it shares Python's
#: interpreter lock with.
_REST: Final = 3.0
#: Seconds between two checks of a thread that waits for the writer's thread.
_POLL_S: Final = 0.005
#: Seconds that ``close`` waits for the thread to end its turn.
_JOIN_S: Final = 1.0
#: Part of the journal's bytes that ends of long successes may fill.
_SUCCESS_SHARE: Final = 0.25
#: Context keys that make instrumentations of databases and HTTP clients do nothing.
_SUPPRESS: Final = ("suppress_instrumentation", _SUPPRESS_INSTRUMENTATION_KEY)


class ProcessState:
    """Journal, memory and thread of one process. A forked child makes its own.

    Args:
        services: what all processes share.
        inherited: ids of generations that run in the parent process, which notes them itself.
        corrections: those that the parent last read.
        is_closed: whether the parent's writer was closed before the fork.
    """

    def __init__(
        self,
        services: Services,
        *,
        inherited: Iterable[str] = (),
        corrections: Corrections = NO_CORRECTIONS,
        is_closed: bool = False,
    ) -> None:
        self.pid = os.getpid()
        self._services = services
        self._journal = Journal(
            services.directory,
            store=services.store_identity,
            on_error=services.metrics.internal_error,
        )
        self._queue = MemoryQueue(services.metrics.dropped)
        self._recordings = RecordingQueue()
        self._running = RunningNotes(self._journal, inherited)
        self._loop = WriterLoop(
            services,
            self._journal,
            self._queue,
            self._recordings,
            self._running,
            on_late=self._journal_records,
            corrections=corrections,
        )
        self._thread: threading.Thread | None = None
        self._start_lock = threading.RLock()
        #: The thread waits by acquiring it, :meth:`wake` releases it. A lock and no Event, because
        #: a finaliser may call ``wake`` while its own thread is in ``wake``.
        self._wake_lock = threading.Lock()
        self._wake_lock.acquire()
        #: Whether the thread pauses although there is more to do.
        self._is_resting = False
        self._is_stopping = False
        self.is_closed = is_closed
        #: Records in journals that :meth:`close` left behind.
        self._left_behind = 0

    @property
    def has_thread(self) -> bool:
        """Whether the thread was started."""
        return self._thread is not None

    @property
    def corrections(self) -> Corrections:
        """People's corrections of failures, as the thread last read them from the store."""
        return self._loop.corrections

    # --- delivering: on the thread whose generation ended ---------------------------

    def deliver(
        self,
        record: GenerationRecord,
        recording: Recording | None,
        sample: SuccessSample | None,
    ) -> None:
        """Take a finished generation, on the thread that ended it.

        A failure is in the journal when this returns; the thread never waits for the store.
        """
        is_noted = False
        if self._running.knows(record.generation_id):
            is_noted = self._running.end(record.generation_id)
            if self._running.was_cancelled(record.generation_id):
                return
        self._keep(record, is_noted)
        if recording is not None:
            if not self._recordings.put(recording):
                self._services.metrics.internal_error("recording_dropped")
            if self._recordings.is_half_full:
                self.wake()
        if sample is not None:
            self._recordings.put_sample(sample)
        if self._thread is None:
            self.start()

    def _keep(self, record: GenerationRecord, is_noted: bool) -> None:
        """Put a record in the journal where it must survive the process, else in memory."""
        seq = None
        if record.failure is not None or is_noted or self.is_closed:
            share = _SUCCESS_SHARE if record.failure is None else 1.0
            seq = self._journal.append(Kind.RECORD, encode_record(record), share=share)
            if is_noted and seq is None:
                self._running.end_later(record.generation_id)
        in_memory = self._queue.put(record, seq)
        if in_memory is None:
            self._journal_memory()  # the process was closed since
        elif in_memory == WAKE_AT and not self._is_resting:
            self.wake()

    def _journal_memory(self) -> None:
        """Journal what is in memory only: no thread leases it any more."""
        self._journal_records(self._queue.lease(len(self._queue)))

    def _journal_records(
        self, records: Iterable[GenerationRecord], position: int | None = None
    ) -> None:
        """Journal leased records; those that the journal does not take stay leased."""
        for record in records:
            payload = encode_record(record, position=position)
            if self._journal.append(Kind.RECORD, payload) is not None:
                self._queue.ack(leased=1)

    # --- the thread ------------------------------------------------------------------

    def start(self) -> None:
        """Start the thread, once; a closed process has none."""
        with self._start_lock:
            if self._thread is not None or self.is_closed:
                return
            thread = self._thread = threading.Thread(target=self._run, name="genmon", daemon=True)
            try:
                with_signals_blocked(thread.start)
            finally:
                if thread.ident is None:  # no thread can be started, or a signal handler raised
                    self._thread = None

    def wake(self) -> None:
        """Make the thread take its next turn immediately."""
        if not self._wake_lock.locked():
            return  # a turn is due already
        try:
            self._wake_lock.release()
        except RuntimeError:
            pass  # another thread was quicker

    def _run(self) -> None:
        for key in _SUPPRESS:
            attach(set_value(key, True))
        while not self._is_stopping:
            began = time.thread_time()
            self._is_resting = self.turn()
            rest_s = _REST * (time.thread_time() - began) if self._is_resting else _PAUSE_S
            self._wake_lock.acquire(timeout=min(rest_s, _PAUSE_S))

    def turn(self) -> bool:
        """Take one turn of the loop; whether there is more to do at once. Nothing raises."""
        try:
            return self._loop.turn()
        except BaseException:  # a driver's, or gevent's: there is no caller for whom it is
            self._services.suppress_and_count("writer", is_caller=False)
            return False

    # --- waiting, accounting, closing: on a thread of the application's ------------------

    def report(self) -> None:
        """Set the gauges of what waits for the store."""
        self._loop.report()

    def account(self) -> Account:
        """Return where the records of this process are."""
        return self._loop.account(self._left_behind)

    def flush(self, timeout_s: float, *, is_patient: bool = True) -> bool:
        """Wait until everything delivered so far is stored.

        Args:
            timeout_s: seconds.
            is_patient: whether to keep waiting after a failed attempt to use the store.

        Returns:
            False when time ran out, the store failed, or there is no thread to do it.
        """
        deadline = time.monotonic() + timeout_s
        failures = self._loop.failed_attempts
        # Twice: recordings of the first round are journalled, so they come in the second.
        for _ in range(2):
            checkpoint = self._loop.checkpoint()
            while not self._loop.has_reached(checkpoint):
                has_failed = self._loop.failed_attempts > failures
                if time.monotonic() >= deadline or self.is_closed:
                    return False
                if has_failed and not is_patient:
                    return False
                if self._thread is None:
                    self._try_to_start()
                    if self._thread is None:
                        return False  # none can be started any more: the interpreter ends
                if not has_failed:
                    self._loop.retry_at_once()
                self.wake()
                time.sleep(_POLL_S)
        return True

    def _try_to_start(self) -> None:
        try:
            self.start()
        except Exception:
            self._services.suppress_and_count("start")

    def close(self, timeout_s: float) -> bool:
        """Flush and stop; what the store did not take is in the journal afterwards.

        Generations that are still running become ``cancelled``, however they end later. The
        flush gives up at the first failed attempt: what is in the journal is safe.
        """
        deadline = time.monotonic() + timeout_s
        if self.is_closed:
            self._left_behind += self._journal.close()
            return not self._left_behind
        self._cancel_running()
        is_stored = self.flush(timeout_s, is_patient=False)
        with self._start_lock:  # a thread that is being started is either seen here or not begun
            self._is_stopping = self.is_closed = True
        self.wake()
        if self._thread is not None:
            self._thread.join(max(0.0, min(_JOIN_S, deadline - time.monotonic())))
        self._hand_over_to_journal()
        if self._thread is None or not self._thread.is_alive():
            self._loop.release_adopted()
            self._services.store.close()
        return is_stored

    def _cancel_running(self) -> None:
        """End the generations that still run as cancelled: the process exits normally."""
        try:
            now = self._services.clock.now()
            for note, is_noted in self._running.cancel(self._services.list_in_flight):
                self._keep(cancelled_record(note, now), is_noted)
        except Exception:
            self._services.suppress_and_count("close")

    def _hand_over_to_journal(self) -> None:
        """Journal what is in memory only: the process that adopts the journal stores it."""
        position, unanswered = self._loop.retire()
        self._journal_records(unanswered, position)
        self._queue.close()
        self._journal_memory()
        self._left_behind += self._journal.close()

    def abandon(self) -> None:
        """Release, in a forked child, the files and locks that the parent still uses."""
        self._loop.release_adopted()
        self._journal.abandon()

    def wait_between_turns(self, timeout_s: float) -> bool:
        """Hold the thread between two turns for a fork; False when a turn did not end in time."""
        return not self.is_closed and self._loop.wait_between_turns(timeout_s)

    def resume_turns(self) -> None:
        """Resume the thread after a fork, in the parent."""
        self._loop.resume_turns()
