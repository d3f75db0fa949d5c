"""Starting threads of our own that receive no signals: those are for the application's threads.

The kernel may deliver a signal to any thread that does not block it. Where the application blocks
SIGTERM in its own thread, as Celery's pool workers do while they hold a lock that all of them
share, a SIGTERM that reached our thread would end the process while that lock is held.
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import Final, TypeVar

_Started = TypeVar("_Started")

#: Signals of a fault in the very thread: blocked, they would end the process without a traceback.
_FAULTS: Final = frozenset(
    {
        signal.SIGSEGV,
        signal.SIGBUS,
        signal.SIGFPE,
        signal.SIGILL,
        signal.SIGABRT,
        signal.SIGTRAP,
        signal.SIGSYS,
    }
)
_BLOCKED: Final = frozenset(signal.valid_signals()) - _FAULTS


def with_signals_blocked(start: Callable[[], _Started]) -> _Started:
    """Start threads that block all signals but those of their own faults.

    They inherit the mask of the thread that starts them, which has its own mask back when this
    returns. A new thread does not set it itself: under gevent it is the application's own thread.

    Args:
        start: starts them; its result is returned.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    try:
        signal.pthread_sigmask(signal.SIG_BLOCK, _BLOCKED)
        return start()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
