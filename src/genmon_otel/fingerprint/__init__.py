"""Compute fingerprints: failures of the same cause get the same one."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from genmon_otel.fingerprint.environment import essence
from genmon_otel.fingerprint.listed import LIMIT, bound_once, distinct
from genmon_otel.fingerprint.missing import missing, names_alone, with_names
from genmon_otel.fingerprint.normalisation import key, normalise
from genmon_otel.fingerprint.printed import telling_lines
from genmon_otel.records import FINGERPRINT_VERSION, Frame

__all__ = [
    "LIMIT", "bound_once", "distinct", "handle", "identify", "missing", "normalise", "places",
    "signature", "telling_lines", "with_names",
]  # fmt: skip

#: In-app frames that count, from where it was raised outwards.
TOP_FRAMES: Final = 5
_CROCKFORD: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def signature(
    *,
    operation: str,
    category: str,
    error_type: str,
    message: str,
    stage: str,
    environment: bool,
) -> str:
    """Return what a replay is compared with: the fingerprint without frames.

    Args:
        operation: of the generation.
        category: of the failure.
        error_type: of the exception that decided the category.
        message: what it says, redacted, as long as it was read.
        stage: the decorated step or the phase that it came from; empty for none. The name of
            an automatic step is never used here: switching capture on would split failures.
        environment: whether evidence says that the environment failed
            (``Classification.is_environment``): of the message only constant words count then.
    """
    return identify(
        operation=operation, category=category, error_type=error_type, message=message,
        stage=stage, environment=environment, places=(),
    )[1]  # fmt: skip


@lru_cache(maxsize=256)
def identify(
    *,
    operation: str,
    category: str,
    error_type: str,
    message: str,
    stage: str,
    environment: bool = False,
    places: tuple[str, ...],
) -> tuple[str, str]:
    """Return the fingerprint, which failing generations of the same cause share, and the signature.

    Args:
        operation, category, error_type, message, stage, environment: as for :func:`signature`.
        places: where it was raised, as :func:`places` says it; of the environment's failures
            none count.
    """
    said = essence(message) if environment else normalise(names_alone(message))
    digest = _digest((operation, str(category), error_type, key(said), stage))
    without_frames = _named(digest)
    if environment or not places:
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
