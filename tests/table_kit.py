"""Tables of cases that one test goes through: it lists every mismatch, not the first."""

from __future__ import annotations

import functools
import inspect
import itertools
import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest

DATA = Path(__file__).parent / "data"


def rows(file: str) -> list[Any]:
    """The lines of a JSONL file below ``tests/data``."""
    return [json.loads(line) for line in (DATA / file).read_text(encoding="utf-8").splitlines()]


def each(
    names: str, *tables: Iterable[Any]
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Have one test check every row of a table, or every combination of several tables' rows.

    For checks that need nothing anew for each row; fixtures are made once. Where it says
    ``each("kind, form", KINDS, FORMS)`` each row is one value; a single table's rows have as many
    values as there are names.
    """
    wanted = [name.strip() for name in names.split(",")]
    cases = [
        row if len(tables) > 1 else (tuple(row[0]) if len(wanted) > 1 else row)
        for row in itertools.product(*tables)
    ]
    assert cases, "an empty table would check nothing"
    assert all(len(case) == len(wanted) for case in cases), f"each row has {wanted}"

    def decorate(check: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(check)
        def test(**fixtures: Any) -> None:
            go_through(
                cases, lambda *case: check(**dict(zip(wanted, case, strict=True)), **fixtures)
            )

        signature = inspect.signature(check)
        left = [each for name, each in signature.parameters.items() if name not in wanted]
        test.__signature__ = signature.replace(parameters=left)  # type: ignore[attr-defined]
        return test

    return decorate


def go_through(cases: Sequence[tuple[Any, ...]], check: Callable[..., None]) -> None:
    """Check every case, and fail with all that do not hold."""
    mismatches = []
    for number, case in enumerate(cases, 1):
        try:
            check(*case)
        except (Exception, pytest.fail.Exception) as error:
            label = ", ".join(map(_short, case))
            mismatches.append(f"row {number}: {label}\n    {type(error).__name__}: {error}")
    if mismatches:
        told = "\n".join(mismatches)
        pytest.fail(f"{len(mismatches)} of {len(cases)}:\n{told}", pytrace=False)


def _short(value: Any) -> str:
    """Enough of a value to find its row by."""
    if isinstance(value, dict) and "title" in value:
        return str(value["title"])
    text = getattr(value, "__name__", None) or (value if isinstance(value, str) else repr(value))
    return text if len(text) <= 80 else text[:77] + "..."
