"""The writer: takes finished generations from their callers and brings each to the store once.

A caller never waits for the store. A failure is in the journal before
:meth:`Writer.deliver` returns; a success waits in bounded memory for up to a second.
One daemon thread a process does the rest (:class:`WriterLoop`). A forked child starts over
with a :class:`ProcessState` of its own: what its parent had stays with the parent.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable, Iterable
from typing import ClassVar, Final

from genmon_otel.clock import SystemClock
from genmon_otel.corrections import Corrections
from genmon_otel.journal import default_journal_dir, store_identity
from genmon_otel.ports import Clock, Metrics, Store
from genmon_otel.records import GenerationRecord, InFlight, Recording, SuccessSample
from genmon_otel.redaction import Redactor
from genmon_otel.settings import Settings
from genmon_otel.writer.memory_queue import Account
from genmon_otel.writer.process_state import ProcessState
from genmon_otel.writer.services import Services

__all__ = ["Account", "Writer"]

#: Seconds that a fork waits for the thread to be out of the database's library.
_FORK_WAIT_S: Final = 0.5

_writers: Final[weakref.WeakSet[Writer]] = weakref.WeakSet()


class Writer:
    """Move finished generations to the store. Implements :class:`genmon_otel.ports.Sink`.

    Args:
        store: the target. The writer's thread opens it, in each process anew.
        settings: say where the journal lies and which store it is for.
        metrics: counts what happened to the records.
        redactor: redacts recordings and the requests of successes.
        clock: time of the backoff and of what is running; None: the machine's.
        known_error: the kind of error for which the store cannot be used as this is made, where
            it was logged already; None: it can be used, or was not tried.
    """

    #: What is made anew in each process; tests give one whose thread they are.
    process_type: ClassVar[type[ProcessState]] = ProcessState

    def __init__(
        self,
        store: Store,
        *,
        settings: Settings,
        metrics: Metrics,
        redactor: Redactor,
        clock: Clock | None = None,
        known_error: type[Exception] | None = None,
    ) -> None:
        self._services = Services(
            store=store,
            metrics=metrics,
            clock=clock or SystemClock(),
            redactor=redactor,
            directory=default_journal_dir(settings),
            store_identity=store_identity(settings.store),
            known_error=known_error,
            list_in_flight=self._list_in_flight,
        )
        self._in_flight: Callable[[], Iterable[InFlight]] = tuple
        #: Whether the thread runs in this process. A plain attribute: each generation asks.
        self.is_started = False
        self._process = self.process_type(self._services)
        metrics.watch(self._report)
        _writers.add(self)

    @property
    def corrections(self) -> Corrections:
        """People's corrections of failures, as the thread last read them from the store."""
        return self._process.corrections

    def deliver(
        self,
        record: GenerationRecord,
        recording: Recording | None = None,
        sample: SuccessSample | None = None,
    ) -> None:
        """Take a finished generation. A failure is in the journal when this returns."""
        try:
            process = self._process
            if process.pid != os.getpid():
                process = self._current_process()
            process.deliver(record, recording, sample)
        except Exception:
            self._services.suppress_and_count("deliver")

    def start(self) -> None:
        """Start in this process: adopt journals of dead processes, note running generations. Idempotent."""
        try:
            process = self._current_process()
            process.start()
            self.is_started = process.has_thread
        except Exception:
            self._services.suppress_and_count("start")

    def watch(self, in_flight: Callable[[], Iterable[InFlight]]) -> None:
        """Say how to list the generations that are running."""
        self._in_flight = in_flight

    def account(self) -> Account:
        """Return where the records of this process are."""
        return self._current_process().account()

    def flush(self, timeout_s: float) -> bool:
        """Wait until everything delivered so far is stored; False when time ran out."""
        return self._current_process().flush(timeout_s)

    def close(self, timeout_s: float) -> bool:
        """Flush and stop; what the store did not take is in the journal afterwards.

        Generations still running become ``cancelled``, however they end later. Later
        deliveries are journalled.
        """
        return self._current_process().close(timeout_s)

    # --- across forks ------------------------------------------------------------

    def _list_in_flight(self) -> Iterable[InFlight]:
        return self._in_flight()

    def _report(self) -> None:
        """Set the gauges of what waits for the store in this process, forked or not."""
        self._process.report()

    def _current_process(self) -> ProcessState:
        """Return the state of this process; made here where it was forked without our hook."""
        if self._process.pid != os.getpid():  # as uWSGI does
            self._start_over()
        return self._process

    def _start_over(self) -> None:
        """Leave the parent's state behind, in a forked child."""
        parent = self._process
        try:
            inherited = [note.generation_id for note in self._in_flight()]
        except Exception:
            inherited = []
        self._process = self.process_type(
            self._services,
            inherited=inherited,
            corrections=parent.corrections,
            is_closed=parent.is_closed,
        )
        self.is_started = False
        parent.abandon()

    def _pause_for_fork(self) -> Callable[[], None] | None:
        """Stop the thread between two turns; return what resumes it, None where it did not stop.

        In a child that is forked during a call into SQLite that library's locks stay taken for
        ever.
        """
        process = self._process
        return process.resume_turns if process.wait_between_turns(_FORK_WAIT_S) else None


class _Forking(threading.local):
    """Resumes the writers' threads after this thread's fork."""

    resume: tuple[Callable[[], None], ...] = ()


_forking: Final = _Forking()


def _before_fork() -> None:
    held = [writer._pause_for_fork() for writer in list(_writers)]
    _forking.resume = tuple(resume for resume in held if resume is not None)


def _after_fork_in_parent() -> None:
    resume, _forking.resume = _forking.resume, ()
    for each in resume:
        each()


def _after_fork_in_child() -> None:
    _forking.resume = ()
    for writer in list(_writers):
        writer._start_over()


os.register_at_fork(
    before=_before_fork,
    after_in_parent=_after_fork_in_parent,
    after_in_child=_after_fork_in_child,
)
