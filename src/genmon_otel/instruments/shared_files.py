"""Reads and checks the files of PROMETHEUS_MULTIPROC_DIR, where prometheus_client stores each process's
values.

A process that dies on a full disk, or whose disk fails, may leave a damaged file. prometheus_client
does not check them: a damaged file of another process breaks every scrape, one with this process's
id (in a container each start has the same id) breaks the first metric, and some damage causes an
endless loop. So this module checks files as it reads them, and renames damaged ones.
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

#: Suffix that a damaged file with this process's id gets; readers only open ``*.db``.
DAMAGED: Final = ".damaged"
#: Layout of a file: bytes in use, padding; then for each value the length of its key, the key
#: padded to a multiple of 8 bytes, value and timestamp. Source: prometheus_client.mmap_dict.
_LENGTH: Final = struct.Struct("i")
_VALUE: Final = struct.Struct("dd")
_HEAD: Final = 8
#: Bytes of one file that are read; with 100 values of each label a file has less than a tenth.
_MAX_BYTES: Final = 1 << 28

_REMEDY: Final = (
    "Set it to a folder that can be created and written, on a disk with free space, before Python starts, and "
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
    """The values of one file, up to the first damage."""

    values: list[SharedValue] = field(default_factory=list)
    #: Why reading stopped before the end; empty for an intact file.
    damage: str = ""


def read(path: str | os.PathLike[str]) -> SharedFile:
    """Read a file up to its end or to the first damage. An empty file is a starting process's.

    Raises:
        OSError: the file cannot be read; FileNotFoundError where its process removed it.
    """
    found = SharedFile()
    with open(path, "rb") as file:
        data = file.read(_MAX_BYTES)
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
        raise ValueError(f"its header says {used} bytes, the file has {len(data)}")
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
    key: Any = json.loads(encoded)  # raises ValueError, also for invalid UTF-8
    match key:
        case [str(metric), str(name), dict(labels), str(text)]:
            pairs = tuple(sorted(labels.items()))
            named = all(word and word.isprintable() for word in (metric, name, *labels))
            if named and all(isinstance(value, str) for value in labels.values()):
                "".join(
                    (*labels.values(), text)
                ).encode()  # raises ValueError: half a surrogate pair
                return metric, name, pairs, text
    raise ValueError("a key that is not of a series")


def prepare(folder: str | None) -> None:
    """Create the folder if missing, and rename files that would break this process's metrics.

    Raises:
        ConfigurationError: the folder cannot be created or written.
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
    """Build the error for a folder that cannot be used."""
    why = getattr(error, "strerror", None) or error
    return ConfigurationError(
        f"{names.ENV_MULTIPROC_DIR}={folder!r} cannot be used ({why}). {_REMEDY}"
    )


def set_aside_damaged(folder: str) -> None:
    """Rename damaged files with this process's id, which prometheus_client would write to."""
    for path in sorted(Path(folder).glob(f"*[_-]{os.getpid()}.db")):
        try:
            damage = read(path).damage
            if not damage:
                continue
            path.replace(path.with_suffix(DAMAGED))
        except OSError:
            continue  # prometheus_client will raise the error
        _log.warning(
            "genmon: %s is damaged (%s) and was left by an earlier process of this id; it is set aside as "
            "%s, and what it counted is lost.",
            path,
            damage,
            path.with_suffix(DAMAGED).name,
        )
