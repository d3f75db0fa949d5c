"""Exported case files: which one differs from the store, and what the configuration lacks for them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import click

from genmon_otel.regression import review
from genmon_otel.regression.cases import files
from genmon_otel.regression.cases.case_reading import CaseError
from genmon_otel.regression.cases.configuration import trust_in
from genmon_otel.store.rows import CaseRow
from genmon_otel.text import clean


def stale_file(row: CaseRow) -> Path | None:
    """Find the file of a case below the working directory, not deep, if it says something else."""
    name = str(dict(row.case).get("slug", "")) + files.SUFFIX if row.case else ""
    for pattern in (name, f"*/{name}", f"*/*/{name}", f"*/*/*/{name}") if name else ():
        for path in sorted(Path.cwd().glob(pattern)):
            try:
                there = files.read(path)
            except CaseError:
                continue
            if replace(there, expect="fails") != replace(review.stored(row), expect="fails"):
                return path
    return None


def say_what_is_lacking(paths: Iterable[Path]) -> None:
    """Print on stderr the configuration that exported files need."""
    trust = trust_in(Path.cwd())
    lacking: dict[str, tuple[str, ...]] = {}
    for path in paths:
        for option, names in trust.lacking(files.read(path)).items():
            lacking[option] = tuple(dict.fromkeys([*lacking.get(option, ()), *names]))
    if lacking:
        lines = "\n".join(trust.lines(option, names) for option, names in lacking.items())
        click.echo(
            "A file is a stranger's data: what it asks for works where the configuration allows "
            f"it. To allow it, {trust.where()}:\n{clean(lines, 4_000)}",
            err=True,
        )
