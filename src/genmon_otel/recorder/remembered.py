"""What happened lately, without end and in bounded memory."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Final, Generic, TypeVar

from genmon_otel.forks import forkable_lock

#: Remembered at a time; beyond that the oldest are forgotten.
_MAX: Final = 10_000
_MISSING: Final = object()

K = TypeVar("K", bound=Hashable)


class Remembered(Generic[K]):
    """A set that forgets its oldest members; safe in threads."""

    def __init__(self) -> None:
        self._keys: OrderedDict[K, None] = OrderedDict()
        self._lock = forkable_lock()

    def __contains__(self, key: K) -> bool:
        return key in self._keys

    def add(self, key: K) -> bool:
        """Remember; False when it is remembered already."""
        with self._lock:
            if key in self._keys:
                return False
            self._keys[key] = None
            if len(self._keys) > _MAX:
                self._keys.popitem(last=False)
            return True

    def pop(self, key: K) -> bool:
        """Forget; whether it was remembered."""
        return bool(self._keys) and self._keys.pop(key, _MISSING) is None


#: Ids of traces in which a generation failed: what is above it there failed of the same.
failed_traces: Final[Remembered[int]] = Remembered()
