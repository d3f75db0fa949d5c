"""Bound what automatic steps hold in memory: of one generation, and of the process."""

from __future__ import annotations

from collections import deque
from typing import Final, Protocol
from weakref import ref

from genmon_otel.forks import forkable_lock

#: Bytes that the steps of one generation hold, and those of all that run.
A_GENERATION: Final = 8 * 1024 * 1024
A_PROCESS: Final = 64 * 1024 * 1024

_lock = forkable_lock()
#: What steps that are gone held: the garbage collector may run while the lock is held.
_returned: Final[deque[tuple[Ledger, int]]] = deque()


class Holder(Protocol):
    """A step that holds bytes."""

    def let_go(self) -> bool:
        """Hold less; whether there was something to let go."""


class Ledger:
    """Bytes held by the automatic steps of one generation."""

    __slots__ = ("_holders", "held")

    #: Bytes held by those of all generations.
    total = 0

    def __init__(self) -> None:
        self.held = 0
        #: Oldest first.
        self._holders: deque[ref[Holder]] = deque()

    def note(self, holder: Holder) -> None:
        """Know a step that will hold something."""
        self._holders.append(ref(holder))

    def drop_oldest(self) -> None:
        """Have the oldest step that holds an answer let it go."""
        for _ in range(len(self._holders)):
            known = self._holders.popleft()
            holder = known()
            if holder is not None:
                if holder.let_go():
                    return
                self._holders.append(known)

    def take(self, size: int) -> bool:
        """Count bytes that a step holds from now on; whether that is too much."""
        with _lock:
            while _returned:
                ledger, gone = _returned.popleft()
                ledger.held -= gone
                Ledger.total -= gone
            self.held += size
            Ledger.total += size
            return self.held > A_GENERATION or Ledger.total > A_PROCESS

    def give_back(self, size: int) -> None:
        """Count bytes no more. Takes no lock: it is called where an object is freed."""
        _returned.append((self, size))
