"""The writer: takes finished generations from callers and brings each to the store once.

A caller never waits for the store. A failure is in the journal before
:meth:`Writer.deliver` returns; a success waits in bounded memory for up to a second.
One daemon thread a process does the rest. A forked child starts over with a journal,
a memory and a thread of its own: what its parent had stays with the parent.
"""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections.abc import Callable, Iterable
from typing import Final

from opentelemetry import context

from genmon_otel.clock import SystemClock
from genmon_otel.corrections import Corrections
from genmon_otel.internal_errors import report
from genmon_otel.interruption import reraise_if_signal
from genmon_otel.journal import default_journal_dir, store_identity
from genmon_otel.journal.frames import Kind
from genmon_otel.journal.payloads import encode_record
from genmon_otel.ports import Clock, Ended, Metrics, Store
from genmon_otel.records import GenerationRecord, InFlight, Outcome, Recording, SuccessSample
from genmon_otel.redaction import Redactor
from genmon_otel.settings import Settings
from genmon_otel.threads import with_signals_blocked
from genmon_otel.writer.here import Here
from genmon_otel.writer.sending import BATCH
from genmon_otel.writer.waiting import MANY, Account

__all__ = ["Account", "Writer"]

#: Seconds between two looks of somebody who waits for the writer.
_POLL_S: Final = 0.005
#: Seconds that a fork waits for the thread to be out of the database's library.
_FORK_WAIT_S: Final = 0.5
#: Part of the journal's room that ends of long successes may fill.
_SUCCESS_SHARE: Final = 0.25
#: Keys that make instrumentations of databases look away.
_SUPPRESS: Final = ("suppress_instrumentation", context._SUPPRESS_INSTRUMENTATION_KEY)

_writers: Final[weakref.WeakSet[Writer]] = weakref.WeakSet()


class Writer:
    """Brings finished generations to the store. Implements :class:`genmon_otel.ports.Sink`.

    Args:
        store: where to. It is opened by the writer's thread, in each process anew.
        settings: say where the journal lies and which store it is for.
        metrics: counts what became of the records.
        redactor: redacts recordings and the requests of successes.
        clock: time of the backoff and of what is in flight; None: the machine's.
        told: the kind of error for which the store cannot be used as this is made, where
            somebody has said so; None: it can be used, or nobody has looked.
    """

    def __init__(
        self,
        store: Store,
        *,
        settings: Settings,
        metrics: Metrics,
        redactor: Redactor,
        clock: Clock | None = None,
        told: type[Exception] | None = None,
    ) -> None:
        self.store = store
        self.told = told
        self.store_identity = store_identity(settings.store)
        self.directory = default_journal_dir(settings)
        self.metrics = metrics
        self.clock: Clock = clock or SystemClock()
        self.redactor = redactor
        self._in_flight: Callable[[], Iterable[InFlight]] = tuple
        self.awake = False
        self._here = Here(self, ())
        metrics.watch(self._report)
        _writers.add(self)

    # --- for callers ---------------------------------------------------------

    @property
    def corrections(self) -> Corrections:
        """What people said of failures, as the thread last read it from the store."""
        return self._here.drain.corrections

    def deliver(
        self,
        record: GenerationRecord,
        recording: Recording | None = None,
        sample: SuccessSample | None = None,
    ) -> None:
        """Take a finished generation. A failure is in the journal when this returns."""
        try:
            here = self._here
            if here.pid != os.getpid():
                here = self._enter()
            noted = here.running.ended(record.generation_id)
            if here.running.was_cancelled(record.generation_id):
                return
            self._accept(here, record, recording, sample, noted)
            if here.thread is None and not here.closed:
                self._start(here)
            self.metrics.relieve()
        except Exception:
            self._contain("deliver")

    def take(self, ended: Ended) -> None:
        """Take a generation that did not fail, at no cost: it is in memory only."""
        try:
            here = self._here
            if here.pid != os.getpid():
                here = self._enter()
            if ended.id in here.noted:
                self.deliver(ended.record())
                return
            arrived = here.arrived
            arrived.append(ended)
            if len(arrived) > here.many:
                self._relieve(here)
        except Exception:
            self._contain("deliver")

    def start(self) -> None:
        """Run in this process: adopt what died, watch what is in flight. Idempotent."""
        try:
            here = self._enter()
            if here.thread is None and not here.closed:
                self._start(here)
        except Exception:
            self._contain("start")

    def watch(self, in_flight: Callable[[], Iterable[InFlight]]) -> None:
        """Say how to list the generations that are running."""
        self._in_flight = in_flight

    def list_in_flight(self) -> Iterable[InFlight]:
        """The generations that are running."""
        return self._in_flight()

    def account(self) -> Account:
        """Where the records of this process are."""
        here = self._enter()
        with here.waiting.lock:
            return here.waiting.account(here.journal.pending_records + here.left)

    def flush(self, timeout_s: float) -> bool:
        """Wait until everything delivered so far is stored; False when time ran out."""
        return self._flush(self._enter(), timeout_s, patient=True)

    def close(self, timeout_s: float) -> bool:
        """Flush and stop; what the store did not take is in the journal afterwards.

        Generations still running become ``cancelled``, however they end later. Gives up at the first failed
        attempt: what is in the journal is safe. Later deliveries are journalled.
        """
        deadline = time.monotonic() + timeout_s
        here = self._enter()
        if here.closed:
            here.left += here.journal.close()
            return not here.left
        self._cancel_running(here)
        stored = self._flush(here, timeout_s, patient=False)
        with here.waiting.lock:
            here.stopping = here.closed = True
            here.many = 0
        here.wake()
        if here.thread is not None:
            here.thread.join(max(0.0, min(1.0, deadline - time.monotonic())))
        self._spill(here)
        if here.thread is None or not here.thread.is_alive():
            here.drain.adopter.close()
            self.store.close()
        return stored

    # --- inside ----------------------------------------------------------------

    def _report(self) -> None:
        """Tell the metrics what waits in this very process, forked or not."""
        self._here.drain.report()

    def _enter(self) -> Here:
        here = self._here
        if here.pid != os.getpid():  # forked without our hook, as uWSGI does
            self._forked()
            here = self._here
        return here

    def _forked(self) -> None:
        """Start over in a forked child."""
        parents = self._here
        try:
            inherited = [note.generation_id for note in self._in_flight()]
        except Exception:
            inherited = []
        self._here = Here(self, inherited)
        self._here.closed = parents.closed
        self._here.drain.corrections = parents.drain.corrections
        self.awake = False
        parents.drain.adopter.close()
        parents.journal.abandon()

    def _accept(
        self,
        here: Here,
        record: GenerationRecord,
        recording: Recording | None,
        sample: SuccessSample | None,
        noted: bool,
    ) -> None:
        """Take what must be in the journal, and what comes with more than a record."""
        seq = None
        if record.failure is not None or noted or here.closed:
            share = _SUCCESS_SHARE if record.failure is None else 1.0
            seq = here.journal.append(Kind.RECORD, encode_record(record), share=share)
            if noted and seq is None:
                here.running.owe(record.generation_id)
        here.waiting.add(record, seq)
        if recording is not None and not here.waiting.add_recording(recording):
            self.metrics.internal_error("recording_dropped")
        if sample is not None:
            here.waiting.add_sample(sample)
        if here.closed:
            self._relieve(here)  # it may have been closed amidst
        elif len(here.waiting) == BATCH or (recording is not None and here.waiting.pressing):
            here.wake()

    def _relieve(self, here: Here) -> None:
        """See to what arrived: nobody else does soon enough, or will at all."""
        if here.closed:
            with here.waiting.lock:
                self.journal(here, here.waiting.take(len(here.waiting)))
            return
        here.waiting.relieve()
        self.metrics.relieve()
        here.wake()
        if here.thread is None:  # last: a process may have no thread to spare
            self._start(here)

    def _start(self, here: Here) -> None:
        with here.waiting.lock:
            if here.thread is not None or here.closed:
                return
            thread = threading.Thread(target=self._run, args=(here,), name="genmon", daemon=True)
            with_signals_blocked(thread.start)
            here.thread = thread
            here.many = MANY
            self.awake = True

    def _run(self, here: Here) -> None:
        for key in _SUPPRESS:
            context.attach(context.set_value(key, True))
        while not here.stopping:
            if not self._turn(here):
                here.pause()

    def _turn(self, here: Here) -> bool:
        """One turn of the thread; nothing ends it."""
        try:
            with here.turning:
                return here.drain.turn()
        except BaseException:  # a driver's, or gevent's: there is no caller for whom it is
            self._contain("writer")
            return False

    def _flush(self, here: Here, timeout_s: float, *, patient: bool) -> bool:
        deadline = time.monotonic() + timeout_s
        failures = here.drain.backoff.failures
        # Twice: recordings of the first round are journalled, so come in the second.
        for _ in range(2):
            mark = here.drain.mark()
            while not here.drain.reached(mark):
                failed = here.drain.backoff.failures > failures
                if time.monotonic() >= deadline or (failed and not patient) or here.closed:
                    return False
                if here.thread is None:
                    self.start()
                    if here.thread is None:
                        return False  # none can be started any more: the interpreter ends
                if not failed:
                    here.drain.backoff.hurry()
                here.wake()
                time.sleep(_POLL_S)
        return True

    def _cancel_running(self, here: Here) -> None:
        """End what is still running as cancelled: its process goes in good order."""
        try:
            now = self.clock.now()
            for note, noted in here.running.cancel(self._in_flight):
                record = GenerationRecord(
                    generation_id=note.generation_id,
                    operation=note.operation,
                    framework=note.framework,
                    outcome=Outcome.CANCELLED,
                    started_at=note.started_at,
                    ended_at=now,
                    duration_s=max(0.0, now - note.started_at),
                    user_id=note.user_id,
                    project_id=note.project_id,
                    trace_id=note.trace_id,
                    span_id=note.span_id,
                    code_version=note.code_version,
                )
                self._accept(here, record, None, None, noted)
        except Exception:
            self._contain("close")

    def _spill(self, here: Here) -> None:
        """Journal what is in memory only; from here on it is for whoever adopts the journal."""
        with here.waiting.lock:
            here.drain.retired = True
            position = here.drain.sender.position  # before what is on its way from there
            on_their_way = [i.record for i in here.drain.sender.unsettled() if i.seq is None]
            self.journal(here, [record for record in on_their_way if record], position)
            self.journal(here, here.waiting.take(len(here.waiting)))
            here.left += here.journal.close()

    def journal(
        self, here: Here, records: Iterable[GenerationRecord], position: int | None = None
    ) -> None:
        """Journal records that were in memory only."""
        for record in records:
            payload = encode_record(record, position=position)
            if here.journal.append(Kind.RECORD, payload) is not None:
                here.waiting.settle(1)

    def _contain(self, where: str) -> None:
        """Keep an error of ours from the application: count it, log it at most once a minute."""
        if threading.current_thread() is not self._here.thread:
            reraise_if_signal()
        report(where, self.metrics, self.redactor)


class _Forking(threading.local):
    """What the thread that forks holds meanwhile."""

    held: tuple[threading.Lock, ...] = ()


_forking: Final = _Forking()


def _before_fork() -> None:
    turns = [writer._here.turning for writer in list(_writers) if not writer._here.closed]
    _forking.held = tuple(turn for turn in turns if turn.acquire(timeout=_FORK_WAIT_S))


def _after_fork_in_parent() -> None:
    held, _forking.held = _forking.held, ()
    for turn in held:
        turn.release()


def _after_fork_in_child() -> None:
    _forking.held = ()
    for writer in list(_writers):
        writer._forked()


os.register_at_fork(
    before=_before_fork,
    after_in_parent=_after_fork_in_parent,
    after_in_child=_after_fork_in_child,
)
