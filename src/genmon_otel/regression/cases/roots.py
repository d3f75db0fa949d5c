"""Determine the folders of the project's own code: a case file may name code only there.

Environments, ``site-packages`` and the standard library are not the project's own, also
where they lie inside its folder.
"""

from __future__ import annotations

import os
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

#: Folders of installed code, by name.
_INSTALLED: Final = frozenset(
    "site-packages dist-packages node_modules .venv venv .tox .nox .eggs __pypackages__".split()
)
#: Files that mark an environment, whatever its folder is called.
_MARKS: Final = ("pyvenv.cfg", "conda-meta")
_STDLIB: Final = tuple(
    {os.path.realpath(sysconfig.get_path(name)) + os.sep for name in ("stdlib", "platstdlib")}
)


@dataclass(frozen=True, slots=True)
class Roots:
    """Folders that targets, postconditions and factories may come from.

    Args:
        project: the project's own folder.
        more: other folders, named by the configuration; absolute.
        anywhere: no folder is refused, because a person decided about the case.
    """

    project: str
    more: tuple[str, ...] = ()
    anywhere: bool = False

    def objection(self, path: str) -> str:
        """Say why a file or folder is not the project's own; empty where it is.

        Links are followed: what counts is where the file really is.
        """
        if self.anywhere:
            return ""
        real = os.path.realpath(path)
        if real.startswith(_STDLIB):
            return f"{path} belongs to Python or is installed"
        project, *more = map(os.path.realpath, (self.project, *self.more))
        inside = [root for root in (project, *more) if _is_within(real, root)]
        if not inside:
            return f"{path} is outside the project ({project}) and of genmon_roots"
        for root in inside:
            # The project's folder may be an environment; one that is named as a root may not.
            above = "" if root in more else root
            if not any(_is_environment(folder) for folder in _folders(real, above)):
                return ""
        return f"{path} is installed code, not the project's own"


def _is_within(path: str, root: str) -> bool:
    return path == root or path.startswith(root.rstrip(os.sep) + os.sep)


def _folders(path: str, above: str) -> Iterator[str]:
    """Return the path and its parents, as far as they are below ``above``."""
    while path != above and path != os.path.dirname(path):
        yield path
        path = os.path.dirname(path)


def _is_environment(folder: str) -> bool:
    return os.path.basename(folder) in _INSTALLED or any(
        os.path.exists(os.path.join(folder, mark)) for mark in _MARKS
    )
