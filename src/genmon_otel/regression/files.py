"""Case files: one ``<slug>.genmon.json`` a case, the authority in CI.

Names are slugs of our own making; a file is created without following links
and replaced as a whole, never left half written.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

from genmon_otel.errors import NotFound
from genmon_otel.regression.case import MAX_BYTES, Case, CaseError

SUFFIX: Final = ".genmon.json"


def read(path: Path) -> Case:
    """Read a case file.

    Raises:
        CaseError: it is none; the message begins with the file's name.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        return Case.from_json(content)
    except OSError as error:
        raise CaseError(f"{path}: cannot be read ({error.strerror}).") from None
    except CaseError as error:
        raise CaseError(f"{path}: {error}") from None


def export(case: Case, folder: Path) -> tuple[Path, bool]:
    """Write a case's file unless it is there already: a file in CI is the authority.

    Returns:
        The file, and whether it was written now.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{case.slug}{SUFFIX}"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
    try:
        descriptor = os.open(path, flags, 0o644)
    except FileExistsError:
        return path, False
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(case.to_json())
    return path, True


def accept(path: Path) -> Case:
    """Flip ``expect`` to ``passes``: the failure is fixed, and has to stay so."""
    return _rewrite(path, replace(read(path), expect="passes"))


def rebind(paths: Iterable[Path], old: str, new: str) -> Iterator[Path]:
    """Point case files at a renamed target.

    Args:
        paths: case files, or folders of them.
        old: import path as it is in the files, ``package.module:name``.
        new: import path of its successor.

    Yields:
        Each file that was changed.
    """
    for path in find(paths):
        case = read(path)
        renamed = rebound(case, old, new)
        if renamed is not case:
            _rewrite(path, renamed)
            yield path


def rebound(case: Case, old: str, new: str) -> Case:
    """The case with its target (or a factory) renamed; the very same case when it names neither."""
    factories = {key: new if value == old else value for key, value in case.factories.items()}
    target = new if case.target == old else case.target
    if target == case.target and factories == dict(case.factories):
        return case
    return replace(case, target=target, factories=factories)


def find(paths: Iterable[Path]) -> Iterator[Path]:
    """The case files among files and below folders, sorted.

    Raises:
        NotFound: a path is not there.
    """
    for path in paths:
        if path.is_dir():
            yield from sorted(path.rglob(f"*{SUFFIX}"))
        elif path.exists():
            yield path
        else:
            raise NotFound(f"There is no file or folder {str(path)!r}.")


def _rewrite(path: Path, case: Case) -> Case:
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".genmon-", suffix=".tmp")
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(case.to_json())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
    return case
