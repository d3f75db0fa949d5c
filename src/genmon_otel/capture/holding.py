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
    #: Bytes that it holds, as its generation's ledger counts them, and that the ledger was not told of yet.
    _held: int = 0
    #: Bytes of the answer, and parts of it, that were counted; bytes that may come before the next look.
    _size: int = 0
    _counted: int = 0
    left: int = LOOK_BYTES
    _untold: int = 0
    #: The generator that gives the answer; None where another way gives it.
    reader: Generator[bytes, None, None] | None = None
    #: Of an answer that was too large: its digest so far.
    _digest: Any = None
    #: Of an answer that was too large: its end, which tells of usage.
    _end_of_body: bytes = b""

    @cached_property
    def attempt_key(self) -> object:
        """What it shares with other attempts of its call."""
        return self.adapter, self.site, self.sent.key()

    @property
    def is_done(self) -> bool:
        """Whether a stream has said that it is over: its consumer need not read to its end."""
        end = b"".join(map(DATA, self.parts[-2:]))
        return end[-len(DONE) - 4 :].rstrip().endswith(DONE)

    def _hold_request(self, sent: Sent) -> None:
        size = len(sent.body or b"")
        if size < SHORTEST:  # told with the answer
            self._untold = size
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
        """Hold more bytes; the oldest of the generation go where that is too much."""
        self._held += size
        self._ledger.take(size)

    def _let_go(self, size: int) -> None:
        self._held -= size
        self._ledger.give(size)

    def let_go_request(self) -> bool:
        """Keep nothing but length and digest of the request; whether there was one to let go."""
        size = len(self.sent.body or b"")
        if not self.sent.let_go():
            return False
        self._ledger.forget(self.sent)
        untold, self._untold = self._untold, 0
        self._let_go(size - untold)
        return True

    def let_go_answer(self) -> bool:
        """Keep nothing but length and digest of the answer; whether there was one to let go."""
        if not self.parts:
            return False
        parts = self.parts[:]
        del self.parts[: len(parts)]  # another thread may add one
        body = b"".join(map(DATA, parts))
        told = sum(len(data) for _, data in parts[: self._counted])
        self._counted = 0
        self._given_at = parts[-1][0]
        self._digest = hashlib.sha256(body)
        self._end_of_body = body[-_USAGE_BYTES:]
        self._size += len(body) - told
        self._let_go(told)
        return True

    def asked(self) -> None:
        """The consumer waits for more."""
        self.is_asked = True

    def given(self, part: bytes) -> None:
        """The consumer is given a chunk."""
        self.is_asked = False
        self.parts.append((self.now(), part))
        self.left = left = self.left - len(part)
        if left < 0:
            self.count()

    def count(self) -> None:
        """Count what was given since the last look, and bound what is held."""
        try:
            self.left = LOOK_BYTES
            if self._digest is None:
                new = self.parts[self._counted :]
                self._counted += len(new)
                size = sum(map(len, map(DATA, new)))
                self._size += size
                size, self._untold = size + self._untold, 0
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
