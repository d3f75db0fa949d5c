"""Case files: one ``<slug>.genmon.json`` a case, the authority in CI.

Names are slugs of our own making; a file is created without following links
and replaced as a whole, never left half written.
"""

from __future__ import annotations

import os
import re
import stat
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

from genmon_otel.errors import ConfigurationError, NotFound
from genmon_otel.regression.cases.case import Case
from genmon_otel.regression.cases.case_reading import MAX_BYTES, CaseError

SUFFIX: Final = ".genmon.json"
#: What people call a failure or its case: see :func:`genmon_otel.fingerprint.handle`.
HANDLE: Final = re.compile(r"F-[0-9A-Z]{4,32}")
_IMPORT_PATH: Final = re.compile(r"[\w-][\w.-]*:[^\W\d][\w.]*")


def read(path: Path) -> Case:
    """Read a case file.

    Raises:
        CaseError: it is none; the message begins with the file's name.
    """
    try:
        with open(path, "rb", opener=_open_at_once) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise CaseError("it is no regular file.")
            content = file.read(MAX_BYTES + 1)
        return Case.from_json(content)
    except OSError as error:
        raise CaseError(f"{path}: cannot be read ({error.strerror}).") from None
    except CaseError as error:
        raise CaseError(f"{path}: {error}") from None


def is_file_name(text: str) -> bool:
    """Return whether a command's argument names a file or folder, existing or not, rather than a case in a store.

    A folder that is named like a case is none: ``./F-3KQ2`` is.
    """
    if HANDLE.fullmatch(text):
        return os.path.isfile(text)
    return os.path.lexists(text) or os.path.basename(text) != text or text.endswith(".json")


def _open_at_once(name: str, flags: int) -> int:
    """Open a file; where a link leads to a pipe or a terminal, do not wait for its other end."""
    return os.open(name, flags | getattr(os, "O_NONBLOCK", 0))


def export(case: Case, folder: Path, *, update: bool = False) -> tuple[Path, bool]:
    """Write a case's file; one that is there already stays: in CI the file is the authority.

    Args:
        case: as it is in the store.
        folder: where its file goes.
        update: whether a file that is there takes over what has changed in the store. What it
            expects stays: the person who changed it in the file has seen the fix.

    Returns:
        The file, and whether it was written now.

    Raises:
        CaseError: it cannot be written.
    """
    content = case.to_json()
    path = folder / f"{case.slug}{SUFFIX}"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, flags, 0o644)
        try:
            with os.fdopen(descriptor, "w", encoding="ascii") as file:
                file.write(content)
        except BaseException:
            path.unlink()
            raise
    except FileExistsError:
        if update and path.is_file() and not path.is_symlink():
            there = read(path)
            case = replace(
                case, expect="passes" if "passes" in (there.expect, case.expect) else "fails"
            )
            if there == case:
                return path, False
            _rewrite(path, case)
            return path, True
        if path.is_symlink() or path.exists():
            return path, False
        raise CaseError(f"{folder}: cannot be written (it is no folder).") from None
    except OSError as error:
        raise CaseError(f"{path}: cannot be written ({error.strerror}).") from None
    return path, True


def accept(path: Path) -> Case:
    """Flip ``expect`` to ``passes``: the failure is fixed, and has to stay so."""
    return _rewrite(path, replace(read(path), expect="passes"))


def rebind(paths: Iterable[Path], old: str, new: str) -> Iterator[Path]:
    """Point case files at a renamed target, postcondition or factory.

    Args:
        paths: case files, or folders of them.
        old: import path as it is in the files, ``package.module:name``.
        new: import path of its successor.

    Yields:
        Each file that was changed.

    Raises:
        CaseError: a file is no case or cannot be written.
        ConfigurationError: ``new`` is no import path.
    """
    check_import_path(new)
    for path in find(paths):
        case = read(path)
        renamed = rebound(case, old, new)
        if renamed is not case:
            _rewrite(path, renamed)
            yield path


def rebound(case: Case, old: str, new: str) -> Case:
    """The case with target, postcondition or factory renamed; the very same where none is ``old``."""
    named = (case.target, case.postcondition, *case.factories.values())
    if old not in named:
        return case
    return replace(
        case,
        target=new if case.target == old else case.target,
        postcondition=new if case.postcondition == old else case.postcondition,
        factories={key: new if path == old else path for key, path in case.factories.items()},
    )


def check_import_path(text: str) -> None:
    """Refuse what cannot name anything in a module.

    Raises:
        ConfigurationError: it is not of the form ``package.module:name``.
    """
    if not _IMPORT_PATH.fullmatch(text):
        raise ConfigurationError(f"{text[:100]!r} is no import path. Give package.module:name.")


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
        elif path.is_symlink():
            leads_to = os.readlink(path)
            raise NotFound(f"{str(path)!r} is a link to {leads_to!r}, which cannot be found.")
        else:
            raise NotFound(f"There is no file or folder {str(path)!r}.")


def _rewrite(path: Path, case: Case) -> Case:
    content = case.to_json()
    try:
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".genmon-", suffix=".tmp")
        try:
            with os.fdopen(descriptor, "w", encoding="ascii") as file:
                file.write(content)
            os.chmod(temporary, 0o644)
            os.replace(temporary, path)
        except BaseException:
            os.unlink(temporary)
            raise
    except OSError as error:
        raise CaseError(f"{path}: cannot be written ({error.strerror}).") from None
    return case
