"""Locks that a forked child finds free.

A child has none of its parent's threads but the one that forked. A lock that another of them
held at that moment would stay held in the child for ever, and whoever asks for it would hang.
"""

from __future__ import annotations

import os
import threading
import weakref
from typing import Any, Final

_locks: Final[weakref.WeakSet[Any]] = weakref.WeakSet()


def forkable_lock() -> threading.RLock:
    """A new lock, free in every forked child, whichever thread of its parent held it.

    Reentrant: a signal handler or a finaliser may generate while this thread holds it. What it
    guards must be usable at any moment, for the child gets it as the holder left it.
    """
    lock = threading.RLock()
    _locks.add(lock)
    return lock


def _free() -> None:
    for lock in list(_locks):
        if not lock._is_owned():  # the thread that forked goes on, and releases its own
            # Source: threading, logging and concurrent.futures free their own locks so.
            lock._at_fork_reinit()


os.register_at_fork(after_in_child=_free)
