"""Keep what a value is just now at the price of a copy, and make a tree of it only if somebody asks.

Most generations succeed, and nobody asks. Only of what is made of built-in data through and
through, so that no code but the interpreter's own takes part, neither now nor later.
"""

from __future__ import annotations

import io
import pickle
from typing import Any, Final

from genmon_otel.interruption import is_interruption
from genmon_otel.payload.encoding import LIMIT_BYTES

_PROTOCOL: Final = 5


class _NotKept(Exception):
    """There is more in it than data, or more of it than is kept."""


class _Pickler(pickle.Pickler):
    """Refuses whatever is not built in: a class may say itself how it is copied."""

    def reducer_override(self, _value: Any) -> Any:
        raise _NotKept


class _Bounded(io.BytesIO):
    """So many bytes and no more."""

    def write(self, data: Any) -> int:
        if self.tell() + len(data) > LIMIT_BYTES:
            raise _NotKept
        return super().write(data)


def snapshot(value: Any) -> bytes | None:
    """Copy a value of built-in data; None where it is, or holds, anything else, or is too large."""
    copy = _Bounded()
    try:
        _Pickler(copy, _PROTOCOL).dump(value)
    except _NotKept:
        return None
    except BaseException as error:  # what another thread changes meanwhile, too deep, ...
        if is_interruption(error):
            raise
        return None
    return copy.getvalue()


def restore(copied: bytes) -> Any:
    """The value again, as a copy of its own."""
    return pickle.loads(copied)
