"""Distinguish two starts of one program by the files that it is given.

The command ``npm run build`` is always the same; what it builds is in files
that the application wrote. A recording holds none of them, a replay's own folder does.
"""

from __future__ import annotations

import hashlib
import os
import shlex
import stat
import tempfile
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Final

from genmon_otel.ports import ProgramStart

#: Files, and bytes of each, that are read; a program with more files is identified by these.
_MOST_FILES: Final = 500
_MOST_BYTES: Final = 4 * 1024 * 1024
#: Words of a command that may name files.
_MOST_WORDS: Final = 200


def digest_of(program: ProgramStart) -> str:
    """Return a digest of the files that a program may read and the replay has written; empty where none.

    Those that its command names count, and those of its working directory, each by its own name and its
    contents: temporary folders have another name in each run.
    """
    own = os.path.realpath(tempfile.gettempdir())
    place = os.path.realpath(program.cwd or ".")
    named = (os.path.realpath(os.path.join(place, word)) for word in _names(program.words))
    paths = dict.fromkeys(
        path
        for root in (*named, place)
        if root == own or root.startswith(own + os.sep)
        for path in _written(root)
    )
    left, found = _MOST_BYTES, []
    for path in paths:
        try:
            with open(path, "rb") as file:
                data = file.read(left)
        except OSError:
            continue
        left -= len(data)
        found.append(f"{os.path.basename(path)} {hashlib.sha256(data).hexdigest()}")
    text = "\n".join(sorted(found)).encode("utf-8", "surrogateescape")
    return hashlib.sha256(text).hexdigest()[:32] if found else ""


def _names(words: Sequence[str]) -> Iterator[str]:
    """The words of a command, those of a shell's too, and what stands behind an equals sign in them."""
    for word in words[:_MOST_WORDS]:
        try:
            parts = shlex.split(word) if " " in word else [word]
        except ValueError:  # a quotation that does not end
            parts = word.split()
        for part in parts:
            if name := part.rpartition("=")[2].replace("\0", ""):
                yield name


def _written(root: str) -> Iterator[str]:
    """The files at a path that are the replay's own, at most so many: what it only reads is a link."""
    if _is_own_file(root):
        yield root
    found = (os.path.join(folder, file) for folder, _, files in os.walk(root) for file in files)
    yield from islice(filter(_is_own_file, found), _MOST_FILES)


def _is_own_file(path: str) -> bool:
    try:
        return stat.S_ISREG(os.lstat(path).st_mode)
    except (OSError, ValueError):
        return False
