"""Commands on rows that hold what a terminal would obey, in every column that is printed."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest
from click.testing import CliRunner

from genmon_otel.cli import genmon
from genmon_otel.store import SqlStore
from tests.store_records import Producer, a_failure, failing, success
from tests.unit.test_output import FORBIDDEN, HOSTILE

#: All of it at once, with markup, and a line end that would begin a row of its own.
POISON = "[/][bold]" + "".join(HOSTILE.values()) + "\n✓ forged row"

COMMANDS = (
    ("tail", "--no-follow"),
    ("failures", "list"),
    ("failures", "show", "F-3KQ2"),
    ("cases", "list"),
    ("cases", "show", "F-3KQ2"),
    ("cases", "list", "--state", "proposed"),
    ("health",),
)


@pytest.fixture
def store(tmp_path: Path) -> str:
    """A store whose every text column holds poison, put there past the application's own cleaning."""
    path = tmp_path / "genmon.db"
    opened = SqlStore(f"sqlite:///{path}")
    opened.open()
    failure = a_failure(stage="render", file="app.py", line=3, function="render")
    Producer(opened).write(*(failing(failure=failure) for _ in range(3)), success(user_id="ada"))
    opened.close()
    with sqlite3.connect(path) as connection:
        columns = {
            "generation_analytics": ("operation", "framework", "user_id", "project_id"),
            "generation_failures": (
                "handle", "operation", "error_type", "error_message", "failure_category",
                "stack_trace", "framework",
            ),
            "auto_generated_tests": ("state_reason", "reviewer"),
        }  # fmt: skip
        poison = POISON.encode("utf-8", "replace").decode()
        for table, names in columns.items():
            known = {row[1] for row in connection.execute(f"PRAGMA table_info({table})")}
            for name in names:
                assert name in known, f"{table}.{name}"
                connection.execute(f"UPDATE {table} SET {name} = ?", (poison,))
        context = json.dumps({"stage": poison, "file": poison, "function": poison, "line": 3})
        connection.execute("UPDATE generation_failures SET context = ?", (context,))
    return str(path)


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_no_row_reaches_the_terminal_as_more_than_text(
    store: str, arguments: tuple[str, ...]
) -> None:
    """No escape sequence, mark, markup error or forged line comes out, in text and in JSON."""
    if arguments[-1] == "F-3KQ2":  # a handle that can be typed
        with sqlite3.connect(store) as connection:
            connection.execute("UPDATE generation_failures SET handle = 'F-3KQ2'")
    for form in ((), ("--json",)):
        done = CliRunner().invoke(genmon, [*arguments, *form, "--store", store])
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        assert not FORBIDDEN.search(done.output), (form, FORBIDDEN.search(done.output))
        if not form and arguments[-1] != "F-3KQ2":  # messages and stacks have lines of their own
            assert not any(line.startswith("✓ forged") for line in done.output.splitlines())
