"""Hold back the daemon threads that an import begins, to start them in each forked replay.

A fork has only the thread that forked. A daemon thread that is not started yet is no thread.
"""

from __future__ import annotations

import _thread
import sys
import threading
from typing import Any, Final

#: Python 3.13 takes every thread that was made before a fork for ended, by its handle; else None.
_new_handle: Final[Any] = getattr(_thread, "_ThreadHandle", None)


class HeldThreads:
    """A context in which daemon threads are not started but remembered."""

    def __init__(self) -> None:
        self._start: Any = None
        self._held: list[threading.Thread] = []
        self._references: list[int] = []

    def __enter__(self) -> None:
        self._start = started = threading.Thread.start
        held = self._held

        def start(self: threading.Thread) -> None:
            if not self.daemon:
                started(self)
            elif all(self is not each for each in held):
                held.append(self)

        threading.Thread.start = start  # type: ignore[method-assign]

    def __exit__(self, *_: object) -> None:
        threading.Thread.start = self._start  # type: ignore[method-assign]
        self._references = [sys.getrefcount(thread) for thread in self._held]

    def start(self) -> None:
        """Start the threads, but for those in whose place a hook of the fork has put another."""
        counts = [sys.getrefcount(thread) for thread in self._held]
        for thread, before, now in zip(self._held, self._references, counts, strict=True):
            if now >= before and not thread.ident:
                if _new_handle is not None:
                    thread._handle = _new_handle()  # type: ignore[attr-defined]
                thread.start()
