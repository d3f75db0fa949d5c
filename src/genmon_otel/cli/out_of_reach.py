"""Where cases lie that ``genmon db forget`` cannot clear: files of the checkout, and branches."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from genmon_otel.errors import ConfigurationError
from genmon_otel.regression.cases.files import SUFFIX
from genmon_otel.regression.proposal import Repository, branch_of


def out_of_reach(cases: Iterable[tuple[str, str]], folder: Path) -> list[str]:
    """Return the files and branches of cases, each with what removes it.

    Args:
        cases: handle and name of the file of each.
        folder: below which files are looked for, not deep; its repository's branches count.
    """
    try:
        repository: Repository | None = Repository(folder)
    except ConfigurationError:  # no checkout here
        repository = None
    found = []
    for handle, slug in cases:
        if slug and "/" not in slug:
            name = f"{slug}{SUFFIX}"
            for pattern in (name, f"*/{name}", f"*/*/{name}", f"*/*/*/{name}"):
                found += [
                    f"file {path.relative_to(folder)}" for path in sorted(folder.glob(pattern))
                ]
        if repository is not None:
            branch = branch_of(handle)
            here, there = repository.places_of(branch)
            if here:
                found.append(f"branch {branch}: git branch -D {branch}")
            if there:
                found.append(
                    f"branch {branch} of {repository.remote}: git push {repository.remote} --delete {branch}"
                )
    return found
