"""Threads of our own take no signals: those are for the application's.

A thread that is there can be the one that a signal reaches. Where the application holds
SIGTERM back in its own thread, as Celery's pool workers do while they hold a lock that all
of them share, one that reached ours would end the process amidst, with the lock taken.
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import Final, TypeVar

_Started = TypeVar("_Started")

#: Signals that tell of a fault of the very thread: held back they would kill without a word.
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
_HELD_BACK: Final = frozenset(signal.valid_signals()) - _FAULTS


def with_signals_blocked(start: Callable[[], _Started]) -> _Started:
    """Start threads that no signal will ever reach.

    They inherit that from the thread that starts them, which gets its signals again when they
    run. None could do it itself: under gevent it would be the application's own thread.

    Args:
        start: starts them; its result is returned.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    try:
        signal.pthread_sigmask(signal.SIG_BLOCK, _HELD_BACK)
        return start()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
