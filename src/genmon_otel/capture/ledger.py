"""State that the automatic steps of one generation share: bytes held, numbers of calls, long requests.

The bytes that all of them hold in this process are bounded, too.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final, Protocol
from weakref import ref

from genmon_otel.capture.wire import Sent
from genmon_otel.forks import forkable_lock
from genmon_otel.histories import Histories

#: Bytes that the steps of one generation, and of all running ones, may hold.
A_GENERATION: Final = 8 * 1024 * 1024
A_PROCESS: Final = 64 * 1024 * 1024
#: Attempts that ended in a fault and may be made again, and steps that hold something.
_MAX_FAULTS: Final = 256
_MAX_HOLDERS: Final = 4096

_lock = forkable_lock()
#: Bytes held by ledgers and steps that were freed. A queue, because the garbage collector may run
#: while the lock is held.
_returned: Final[deque[tuple[Ledger | None, int]]] = deque()


class Holder(Protocol):
    """An automatic step: an attempt that holds bytes."""

    @property
    def sent(self) -> Sent: ...

    @property
    def attempt_key(self) -> object:
        """The key that all attempts of one call have in common."""

    @property
    def call(self) -> int:
        """The number of its call."""

    @property
    def is_over(self) -> bool:
        """Whether the task or thread that made it has ended."""

    @property
    def is_open(self) -> bool: ...

    @property
    def context(self) -> int:
        """The task or thread that made it."""

    def let_go_request(self) -> bool:
        """Discard the request; return whether there was one."""

    def let_go_answer(self) -> bool:
        """Discard the answer; return whether there was one."""


class _Held:
    """Bytes held by all generations. Not a class attribute of Ledger: writing one slows all its look-ups."""

    __slots__ = ("total",)

    def __init__(self) -> None:
        self.total = 0


BY_ALL: Final = _Held()


class Ledger:
    """Counts and bounds what the automatic steps of one generation hold.

    Args:
        dropped: called for each answer that was discarded because there was no room.
    """

    __slots__ = (
        "__weakref__", "_answers", "_calls", "_faults", "_histories", "_requests", "attempts", "dropped", "held",
        "unseen",
    )  # fmt: skip

    def __init__(self, dropped: Callable[[], None]) -> None:
        self.dropped = dropped
        self.held = 0
        #: Number of attempts that began, and of calls.
        self.attempts = 0
        self._calls = 0
        #: Holders of requests and of answers that may be discarded, oldest first.
        self._requests: deque[ref[Holder]] = deque(maxlen=_MAX_HOLDERS)
        self._answers: deque[ref[Holder]] = deque(maxlen=_MAX_HOLDERS)
        #: By their key, attempts that ended in a fault and were not made again.
        self._faults: dict[object, list[ref[Holder]]] = {}
        self._histories: Histories[Sent] = Histories()
        #: By library, a description of requests that no replay can answer.
        self.unseen: dict[str, str] = {}

    def __del__(self) -> None:
        if _returned is not None:  # the interpreter exits
            _returned.append((None, self._histories.clear()))

    # --- calls

    def note(self, holder: Holder) -> tuple[int, int]:
        """Register an attempt that begins; return the number of its call, and its own.

        An attempt belongs to the call of an equal one that ended in a fault, made by the same task or thread,
        or by a task that has ended, because ``wait_for`` creates one for each attempt.
        """
        with _lock:
            self.attempts += 1
            itself = ref(holder)
            self._requests.append(itself)
            self._answers.append(itself)
            if self._faults and (earlier := self._earlier(holder)) is not None:
                return earlier.call, self.attempts
            self._calls += 1
            return self._calls, self.attempts

    def _earlier(self, holder: Holder) -> Holder | None:
        """Remove and return the failed attempt that this one repeats; None where there is none."""
        waiting = self._faults.get(holder.attempt_key, [])
        known = [(each, earlier) for each in waiting if (earlier := each()) is not None]
        same = [pair for pair in known if pair[1].context == holder.context]
        for each, earlier in same or [pair for pair in known if pair[1].is_over]:
            waiting.remove(each)
            return earlier
        return None

    def note_fault(self, holder: Holder) -> None:
        """Register that an attempt ended in a fault."""
        with _lock:
            while len(self._faults) >= _MAX_FAULTS:
                self._faults.pop(next(iter(self._faults)))
            self._faults.setdefault(holder.attempt_key, []).append(ref(holder))

    # --- what they hold

    def share(self, sent: Sent) -> None:
        """Keep of a long request only what it adds to an earlier one, if it repeats one."""
        with _lock:
            before = self._histories.size
            sent.share(self._histories)
            grown = self._histories.size - before
        if grown:
            self.take(grown)

    def take(self, size: int) -> None:
        """Count bytes that a step holds from now on; discard the oldest where that is too much."""
        with _lock:
            while _returned:
                ledger, gone = _returned.popleft()
                if ledger is not None:
                    ledger.held -= gone
                BY_ALL.total -= gone
            self._count(size)
            if self.held > A_GENERATION or BY_ALL.total > A_PROCESS:
                excess = max(self.held - A_GENERATION, min(size, BY_ALL.total - A_PROCESS))
                self._make_room(excess)

    def _count(self, size: int) -> None:
        self.held += size
        BY_ALL.total += size

    def _make_room(self, size: int) -> None:
        """Discard histories for comparison, then requests, then answers; oldest first."""
        goal = self.held - size
        self._count(-self._histories.clear())
        for waiting, kind in ((self._requests, 0), (self._answers, 1)):
            for _ in range(len(waiting)):
                if self.held <= goal:
                    return
                known = waiting.popleft()
                holder = known()
                if holder is None:
                    continue
                if not kind:
                    holder.let_go_request()
                elif holder.let_go_answer():
                    self.dropped()
                elif holder.is_open:
                    waiting.append(known)

    def give(self, size: int) -> None:
        """Subtract bytes that are no longer held."""
        with _lock:
            self._count(-size)

    def give_back(self, size: int) -> None:
        """Subtract bytes of an object that is being freed. Takes no lock, because this is called by ``__del__``."""
        if _returned is not None:  # the interpreter exits
            _returned.append((self, size))

    def forget(self, sent: Sent) -> None:
        """Do not compare later requests with this one any more."""
        before = self._histories.size
        self._histories.forget(sent)
        self._count(self._histories.size - before)
