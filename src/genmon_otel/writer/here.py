"""What the writer holds in one process: journal, memory, the thread and its bell."""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from genmon_otel.journal import Journal
from genmon_otel.writer.backoff import Backoff
from genmon_otel.writer.drain import Drain
from genmon_otel.writer.running import RunningNotes
from genmon_otel.writer.waiting import Waiting

if TYPE_CHECKING:
    from genmon_otel.writer import Writer

#: Seconds between two turns when nothing presses.
_PAUSE_S: Final = 1.0


class Here:
    """What the writer holds in one process: a forked child makes its own."""

    def __init__(self, writer: Writer, inherited: Iterable[str]) -> None:
        self.pid = os.getpid()
        metrics = writer.metrics
        self.journal = Journal(
            writer.directory, store=writer.store_identity, on_error=metrics.internal_error
        )
        self.waiting = Waiting(metrics.dropped)
        self.running = RunningNotes(self.journal, inherited)
        self.drain = Drain(
            store=writer.store,
            journal=self.journal,
            waiting=self.waiting,
            running=self.running,
            in_flight=writer.list_in_flight,
            metrics=metrics,
            clock=writer.clock,
            redactor=writer.redactor,
            backoff=Backoff(random.Random()),
            on_late=lambda records: writer.journal(self, records),
            told=writer.told,
        )
        #: Locked while nobody presses; released to wake the thread. A lock and not an
        #: Event, because a finaliser may press it while its thread is pressing it.
        self.bell = threading.Lock()
        self.bell.acquire()
        #: Held during a turn and over a fork: a child that was forked off amidst a call into
        #: SQLite finds its locks taken for ever.
        self.turning = threading.Lock()
        self.thread: threading.Thread | None = None
        self.stopping = False
        self.closed = False
        # What each success asks, at hand:
        self.arrived = self.waiting.arrived
        self.noted = self.running.noted
        #: Successes that may arrive before a caller sees to them; none while there is no thread.
        self.many = 0
        #: Records left in journals that were closed with them.
        self.left = 0

    def wake(self) -> None:
        """Have the next turn at once."""
        if not self.bell.locked():
            return  # it rings already
        try:
            self.bell.release()
        except RuntimeError:
            pass  # somebody else was quicker

    def pause(self) -> None:
        """Wait for the bell, or for the next turn."""
        self.bell.acquire(timeout=_PAUSE_S)
