"""Run an action when a process ends, in each of the ways in which it can end.

:mod:`atexit` serves plain processes. Children of multiprocessing end with
``os._exit``, which skips it, after running :class:`multiprocessing.util.Finalize`;
pool workers of Celery end so too, after a signal of Celery's own. SIGTERM is the
application's business, ``kill -9`` the journal's.
"""

from __future__ import annotations

import atexit
import multiprocessing
import os
import sys
from collections.abc import Callable
from importlib import import_module
from multiprocessing import util
from typing import Any, Final

#: Before the finalizers of queues and managers, which have lower numbers or none.
_EXIT_PRIORITY: Final = 100


class AtExit:
    """Call ``action`` once in each process that ends, until cancelled."""

    def __init__(self, action: Callable[[], object]) -> None:
        self._action = action
        self._left = 0
        atexit.register(self._leave)
        util.register_after_fork(self, AtExit._finalize)  # holds this weakly
        if multiprocessing.parent_process() is not None:
            self._finalize()
        self._celery: Any = None
        if "celery" in sys.modules:
            signals: Any = import_module("celery.signals")
            self._celery = signals.worker_process_shutdown
            self._celery.connect(self._leave, weak=False)

    def cancel(self) -> None:
        """Cancel the action."""
        self._action = _nothing
        atexit.unregister(self._leave)
        if self._celery is not None:
            self._celery.disconnect(self._leave)

    def _finalize(self) -> None:
        util.Finalize(None, self._leave, exitpriority=_EXIT_PRIORITY)

    def _leave(self, **_: object) -> None:
        if self._left != os.getpid():
            self._left = os.getpid()
            self._action()


def _nothing() -> None:
    """Do nothing."""
