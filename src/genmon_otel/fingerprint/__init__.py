"""Name a failure: alike failures get one fingerprint."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final

from genmon_otel.fingerprint.environment import essence
from genmon_otel.fingerprint.normalisation import key, normalise
from genmon_otel.fingerprint.printed import telling_lines
from genmon_otel.records import ENVIRONMENT_CATEGORIES, FINGERPRINT_VERSION, Frame

__all__ = ["fingerprint", "handle", "identify", "normalise", "places", "signature", "telling_lines"]

#: In-app frames that count, from where it was raised outwards.
TOP_FRAMES: Final = 5
_CROCKFORD: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def signature(*, operation: str, category: str, error_type: str, message: str, stage: str) -> str:
    """Return what a replay is compared with: the fingerprint without frames."""
    return _named(_digest(_fields(operation, category, error_type, message, stage)))


def fingerprint(*, frames: Sequence[Frame], **same: str) -> str:
    """Return the key of a failure: alike failing generations share it.

    Args:
        frames: from where it was raised outwards; of the environment's failures none count.
        same: as for :func:`signature`.
    """
    return identify(places=places(frames), **same)[0]


@lru_cache(maxsize=256)
def identify(
    *,
    operation: str,
    category: str,
    error_type: str,
    message: str,
    stage: str,
    places: tuple[str, ...],
) -> tuple[str, str]:
    """Return fingerprint and signature of a failure.

    Args:
        operation, category, error_type, message, stage: as for :func:`signature`.
        places: where it was raised, as :func:`places` says it.
    """
    digest = _digest(_fields(operation, category, error_type, message, stage))
    without_frames = _named(digest)
    if category in ENVIRONMENT_CATEGORIES or not places:
        return without_frames, without_frames
    return _named(_digest(places, digest)), without_frames


@lru_cache(maxsize=256)
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


def places(frames: Iterable[Frame]) -> tuple[str, ...]:
    """Return the functions of the application that a fingerprint counts, innermost first."""
    found: list[str] = []
    for frame in frames:
        place = f"{frame.module}:{frame.function}"
        if frame.in_app and place not in found:
            found.append(place)
            if len(found) == TOP_FRAMES:
                break
    return tuple(found)


def _digest(fields: Iterable[str], begun: hashlib._Hash | None = None) -> hashlib._Hash:
    digest = hashlib.sha256() if begun is None else begun
    for field in fields:
        data = field.encode("utf-8", "replace")
        digest.update(b"%d:%s," % (len(data), data))
    return digest


def _named(digest: hashlib._Hash) -> str:
    return f"{FINGERPRINT_VERSION}:{digest.hexdigest()[:32]}"
