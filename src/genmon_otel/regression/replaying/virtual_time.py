"""Virtual time: sixty seconds of back-off take no real time, and events keep the recorded order.

Every way to wait (``time.sleep``, asyncio's timers, ``threading`` timeouts) goes
through one :class:`VirtualTime`, a discrete simulation: while any thread still
works, time stands still; once all of them wait, it jumps to the earliest moment
that a thread waits for. Every clock reads the same virtual time.

A thread is known to work while it runs a task of an executor or lives as a
thread of its own, and does not wait here; a task that waits for a free thread is
no work while none is free. So 50 ms of real work in
``to_thread`` are never overtaken by a virtual timeout of ten seconds.

These patches are permanent: they are only made in the process of a replay.
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures.thread import _worker
from contextlib import contextmanager
from types import BuiltinFunctionType
from typing import Any, Final

from genmon_otel.regression.replaying.dates_and_chance import patch_chance, patch_dates
from genmon_otel.regression.replaying.waits import patch_selectors, patch_threads

#: Real seconds between two checks whether another thread still works.
_GLANCE_S: Final = 0.001
#: Checks in a row that must find every thread waiting: a thread that was just woken may not run yet.
_LOOKS: Final = 3
#: The same before a replay is called stuck while it has other threads: a daemon's work is not seen.
_LAST_LOOKS: Final = 200
#: Virtual seconds after which a replay is ended: a day.
HORIZON_S: Final = 86_400.0
#: Start of the virtual clock if the case has none: 2024-01-01, UTC.
DEFAULT_START_S: Final = 1_704_067_200.0

#: Readings of the clock without any wait, after which each one takes a millisecond.
_PATIENCE: Final = 10_000
_SPIN_S: Final = 0.001

_NEVER: Final = float("inf")

_real_sleep = time.sleep
_thread_join = threading.Thread.join


def _not_yet() -> bool:
    return False


class Stuck(BaseException):
    """Raised when every thread waits for something that will not happen."""


class VirtualTime:
    """The clock of a replay, and the threads that wait for it.

    Args:
        start_s: what ``time.time()`` begins at, Unix seconds.
    """

    def __init__(self, start_s: float | None = None) -> None:
        self.begin_at(start_s)
        self._now = 0.0
        #: Clock readings since time last moved by a wait.
        self._reads = 0
        self._lock = threading.RLock()
        #: By waiting thread: its deadline in virtual seconds, and a function that says whether its event has happened.
        self._waiting: dict[int, tuple[float, Callable[[], bool]]] = {}
        #: Tasks that wait for a thread of their executor, with it; None where it is not known.
        self._queued: dict[Future[Any], ThreadPoolExecutor | None] = {}
        #: Threads of executors that are at a task.
        self._at_work: set[int | None] = set()
        #: Programs that were started: while one runs, it is real time that counts.
        self.programs: set[subprocess.Popen[Any]] = set()
        #: Calls and threads' beginnings under way that need real time.
        self._outside = 0
        #: Threads that existed before the replay; they are ignored.
        self._foreign = {thread.ident for thread in threading.enumerate()}
        #: Threads that another thread joins.
        self._joined: set[threading.Thread] = set()
        self._main = threading.get_ident()
        #: Called at each reading of the date, while it is set.
        self.when_read: Callable[[], None] | None = None
        #: Called when every thread waits without end; returns True if it has woken one.
        self.when_stuck: Callable[[], bool] = lambda: False

    def begin_at(self, start_s: float | None) -> None:
        """Set what ``time.time()`` began at, Unix seconds."""
        self._start_s = DEFAULT_START_S if start_s is None else start_s

    # --- reading

    def now(self) -> float:
        """Unix seconds. With :meth:`monotonic` a :class:`genmon_otel.ports.Clock`."""
        if self.when_read is not None:
            self.when_read()
        return self._start_s + self.monotonic()

    def monotonic(self) -> float:
        """Virtual seconds since the replay began."""
        self._reads += 1
        if self._reads > _PATIENCE:  # code polls the clock in a loop
            self._now += _SPIN_S
        return self._now

    # --- waiting

    def sleep(self, seconds: float) -> None:
        """Wait in virtual time; for ever with infinity.

        Raises:
            Stuck: everything waits for ever.
        """
        if seconds < 0:
            raise ValueError("sleep length must be non-negative")
        if seconds == 0:
            _real_sleep(0)
            return
        until = self._now + seconds
        me = threading.get_ident()
        self._waiting[me] = (until, _not_yet)
        try:
            self._wait(lambda: self._now >= until)
        finally:
            self._waiting.pop(me, None)

    def wait_real(
        self,
        done: Callable[[float], bool],
        seconds: float | None,
        ready: Callable[[], bool] = _not_yet,
    ) -> bool:
        """Wait for something that another thread will do, or for virtual time to run out.

        Args:
            done: waits up to that many real seconds for it, and says whether it came.
            seconds: virtual seconds to wait at most; None: for ever.
            ready: says, to any thread, whether it has come; ``done`` may only be asked by its own.

        Raises:
            Stuck: everything waits for ever.
        """
        if done(0):
            return True
        until = _NEVER if seconds is None else self._now + seconds
        me = threading.get_ident()
        self._waiting[me] = (until, ready)
        came = False

        def finished() -> bool:
            nonlocal came
            came = came or done(_GLANCE_S if self._others_work() else 0)
            return came or self._now >= until

        try:
            self._wait(finished)
        finally:
            self._waiting.pop(me, None)
        return came or done(0)

    def _wait(self, finished: Callable[[], bool]) -> None:
        quiet = 0
        while not finished():
            if self._others_work():
                quiet = 0
                _real_sleep(_GLANCE_S)
                continue
            quiet += 1
            # A thread that has just ended its work may have set the event: check again before time moves.
            if quiet < self._looks():
                _real_sleep(_GLANCE_S if threading.active_count() > 1 else 0)
                continue
            quiet = 0
            self._advance()

    def _looks(self) -> int:
        """Quiet checks in a row after which time moves, or the replay is stuck."""
        if all(t.ident in self._foreign or t.ident == self._main for t in threading.enumerate()):
            return 2
        return _LOOKS if self._nearest() <= HORIZON_S else _LAST_LOOKS

    def _nearest(self) -> float:
        """The earliest virtual moment that a thread waits for; infinity if there is none."""
        return min((until for until, _ in tuple(self._waiting.values())), default=_NEVER)

    def _others_work(self) -> bool:
        """Return whether any thread of the replay runs instead of waiting here."""
        waiting = dict(self._waiting)
        me = threading.get_ident()
        if self._main not in waiting:
            return True
        for thread_id, (until, ready) in waiting.items():
            if thread_id != me and (until <= self._now or ready()):
                return True  # its event has happened, but it does not run yet
        if any(program.poll() is None for program in tuple(self.programs)):
            return True
        if self._outside or not waiting.keys() >= set(self._at_work):
            return True
        if any(self._is_due(task, pool) for task, pool in tuple(self._queued.items())):
            return True
        # A thread that ends has left the list of threads for a moment before its joiners are woken.
        if any(t.ident not in waiting and t.is_alive() for t in tuple(self._joined)):
            return True
        return any(t.ident not in waiting and self._is_own(t) for t in threading.enumerate())

    def _is_due(self, task: Future[Any], pool: ThreadPoolExecutor | None) -> bool:
        """Return whether an idle pool thread will start a queued task at once."""
        if task.cancelled():
            return False
        threads: Any = () if pool is None else tuple(pool._threads)
        return pool is None or any(t.is_alive() and t.ident not in self._at_work for t in threads)

    def _is_own(self, thread: threading.Thread) -> bool:
        """Whether it is a thread that the replayed code started for itself, not for a pool."""
        return (
            thread.ident not in self._foreign
            and thread.ident != self._main
            and not thread.daemon
            and getattr(thread, "_target", None) is not _worker
        )

    def join(self, thread: threading.Thread, seconds: float | None) -> None:
        """Wait until a thread has ended, or virtual time runs out."""

        def done(real_s: float) -> bool:
            _thread_join(thread, real_s)
            return not thread.is_alive()

        self._joined.add(thread)
        try:
            self.wait_real(done, seconds, ready=lambda: not thread.is_alive())
        finally:
            self._joined.discard(thread)

    def _advance(self) -> None:
        with self._lock:
            nearest = self._nearest()
            if nearest <= self._now:
                return
            if nearest < _NEVER and nearest <= HORIZON_S:
                self._now = nearest
                self._reads = 0
                return
        if not self.when_stuck():
            raise Stuck(
                "Everything in the replay waits for something that will never come"
                if nearest == _NEVER
                else f"The replay went on for more than {HORIZON_S:g} s of virtual time"
            )

    @contextmanager
    def real_work(self) -> Iterator[None]:
        """Stop virtual time inside the block: the real work in it takes none."""
        with self._lock:
            self._outside += 1
        try:
            yield
        finally:
            with self._lock:
                self._outside -= 1

    def pass_time(self, seconds: float) -> None:
        """Advance virtual time without a waiting thread."""
        with self._lock:
            self._now += max(0.0, seconds)

    # --- executors

    def task_taken(self, task: Future[Any], pool: ThreadPoolExecutor | None) -> None:
        """An executor was given a task."""
        self._queued[task] = pool

    def task_began(self, task: Future[Any]) -> None:
        """A thread of an executor, this one, begins a task."""
        self._at_work.add(threading.get_ident())
        self._queued.pop(task, None)

    def task_ended(self) -> None:
        """Note that this thread's task has ended and its waiters were notified."""
        self._at_work.discard(threading.get_ident())


def install(clock: VirtualTime, seed: int = 0) -> None:
    """Replace every clock, wait and random source of this process, permanently."""
    _patch_clocks(clock)
    patch_dates(clock.now)
    patch_threads(clock)
    patch_selectors(clock)
    patch_chance(seed)


def _patch_clocks(clock: VirtualTime) -> None:
    def nanoseconds(seconds: float) -> int:
        return round(seconds * 1_000_000_000)

    real_localtime, real_gmtime, real_strftime = time.localtime, time.gmtime, time.strftime
    real_ctime, real_asctime = time.ctime, time.asctime

    def at(seconds: float | None) -> float:
        return clock.now() if seconds is None else seconds

    patches: dict[str, Any] = {
        "time": clock.now,
        "time_ns": lambda: nanoseconds(clock.now()),
        "monotonic": clock.monotonic,
        "monotonic_ns": lambda: nanoseconds(clock.monotonic()),
        "perf_counter": clock.monotonic,
        "perf_counter_ns": lambda: nanoseconds(clock.monotonic()),
        "sleep": clock.sleep,
        "localtime": lambda secs=None: real_localtime(at(secs)),
        "gmtime": lambda secs=None: real_gmtime(at(secs)),
        "ctime": lambda secs=None: real_ctime(at(secs)),
        "asctime": lambda t=None: real_asctime(t or real_localtime(clock.now())),
        "strftime": lambda form, t=None: real_strftime(form, t or real_localtime(clock.now())),
    }
    replaced = {id(getattr(time, name)): function for name, function in patches.items()}
    for name, function in patches.items():
        setattr(time, name, function)
    _patch_aliases(replaced)


def _patch_aliases(replaced: dict[int, Any]) -> None:
    """Replace what loaded modules (``queue``, ``threading``) took by ``from time import ...``."""
    for name, module in list(sys.modules.items()):
        if module is None or name in (__name__, "time"):
            continue
        space = getattr(module, "__dict__", {})
        for attribute, value in list(space.items()):
            if isinstance(value, BuiltinFunctionType) and id(value) in replaced:
                space[attribute] = replaced[id(value)]
