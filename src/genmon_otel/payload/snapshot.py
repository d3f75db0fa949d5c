"""Copies arguments cheaply when a call begins; a tree is made of the copy only if the call fails.

Most generations succeed and need no tree. Only values that consist of built-in data at all levels
are copied, so that no code of the application runs, neither at the copy nor later.
"""

from __future__ import annotations

import io
import pickle
from typing import Any, Final

from genmon_otel.interruption import is_interruption
from genmon_otel.payload.encoding import LIMIT_BYTES

_PROTOCOL: Final = 5


class _CannotCopy(Exception):
    """The value holds something else than built-in data, or is too large."""


class _TooLarge(_CannotCopy):
    """It is built-in data as far as it was copied, but too large."""


#: What :func:`snapshot` returns where a value is too large; no copy is empty.
TOO_LARGE: Final = b""


class _DataPickler(pickle.Pickler):
    """Refuses all classes that are not built in: they may define how they are pickled."""

    def reducer_override(self, _value: Any) -> Any:
        raise _CannotCopy


class _BoundedBuffer(io.BytesIO):
    """A buffer of at most LIMIT_BYTES."""

    def write(self, data: Any) -> int:
        if self.tell() + len(data) > LIMIT_BYTES:
            raise _TooLarge
        return super().write(data)


def snapshot(value: Any) -> bytes | None:
    """Copy a value; None where it is not built-in data at all levels, TOO_LARGE where it is too large."""
    copy = _BoundedBuffer()
    try:
        _DataPickler(copy, _PROTOCOL).dump(value)
    except _TooLarge:
        return TOO_LARGE
    except _CannotCopy:
        return None
    except BaseException as error:  # another thread changed it during the copy, too deep, ...
        if is_interruption(error):
            raise
        return None
    return copy.getvalue()


def restore(copied: bytes) -> Any:
    """Return a new copy of the value that :func:`snapshot` copied."""
    return pickle.loads(copied)
