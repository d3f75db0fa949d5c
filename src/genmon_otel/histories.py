"""Long requests that repeat an earlier one: an agent sends its growing history with each call.

Such a request is kept as what it has in common with an earlier one at both ends, and what is new between them.
"""

from __future__ import annotations

from typing import Final, Generic, NamedTuple, TypeVar

#: Bytes of a request that is kept whole.
SHORTEST: Final = 4096
#: Requests of one endpoint that a new one is compared with: several agents may share it.
_RECENT: Final = 4
#: Endpoints whose requests are remembered.
_MAX_ENDPOINTS: Final = 16
#: A request continues an earlier one if it shares at least this part of its bytes.
_PART: Final = 0.75

K = TypeVar("K")


class Shared(NamedTuple, Generic[K]):
    """What a request has in common with an earlier one, in bytes of UTF-8."""

    #: The earlier one.
    of: K
    head: int
    tail: int

    def whole(self, earlier: bytes, between: bytes) -> bytes:
        """Return the request, of the earlier one and of what is new."""
        return earlier[: self.head] + between + earlier[len(earlier) - self.tail :]


class Histories(Generic[K]):
    """The latest long requests of each endpoint. Not safe from several threads."""

    __slots__ = ("_recent", "size")

    def __init__(self) -> None:
        self._recent: dict[str, list[tuple[K, bytes]]] = {}
        #: Bytes that are remembered.
        self.size = 0

    def add(self, endpoint: str, key: K, body: bytes) -> Shared[K] | None:
        """Remember a request; return what it shares with an earlier one, None where that is too little.

        Each request is continued by one at most: a second one that shares as much is compared with the first.

        Args:
            endpoint: which requests are compared.
            key: what it is called in the ``of`` of later ones.
            body: UTF-8.
        """
        if len(body) < SHORTEST:
            return None
        recent = self._recent.get(endpoint)
        if recent is None:
            while len(self._recent) >= _MAX_ENDPOINTS:
                gone = self._recent.pop(next(iter(self._recent)))
                self.size -= sum(len(known) for _, known in gone)
            recent = self._recent[endpoint] = []
        best: Shared[K] | None = None
        place = 0
        for at, (of, known) in enumerate(recent):
            head, tail = common_ends(known, body)
            if best is None or head + tail > best.head + best.tail:
                best, place = Shared(of, head, tail), at
        if best is not None and best.head + best.tail < _PART * len(body):
            best = None
        if best is not None or len(recent) >= _RECENT:
            self.size -= len(recent.pop(place if best is not None else 0)[1])
        recent.append((key, body))
        self.size += len(body)
        return best

    def forget(self, key: K) -> None:
        """Compare no later request with this one."""
        for recent in self._recent.values():
            for at, (known, body) in enumerate(recent):
                if known is key:
                    del recent[at]
                    self.size -= len(body)
                    return

    def clear(self) -> int:
        """Forget all; return the bytes that were remembered."""
        size, self.size = self.size, 0
        self._recent.clear()
        return size


def common_ends(one: bytes, other: bytes) -> tuple[int, int]:
    """Return how many bytes two texts have in common at their begin, and behind that at their end.

    No character of UTF-8 is cut.
    """
    most = min(len(one), len(other))
    head = _common(one, other, most)
    while 0 < head < len(other) and other[head] & 0xC0 == 0x80:
        head -= 1
    left = most - head
    tail = _common_end(one, other, left)
    while tail and other[len(other) - tail] & 0xC0 == 0x80:
        tail -= 1
    return head, tail


def _common(one: bytes, other: bytes, most: int) -> int:
    """Compare at doubling lengths, then between the last two: few comparisons, each of a stretch of memory."""
    low, step = 0, 64
    while low < most and one[low : low + step] == other[low : low + step]:
        low = min(low + step, most)
        step *= 2
    high = min(low + step, most)
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _common_end(one: bytes, other: bytes, most: int) -> int:
    low, high = 0, most
    ends = len(one), len(other)
    while low < high:
        middle = (low + high + 1) // 2
        if one[ends[0] - middle : ends[0] - low] == other[ends[1] - middle : ends[1] - low]:
            low = middle
        else:
            high = middle - 1
    return low
