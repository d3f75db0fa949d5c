"""Tell which version of the application's code a generation ran on.

A case becomes a guard when it passes on a version other than the failing one,
so two versions must never share a name, and one version should keep its own.
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
#: Source files that are hashed, at most.
_MAX_FILES: Final = 2000


def code_version(explicit: str | None, folder: Path) -> str | None:
    """Name the running code: as given, else by commit, else by the sources.

    Args:
        explicit: ``setup(code_version=)`` or ``GENMON_CODE_VERSION``; wins.
        folder: where to look for a git work tree, usually the working directory.

    Returns:
        ``1f2e3d4c5b6a``, with ``+0a1b2c3d`` of the uncommitted changes if there are any;
        ``src-1f2e3d4c5b6a`` of the source files where there is no git; None where there are no sources either.
    """
    return named_version(explicit, folder) or sources_version()


def named_version(explicit: str | None, folder: Path) -> str | None:
    """Name the code of a folder without loading it: as given, else by commit; None otherwise.

    Args:
        explicit: ``GENMON_CODE_VERSION``; wins.
        folder: where to look for a git work tree.
    """
    return explicit or _commit(folder)


def _commit(folder: Path) -> str | None:
    commit = _git(folder, "rev-parse", "--verify", "HEAD")
    if commit is None:
        return None
    # --no-ext-diff, --no-textconv: never run what a repository configures.
    diff = _git(folder, "diff", "HEAD", "--no-ext-diff", "--no-textconv", "--binary")
    if diff is None:
        return None
    name = commit.decode("ascii", "replace").strip()[:12]
    return f"{name}+{hashlib.sha256(diff).hexdigest()[:8]}" if diff else name


def _git(folder: Path, *arguments: str) -> bytes | None:
    """What git answers; None where it is missing, slow, or this is no work tree."""
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
    """Hash of the application's own source files.

    Those of every package that is loaded, whole, and those beside a loaded module
    that is in no package: what is imported later counts from the start, so the
    name does not change while the process runs.
    """
    files: set[Path] = set()
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if isinstance(file, str) and file.endswith(".py") and is_in_app(file, name):
            files.update(_beside(Path(file).absolute(), depth=name.count(".")))
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


def _beside(file: Path, depth: int) -> Iterator[Path]:
    """The sources of a module's package, or those in the folder of one that has none."""
    if file.name == "__init__.py":
        depth += 1
    if depth == 0:
        yield from islice(file.parent.glob("*.py"), _MAX_FILES)
    elif depth <= len(file.parents):
        yield from islice(file.parents[depth - 1].rglob("*.py"), _MAX_FILES)
