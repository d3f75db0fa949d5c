"""Make threads, executors and event loops wait in virtual time, permanently."""

from __future__ import annotations

import selectors
import subprocess
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures.thread import _WorkItem
from contextlib import AbstractContextManager
from typing import Any, Protocol

from genmon_otel.capture.adapters.program_call import NO_PROCESS

_thread_start = threading.Thread.start
_thread_join = threading.Thread.join
_start_program = subprocess.Popen.__init__
_submit = ThreadPoolExecutor.submit
_take_item = _WorkItem.__init__
_run_item = _WorkItem.run


class Clock(Protocol):
    """What waits ask of the clock of a replay (see :mod:`genmon_otel.regression.replaying.virtual_time`)."""

    #: Programs that were started.
    programs: Any

    def wait_real(
        self, done: Callable[[float], bool], timeout: float | None, *, ready: Callable[[], bool]
    ) -> bool:
        """Wait for something, in virtual time; whether it came."""

    def join(self, thread: threading.Thread, timeout: float | None) -> None:
        """Wait for the end of a thread."""

    def real_work(self) -> AbstractContextManager[None]:
        """Say that this thread works, although it seems to wait."""

    def task_taken(self, future: Future[Any], pool: Any) -> None: ...

    def task_began(self, future: Future[Any]) -> None: ...

    def task_ended(self) -> None: ...


def patch_threads(clock: Clock) -> None:
    """Make conditions, threads and executors wait in virtual time, and report running threads to the clock."""

    def wait(self: threading.Condition, timeout: float | None = None) -> bool:
        # One registration with the real condition for the whole wait: none is missed.
        waiter = threading.Lock()
        waiter.acquire()
        self._waiters.append(waiter)  # type: ignore[attr-defined]
        state = self._release_save()  # type: ignore[attr-defined]
        came = False

        def done(seconds: float) -> bool:
            return waiter.acquire(True, seconds) if seconds else waiter.acquire(False)

        try:
            came = clock.wait_real(done, timeout, ready=lambda: not waiter.locked())
            return came
        finally:
            self._acquire_restore(state)  # type: ignore[attr-defined]
            if not came:
                try:
                    self._waiters.remove(waiter)  # type: ignore[attr-defined]
                except ValueError:
                    pass

    def join(self: threading.Thread, timeout: float | None = None) -> None:
        if not self.is_alive() or self is threading.current_thread():
            _thread_join(self, timeout)
            return

        clock.join(self, timeout)

    def start(self: threading.Thread) -> None:
        # It blocks until the new thread runs, and nothing else would show that thread as working.
        with clock.real_work():
            _thread_start(self)

    given_to = threading.local()

    def submit(self: Any, *args: Any, **kwargs: Any) -> Any:
        given_to.pool = self
        try:
            return _submit(self, *args, **kwargs)
        finally:
            given_to.pool = None

    def take(self: Any, *args: Any, **kwargs: Any) -> None:
        _take_item(self, *args, **kwargs)
        clock.task_taken(self.future, getattr(given_to, "pool", None))

    def run(self: Any, *args: Any, **kwargs: Any) -> None:
        clock.task_began(self.future)
        try:
            _run_item(self, *args, **kwargs)
        finally:
            # Not by a callback of the future: callbacks that notify waiters would run after it.
            clock.task_ended()

    def popen(self: Any, *args: Any, **kwargs: Any) -> None:
        _start_program(self, *args, **kwargs)
        if self.pid != NO_PROCESS:
            clock.programs.add(self)

    threading.Condition.wait = wait  # type: ignore[method-assign]
    subprocess.Popen.__init__ = popen  # type: ignore[method-assign]
    threading.Thread.start = start  # type: ignore[method-assign]
    threading.Thread.join = join  # type: ignore[method-assign]
    ThreadPoolExecutor.submit = submit  # type: ignore[method-assign,assignment]
    _WorkItem.__init__ = take  # type: ignore[method-assign]
    _WorkItem.run = run  # type: ignore[method-assign]


def patch_selectors(clock: Clock) -> None:
    """Make the event loop wait in virtual time: it waits in its selector."""
    kinds = {
        kind
        for name in ("EpollSelector", "KqueueSelector", "PollSelector", "SelectSelector")
        if (kind := getattr(selectors, name, None)) is not None
    }
    for kind in kinds:
        _patch_selector(clock, kind, kind.select)


def _patch_selector(clock: Clock, kind: Any, real: Any) -> None:
    def select(self: Any, timeout: float | None = None) -> Any:
        events: Any = []

        def done(seconds: float) -> bool:
            nonlocal events
            events = real(self, seconds)
            return bool(events)

        if timeout is not None and timeout <= 0:
            return real(self, 0)
        clock.wait_real(done, timeout, ready=lambda: bool(real(self, 0)))
        return events

    kind.select = select
