"""The house: imports run one way, rooms stay small, names live in one place."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src" / "genmon_otel"

#: The rooms, line by line; a module imports only from its own line or from lines above it.
LINES: tuple[frozenset[str], ...] = (
    frozenset({"conventions", "errors", "_version"}),
    frozenset(
        "addresses records slots text stacks redaction classification control_flow interruption fingerprint payload "
        "recordings policy settings rules corrections".split()
    ),
    frozenset({"ports"}),
    frozenset("forks instruments recorder decorators".split()),
    frozenset("journal writer processor store code_version threads".split()),
    frozenset({"regression"}),
    frozenset("testing pytest_plugin wiring assets cli demo".split()),
)
#: Libraries that only some lines may import: name -> first line that may.
HEAVY = {"sqlalchemy": 4, "alembic": 4, "psycopg": 4, "rich": 6, "click": 6, "pytest": 6}


def room_of(path: Path) -> str:
    """The name of the room a source file belongs to."""
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


def line_of(room: str) -> int:
    """The line of a room: 0 for words, 6 for doors."""
    for number, rooms in enumerate(LINES):
        if room in rooms:
            return number
    raise AssertionError(f"{room} has no line in the house: add it to LINES and ARCHITECTURE.md")


def imported(path: Path) -> set[str]:
    """Every module a file imports, function-level imports included, fully dotted."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found.add(node.module or "")
            if node.module == "genmon_otel":
                found.update(
                    f"genmon_otel.{alias.name}"
                    for alias in node.names
                    if (SOURCE / alias.name).is_dir() or (SOURCE / f"{alias.name}.py").exists()
                )
    return found


FILES = sorted(path for path in SOURCE.rglob("*.py") if path != SOURCE / "__init__.py")


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_imports_run_one_way(path: Path) -> None:
    """A module imports only from its own line of the house or from lines above it."""
    mine = line_of(room_of(path))
    for name in imported(path):
        head, _, rest = name.partition(".")
        if head == "genmon_otel" and rest:
            theirs = line_of(rest.partition(".")[0])
            assert theirs <= mine, f"{room_of(path)} (line {mine}) imports {name} (line {theirs})"
        if head in HEAVY:
            assert mine >= HEAVY[head], f"{room_of(path)} (line {mine}) imports {name}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_rooms_stay_small(path: Path) -> None:
    """No module exceeds 400 lines."""
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines <= 400, f"{path.relative_to(SOURCE)} has {lines} lines"


def test_every_module_says_what_it_is_for() -> None:
    """Every module opens with a docstring."""
    missing = [
        str(path.relative_to(SOURCE))
        for path in FILES
        if path.read_text(encoding="utf-8").strip()
        and not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert missing == []
