"""The id of a generation, and the pseudonym of its user.

Identity is our own: trace and span ids are zero or the parent's without an
SDK, and the SDK draws them from the global ``random``, so that a body which
seeds it repeats them.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from time import time_ns
from typing import Final

#: Ids whose random bytes are fetched together: one system call for so many generations.
_BATCH: Final = 512

#: In hex, 8 bytes each.
_random: Final[list[str]] = []
# A child must not continue with its parent's. Where no hook runs at a fork (uWSGI), the
# nanoseconds of the other half still distinguish the two.
os.register_at_fork(after_in_child=_random.clear)


def new_id() -> str:
    """Return a new id: 32 hex digits, 8 bytes of time and 8 of ``os.urandom``."""
    while True:
        try:
            return time_ns().to_bytes(8, "big").hex() + _random.pop()
        except IndexError:
            drawn = os.urandom(8 * _BATCH).hex()
            _random.extend([drawn[at : at + 16] for at in range(0, len(drawn), 16)])


def pseudonym(key: str, user_id: str) -> str:
    """Return a stable pseudonym of a user: HMAC-SHA-256 with ``key``, 32 hex digits.

    Source: attribute ``enduser.pseudo.id`` of the OpenTelemetry semantic conventions.
    """
    digest = hmac.new(key.encode(), user_id.encode("utf-8", "replace"), hashlib.sha256)
    return digest.hexdigest()[:32]
