"""Flush exporters in threads of genmon, so that a slow exporter cannot delay the application's exit."""

from __future__ import annotations

import logging
import os
import queue
import threading
from collections.abc import Callable
from typing import Any, Final

from genmon_otel import conventions as names
from genmon_otel.internal_errors import stack_for_log
from genmon_otel.threads import with_signals_blocked

_log = logging.getLogger(names.LOGGER)


class Standby:
    """Hold one waiting thread for each OpenTelemetry signal that is exported.

    Since Python 3.12 no thread can be started once the interpreter has begun to shut down.
    """

    def __init__(self) -> None:
        self._pid, self._signals = 0, set[str]()
        self._work: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()

    def start(self, signal: str) -> None:
        """Start the thread of a signal, unless this process has it already."""
        if self._pid != os.getpid():
            self._pid, self._signals, self._work = os.getpid(), set(), queue.SimpleQueue()
        if signal not in self._signals:
            self._signals.add(signal)
            name = f"genmon-standby-{signal}"
            thread = threading.Thread(
                target=self._serve, args=(self._work,), name=name, daemon=True
            )
            with_signals_blocked(thread.start)

    def do(self, work: Callable[[], None]) -> bool:
        """Give work to a thread; False where this process has none."""
        if self._pid != os.getpid():
            return False
        self._work.put(work)
        return True

    @staticmethod
    def _serve(work: queue.SimpleQueue[Callable[[], None]]) -> None:
        while True:
            work.get()()


#: The waiting threads of this process.
standby: Final = Standby()


class Flush:
    """Run actions one after the other in another thread.

    OpenTelemetry's exporters do not keep to the timeouts they are given; a receiver
    that never answers must not delay the application's exit.
    """

    def __init__(self, *actions: Callable[[], Any]) -> None:
        self._actions = actions
        self._done = threading.Event()
        if not actions:
            self._done.set()
            return
        try:
            with_signals_blocked(
                threading.Thread(target=self._run, name="genmon-flush", daemon=True).start
            )
        except RuntimeError:  # the interpreter shuts down: no thread can be started
            if not standby.do(self._run):
                self._run()

    def wait(self, timeout_s: float) -> bool:
        """Wait at most so many seconds; whether all actions have ended by then."""
        return self._done.wait(max(0.0, timeout_s))

    def _run(self) -> None:
        for action in self._actions:
            try:
                action()
            except Exception:
                _log.warning("genmon could not flush to an exporter:\n%s", stack_for_log())
        self._done.set()
