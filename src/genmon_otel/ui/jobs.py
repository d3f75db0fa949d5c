"""Run what takes seconds behind the page: reproduction checks and replays, one after another."""

from __future__ import annotations

import itertools
import queue
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from genmon_otel.errors import GenmonError

#: Jobs that are remembered after they ended.
KEPT: Final = 50


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a job stands."""

    number: int
    #: What runs, on which case.
    title: str
    handle: str
    done: int = 0
    total: int = 0
    #: How it ended; empty while it runs.
    result: str = ""
    failed: bool = False
    #: Who asked for it, and who does it where that is not this server; empty otherwise.
    asked_by: str = ""
    worker: str = ""
    #: Whether no worker has taken it yet.
    waits: bool = False

    @property
    def is_over(self) -> bool:
        """Whether it ended."""
        return bool(self.result)


#: Takes a function to call at each step of the work, and returns how it ended.
Work = Callable[[Callable[[], None]], str]


class Jobs:
    """Runs jobs one after another on a thread of its own, which ends with the process. Thread-safe."""

    def __init__(self) -> None:
        self._waiting: queue.SimpleQueue[tuple[int, Work]] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._numbers = itertools.count(1)
        self._changed = threading.Condition()
        self._found: OrderedDict[int, Progress] = OrderedDict()

    def start(
        self, title: str, handle: str, total: int, work: Work, asked_by: str = ""
    ) -> Progress:
        """Start a job and return where it stands.

        A case whose job has not ended gets no second one: that one is returned.
        """
        with self._changed:
            for known in self._found.values():
                if known.handle == handle and not known.is_over:
                    return known
            progress = Progress(next(self._numbers), title, handle, total=total, asked_by=asked_by)
            self._found[progress.number] = progress
            over = [number for number, each in self._found.items() if each.is_over]
            for number in over[:-KEPT]:
                del self._found[number]
            if self._thread is None:
                # A daemon: Ctrl-C ends the server immediately, and a replay ends with its parent.
                self._thread = threading.Thread(target=self._loop, name="genmon-ui", daemon=True)
                self._thread.start()
        self._waiting.put((progress.number, work))
        return progress

    def find(self, number: int) -> Progress | None:
        """Return where a job stands; None when it is not known."""
        with self._changed:
            return self._found.get(number)

    def of_case(self, handle: str) -> Progress | None:
        """Return the newest job of a case; None when there is none."""
        with self._changed:
            mine = [each for each in self._found.values() if each.handle == handle]
        return mine[-1] if mine else None

    def _loop(self) -> None:
        while True:
            self._run(*self._waiting.get())

    def _run(self, number: int, work: Work) -> None:
        try:
            result, failed = work(lambda: self._step(number)), False
        except GenmonError as error:
            result, failed = str(error), True
        except Exception as error:  # a job must end, or its case could not be tried again
            result, failed = f"{type(error).__name__}: {error}", True
        self._change(number, result=result or "done", failed=failed)

    def _step(self, number: int) -> None:
        with self._changed:
            self._found[number] = replace(self._found[number], done=self._found[number].done + 1)

    def _change(self, number: int, *, result: str, failed: bool) -> None:
        with self._changed:
            self._found[number] = replace(self._found[number], result=result, failed=failed)
