"""What an automatic step holds of its request and of its answer, within the bounds of its ledger."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Generator
from functools import cached_property
from typing import Any, Final

from genmon_otel.capture.ledger import Ledger
from genmon_otel.capture.wire import DATA, DONE, MAX_BYTES, Sent
from genmon_otel.histories import SHORTEST
from genmon_otel.recorder.runtime import suppress_and_count
from genmon_otel.recorder.stage import Stage

#: Bytes at the end of a large answer that are kept to read its usage.
_USAGE_BYTES: Final = 8192
#: Bytes of a stream after which its bounds are looked at.
LOOK_BYTES: Final = 16 * 1024


class HoldingStage(Stage):
    """A step with the bytes that it holds. Implements :class:`genmon_otel.capture.ledger.Holder` in part."""

    adapter: str
    site: str
    sent: Sent
    #: Chunks of the answer, each with when it came.
    parts: list[tuple[float, bytes]]
    now: Callable[[], float]
    _ledger: Ledger
    #: Bytes that it holds and that its generation's ledger has counted.
    _held: int = 0
    #: Bytes of the answer, and parts of it, that were counted; bytes that may come before the next look.
    _size: int = 0
    _counted: int = 0
    left: int = LOOK_BYTES
    #: Bytes that it holds and that the ledger has not counted yet.
    _uncounted: int = 0
    #: The generator that gives the answer; None where another way gives it.
    reader: Generator[bytes, None, None] | None = None
    #: Of an answer that was too large: its digest so far.
    _digest: Any = None
    #: Of an answer that was too large: its end, which holds the token usage.
    _end_of_body: bytes = b""

    @cached_property
    def attempt_key(self) -> object:
        """The key that all attempts of one call have in common."""
        return self.adapter, self.site, self.sent.key()

    @property
    def is_done(self) -> bool:
        """Whether a stream has said that it is over: its consumer need not read to its end."""
        end = b"".join(map(DATA, self.parts[-2:]))
        return end[-len(DONE) - 4 :].rstrip().endswith(DONE)

    def _hold_request(self, sent: Sent) -> None:
        size = len(sent.body or b"")
        if size < SHORTEST:  # counted together with the answer
            self._uncounted = size
            return
        _ = self.attempt_key  # of the whole body
        if size > MAX_BYTES:
            sent.let_go()
        elif self.generation.runtime.player is None:
            self._ledger.share(sent)
        self._hold(len(sent.body or b""))

    def __del__(self) -> None:
        if self.__dict__.get("_held"):
            self._ledger.give_back(self._held)

    def _hold(self, size: int) -> None:
        """Count more held bytes; the ledger discards the oldest ones where that is too much."""
        self._held += size
        self._ledger.take(size)

    def _let_go(self, size: int) -> None:
        self._held -= size
        self._ledger.give(size)

    def let_go_request(self) -> bool:
        """Discard the request, except length and digest; return whether there was one."""
        size = len(self.sent.body or b"")
        if not self.sent.let_go():
            return False
        self._ledger.forget(self.sent)
        uncounted, self._uncounted = self._uncounted, 0
        self._let_go(size - uncounted)
        return True

    def let_go_answer(self) -> bool:
        """Discard the answer, except length and digest; return whether there was one."""
        if not self.parts:
            return False
        parts = self.parts[:]
        del self.parts[: len(parts)]  # another thread may add one
        body = b"".join(map(DATA, parts))
        counted = sum(len(data) for _, data in parts[: self._counted])
        self._counted = 0
        self._given_at = parts[-1][0]
        self._digest = hashlib.sha256(body)
        self._end_of_body = body[-_USAGE_BYTES:]
        self._size += len(body) - counted
        self._let_go(counted)
        return True

    def asked(self) -> None:
        """The consumer waits for the next chunk."""
        self.is_asked = True

    def given(self, part: bytes) -> None:
        """The consumer gets a chunk."""
        self.is_asked = False
        self.parts.append((self.now(), part))
        self.left = left = self.left - len(part)
        if left < 0:
            self.count()

    def count(self) -> None:
        """Count the chunks since the last count, and bound the bytes that are held."""
        try:
            self.left = LOOK_BYTES
            if self._digest is None:
                new = self.parts[self._counted :]
                self._counted += len(new)
                size = sum(map(len, map(DATA, new)))
                self._size += size
                size, self._uncounted = size + self._uncounted, 0
                if size:
                    self._hold(size)
                if self._size > MAX_BYTES and self.let_go_answer():
                    self._ledger.dropped()
            elif parts := self.parts[:]:
                del self.parts[: len(parts)]
                self._given_at = parts[-1][0]
                data = b"".join(map(DATA, parts))
                self._size += len(data)
                self._digest.update(data)
                self._end_of_body = (self._end_of_body + data)[-_USAGE_BYTES:]
        except BaseException:
            suppress_and_count("capture", self.generation.runtime)
