"""Locks that are free in a forked child.

Of its parent's threads a child has only the one that forked. A lock that another thread held at
that moment would stay held in the child for ever, and every thread that asks for it would hang.
"""

from __future__ import annotations

import os
import threading
import weakref
from typing import Any, Final

_locks: Final[weakref.WeakSet[Any]] = weakref.WeakSet()


def forkable_lock() -> threading.RLock:
    """Make a lock that is free in every forked child, whichever thread of its parent held it.

    It is reentrant: a signal handler or a finaliser may generate while its thread holds it. What
    it guards must be usable at any moment: the child gets it as the holder left it, possibly in the middle of a change.
    """
    lock = threading.RLock()
    _locks.add(lock)
    return lock


def is_held_by_this_thread(lock: Any) -> bool:
    """Whether the calling thread holds a lock of :func:`forkable_lock`."""
    return bool(lock._is_owned())


def _free_in_child() -> None:
    for lock in list(_locks):
        if not lock._is_owned():  # held by the thread that forked, which releases it
            # Source: threading, logging and concurrent.futures free their own locks this way.
            lock._at_fork_reinit()


os.register_at_fork(after_in_child=_free_in_child)
