"""A set of bounded size that forgets its oldest members."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Final, Generic, TypeVar

from genmon_otel.forks import forkable_lock

#: Members at a time; beyond that the oldest are forgotten.
_MAX: Final = 10_000
_MISSING: Final = object()

K = TypeVar("K", bound=Hashable)


class BoundedSet(Generic[K]):
    """A set that forgets its oldest members; safe from any thread."""

    def __init__(self) -> None:
        self._keys: OrderedDict[K, None] = OrderedDict()
        self._lock = forkable_lock()

    def __contains__(self, key: K) -> bool:
        return key in self._keys

    def add(self, key: K) -> bool:
        """Add a member; return False where it is one already."""
        with self._lock:
            if key in self._keys:
                return False
            self._keys[key] = None
            if len(self._keys) > _MAX:
                self._keys.popitem(last=False)
            return True

    def pop(self, key: K) -> bool:
        """Remove a member; return whether it was one."""
        return bool(self._keys) and self._keys.pop(key, _MISSING) is None
