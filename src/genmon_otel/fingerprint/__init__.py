"""Name a failure: alike failures get one fingerprint."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Final

from genmon_otel.fingerprint.environment import essence
from genmon_otel.fingerprint.normalisation import key, normalise
from genmon_otel.fingerprint.printed import telling_lines
from genmon_otel.records import ENVIRONMENT_CATEGORIES, Frame

__all__ = ["fingerprint", "handle", "normalise", "signature", "telling_lines"]

VERSION: Final = "v1"
#: In-app frames that count, from where it was raised outwards.
TOP_FRAMES: Final = 5
_CROCKFORD: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def signature(*, operation: str, category: str, error_type: str, message: str, stage: str) -> str:
    """Return what a replay is compared with: the fingerprint without frames."""
    return _digest(_fields(operation, category, error_type, message, stage))


def fingerprint(
    *,
    operation: str,
    category: str,
    error_type: str,
    message: str,
    stage: str,
    frames: Sequence[Frame],
) -> str:
    """Return the key of a failure: alike failing generations share it."""
    fields = _fields(operation, category, error_type, message, stage)
    if category not in ENVIRONMENT_CATEGORIES:
        fields.extend(_places(frames))
    return _digest(fields)


def handle(fingerprint: str, length: int = 4) -> str:
    """Return the short name people use for a failure: ``F-3KQ2``.

    Args:
        fingerprint: the failure's key.
        length: characters after ``F-``, at most 32; the store asks for more when two
            failures would share four.
    """
    number = int(hashlib.sha256(fingerprint.encode("utf-8", "replace")).hexdigest()[:40], 16)
    return "F-" + "".join(_CROCKFORD[(number >> (155 - 5 * place)) & 31] for place in range(length))


def _fields(operation: str, category: str, error_type: str, message: str, stage: str) -> list[str]:
    counts = essence(message) if category in ENVIRONMENT_CATEGORIES else normalise(message)
    return [operation, str(category), error_type, key(counts), stage]


def _places(frames: Iterable[Frame]) -> list[str]:
    places: list[str] = []
    for frame in frames:
        place = f"{frame.module}:{frame.function}"
        if frame.in_app and place not in places:
            places.append(place)
            if len(places) == TOP_FRAMES:
                break
    return places


def _digest(fields: Iterable[str]) -> str:
    digest = hashlib.sha256()
    for field in fields:
        data = field.encode("utf-8", "replace")
        digest.update(b"%d:%s," % (len(data), data))
    return f"{VERSION}:{digest.hexdigest()[:32]}"
