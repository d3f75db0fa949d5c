"""A person corrects a category on the command line; running processes follow."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from genmon_otel.cli.failures import failures
from genmon_otel.errors import GenmonError
from genmon_otel.store import SqlStore
from store_records import Producer, a_failure, failing


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    """A store with one failure, whose category a status decided."""
    opened = SqlStore(f"sqlite:///{tmp_path}/genmon.db")
    opened.open()
    Producer(opened).write(failing(failure=a_failure(rule="status:429")))
    yield opened
    opened.close()


def genmon(store: SqlStore, *arguments: str) -> tuple[int, str]:
    """Run a command on that store: its exit status and what it printed, on whichever stream."""
    done = CliRunner().invoke(failures, [*arguments, "--store", str(store._database.path)])
    if isinstance(error := done.exception, GenmonError):
        return error.exit_code, str(error)
    return done.exit_code, done.output


def test_the_command_line_says_who_decided_and_why(store: SqlStore) -> None:
    """Relabelled, it is marked in the list; ``show`` names who, when, the rules and the evidence."""
    handle = store.failures()[0].handle
    _, shown = genmon(store, "show", handle)
    assert "because" in shown
    assert "429" in shown
    assert "relabelled" not in shown

    status, said = genmon(store, "relabel", handle, "--category", "unknown",
                          "--severity", "low", "--reviewer", "ada")  # fmt: skip
    assert (status, said) == (0, f"{handle} is unknown, low: the rules said rate_limit, medium.\n")
    assert "unknown (relabelled)" in genmon(store, "list")[1]
    assert "unknown, low" in (shown := genmon(store, "show", handle)[1])
    assert "relabelled by ada, 0 s ago" in shown
    assert "the rules  say rate_limit, medium: " in shown
    assert "429" in shown
    told = json.loads(genmon(store, "list", "--json")[1])[0]
    assert (told["category"], told["relabelled_by"], told["rules_category"]) == (
        "unknown",
        "ada",
        "rate_limit",
    )

    status, said = genmon(store, "relabel", handle, "--undo")
    assert (status, said) == (0, f"{handle} is rate_limit, medium: as the rules say.\n")
    assert "relabelled" not in genmon(store, "list")[1]


@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [
        ((), 2, "--category, --severity or both; or --undo"),
        (("--undo", "--category", "unknown"), 2, "give it alone"),
        (("--severity", "awful"), 2, "'low', 'medium', 'high', 'critical'"),
        (("--category", "ratelimit"), 2, "add --declared"),
        (("--category", "unknown", "--reviewer", " "), 2, "is empty"),
    ],
)
def test_what_is_not_allowed_is_said(
    store: SqlStore, arguments: tuple[Any, ...], status: int, says: str
) -> None:
    """The message says what is allowed; nothing is changed."""
    (row,) = store.failures()
    code, said = genmon(store, "relabel", row.handle, *arguments)
    assert code == status
    assert says in " ".join(said.split())
    assert store.failures() == [row]
