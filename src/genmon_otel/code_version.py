"""Finds out which version of the application's code is running.

A case becomes ``guarding`` when it passes on another version than the failing one. So two versions
must never have the same name, and one version should always have the same.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Final

from genmon_otel.stacks import is_in_app

#: Seconds that git may take for one answer.
GIT_TIMEOUT_S: Final = 5
#: The most source files that are hashed.
_MAX_FILES: Final = 2000


def code_version(explicit: str | None, folder: Path) -> str | None:
    """Return the version of the running code: as configured, by commit, or by the sources.

    Args:
        explicit: ``setup(code_version=)`` or ``GENMON_CODE_VERSION``; has priority.
        folder: looked up for a git work tree; usually the working directory.

    Returns:
        ``1f2e3d4c5b6a``, the commit, with ``+0a1b2c3d`` for uncommitted changes;
        ``src-1f2e3d4c5b6a`` without git, a hash of the source files; None without sources.
    """
    return version_of_folder(explicit, folder) or sources_version()


def version_of_folder(explicit: str | None, folder: Path) -> str | None:
    """Return the version of a folder's code without importing it: as configured or by commit.

    None where neither is known.

    Args:
        explicit: ``GENMON_CODE_VERSION``; has priority.
        folder: looked up for a git work tree.
    """
    return explicit or _commit(folder)


def _commit(folder: Path) -> str | None:
    commit = _git(folder, "rev-parse", "--verify", "HEAD")
    if commit is None:
        return None
    # --no-ext-diff, --no-textconv: run no program that a repository configures.
    diff = _git(folder, "diff", "HEAD", "--no-ext-diff", "--no-textconv", "--binary")
    if diff is None:
        return None
    name = commit.decode("ascii", "replace").strip()[:12]
    return f"{name}+{hashlib.sha256(diff).hexdigest()[:8]}" if diff else name


def _git(folder: Path, *arguments: str) -> bytes | None:
    """Return git's output; None where git is missing, slow or fails (no work tree)."""
    try:
        answer = subprocess.run(
            ["git", "--no-optional-locks", "-C", str(folder), *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=GIT_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout if answer.returncode == 0 else None


def sources_version() -> str | None:
    """Hash the application's source files; None where there are none.

    All files of each loaded package, and all files in the folder of a loaded module outside packages,
    whether they are imported or not: so the version does not change while the process imports.
    """
    files: set[Path] = set()
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if isinstance(file, str) and file.endswith(".py") and is_in_app(file, name):
            files.update(_sources_around(Path(file).absolute(), depth=name.count(".")))
        if len(files) >= _MAX_FILES:
            break
    digest = hashlib.sha256()
    hashed = 0
    for path in sorted(files)[:_MAX_FILES]:
        try:
            source = path.read_bytes()
        except OSError:
            continue
        digest.update(hashlib.sha256(source).digest())
        hashed += 1
    return f"src-{digest.hexdigest()[:12]}" if hashed else None


def _sources_around(file: Path, depth: int) -> Iterator[Path]:
    """Yield the source files of a module's package, or of its folder where it is in no package."""
    if file.name == "__init__.py":
        depth += 1
    if depth == 0:
        yield from islice(file.parent.glob("*.py"), _MAX_FILES)
    elif depth <= len(file.parents):
        yield from islice(file.parents[depth - 1].rglob("*.py"), _MAX_FILES)
