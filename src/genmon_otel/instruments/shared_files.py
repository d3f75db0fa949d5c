"""The files of PROMETHEUS_MULTIPROC_DIR, in which prometheus_client keeps each process's values.

A process that dies on a full disk, or whose disk failed, may leave a damaged file behind.
prometheus_client trusts them: a damaged one of another process breaks every scrape, one that
bears this process's id (in a container each start has the same) breaks the first metric, and
some damage makes it read for ever. So they are read with care here, and set aside.
"""

from __future__ import annotations

import json
import logging
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from genmon_otel import conventions as names
from genmon_otel.errors import ConfigurationError

_log = logging.getLogger(names.LOGGER)

#: What a damaged file of this process's own id is renamed to; readers look for ``*.db``.
DAMAGED: Final = ".damaged"
#: Layout of a file: bytes in use, padding; then for each value the length of its key, the key
#: padded to a multiple of 8 bytes, value and timestamp. Source: prometheus_client.mmap_dict.
_LENGTH: Final = struct.Struct("i")
_VALUE: Final = struct.Struct("dd")
_HEAD: Final = 8
#: Bytes of one file that are read; a process with 100 values a label has less than a tenth.
_MOST: Final = 1 << 28

_REMEDY: Final = (
    "Give it a folder that can be made and written, on a disk with room, before Python starts, and "
    "empty it at each start of the application."
)


@dataclass(frozen=True, slots=True)
class SharedValue:
    """One value of one process."""

    metric: str
    name: str
    labels: tuple[tuple[str, str], ...]
    help: str
    value: float
    timestamp: float


@dataclass(slots=True)
class SharedFile:
    """What one file says, as far as it can be read."""

    values: list[SharedValue] = field(default_factory=list)
    #: Why reading stopped before the end; empty for an intact file.
    damage: str = ""


def read(path: str | os.PathLike[str]) -> SharedFile:
    """Read a file up to its end or to the first damage; an empty one is a process's that begins.

    Raises:
        OSError: it cannot be read at all; FileNotFoundError where its process took it away.
    """
    found = SharedFile()
    with open(path, "rb") as file:
        data = file.read(_MOST)
    if not data:
        return found
    try:
        for value in _values(data):
            found.values.append(value)
    except (struct.error, ValueError, RecursionError) as error:
        found.damage = str(error) or type(error).__name__
    return found


def _values(data: bytes) -> Iterator[SharedValue]:
    used = int(_LENGTH.unpack_from(data, 0)[0])
    if not 0 <= used <= len(data):
        raise ValueError(f"{used} bytes are said to be in use, of {len(data)}")
    at = _HEAD
    while at < used:
        length = int(_LENGTH.unpack_from(data, at)[0])
        end = at + _LENGTH.size + length + (8 - (length + 4) % 8)
        if length <= 0 or end + _VALUE.size > used:
            raise ValueError(f"a key of {length} bytes at byte {at}, of {used}")
        metric, name, labels, text = _key(data[at + _LENGTH.size :][:length])
        value, timestamp = _VALUE.unpack_from(data, end)
        yield SharedValue(metric, name, labels, text, value, timestamp)
        at = end + _VALUE.size


def _key(encoded: bytes) -> tuple[str, str, tuple[tuple[str, str], ...], str]:
    key: Any = json.loads(encoded)  # a ValueError, as one that is no UTF-8 is
    match key:
        case [str(metric), str(name), dict(labels), str(text)]:
            pairs = tuple(sorted(labels.items()))
            named = all(word and word.isprintable() for word in (metric, name, *labels))
            if named and all(isinstance(value, str) for value in labels.values()):
                return metric, name, pairs, text
    raise ValueError("a key that names no series")


def prepare(folder: str | None) -> None:
    """Make the folder where it is missing, and set aside what would break this process's metrics.

    Raises:
        ConfigurationError: there is no such folder and it cannot be made, or not be written.
    """
    if not folder:
        raise ConfigurationError(
            f"{names.ENV_MULTIPROC_DIR} was set as prometheus_client was imported, and names no folder "
            f"now ({folder!r}). {_REMEDY}"
        )
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unusable(folder, error) from None
    set_aside_damaged(folder)


def unusable(folder: str | None, error: Exception) -> ConfigurationError:
    """Return the error that says what is wrong with the folder, and what to do."""
    why = getattr(error, "strerror", None) or error
    return ConfigurationError(
        f"{names.ENV_MULTIPROC_DIR}={folder!r} cannot be used ({why}). {_REMEDY}"
    )


def set_aside_damaged(folder: str) -> None:
    """Rename damaged files that bear this process's id: it would go on writing to them."""
    for path in sorted(Path(folder).glob(f"*[_-]{os.getpid()}.db")):
        try:
            damage = read(path).damage
            if not damage:
                continue
            path.replace(path.with_suffix(DAMAGED))
        except OSError:
            continue  # prometheus_client says what it is
        _log.warning(
            "genmon: %s is damaged (%s) and was left by an earlier process of this id; it is set aside as "
            "%s, and what it counted is lost.",
            path,
            damage,
            path.with_suffix(DAMAGED).name,
        )
