"""Who a generation is, and who its user is to those who may not know.

Identity is our own: trace and span ids are zero or the parent's without an
SDK, and the SDK draws them from the global ``random``, so that a body which
seeds it repeats them.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import time
from typing import Final

#: Ids for which randomness is fetched at once: one system call in so many generations.
_BATCH: Final = 64


class _Ids:
    """Unique, time-ordered ids. Safe in threads, and after a fork that runs no hooks."""

    __slots__ = ("_pool", "_process")

    def __init__(self) -> None:
        self._pool: list[str] = []
        self._process = 0

    def __call__(self) -> str:
        process = os.getpid()
        try:
            if process != self._process:
                self._pool, self._process = [], process
            half = self._pool.pop()
        except IndexError:
            fresh = os.urandom(8 * _BATCH).hex()
            halves = [fresh[start : start + 16] for start in range(0, len(fresh), 16)]
            half = halves.pop()
            self._pool = halves
        return f"{time.time_ns():016x}{half}"


#: 32 hex digits: 8 bytes of time, 8 of ``os.urandom``.
new_id = _Ids()


def pseudonym(key: str, user_id: str) -> str:
    """A stable stand-in for a user: HMAC-SHA-256 under ``key``, 32 hex digits.

    Source: attribute ``enduser.pseudo.id`` of the OpenTelemetry semantic conventions.
    """
    digest = hmac.new(key.encode(), user_id.encode("utf-8", "replace"), hashlib.sha256)
    return digest.hexdigest()[:32]
