"""A damaged value hides no other row and prevents no new record."""

from __future__ import annotations

import json
import shutil
import sqlite3
import time
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result

from genmon_otel.cli import genmon
from genmon_otel.errors import NotFound, StoreRefused, StoreUnavailable
from genmon_otel.policy import Verdict
from genmon_otel.regression.cases.case_reading import CaseError
from genmon_otel.regression.propose import propose
from genmon_otel.store import SqlStore, schema
from genmon_otel.wiring.exporter import StoreMetrics
from tests.store_records import Producer, failing, recording_of, sample_of, success

#: Put into every column, one after another, as far as the database takes it.
VALUES: list[Any] = [
    "banana",
    b"\xff\xfe\x00",
    7,
    1.5,
    "",
    "[1]",
    '{"a": NaN}',
    "\x1b[2J[/]",
    "1e999",
]
COMMANDS = [
    ("failures", "list", "--status", "all"),
    ("failures", "show", "HANDLE"),
    ("cases", "list"),
    ("cases", "show", "HANDLE"),
    ("health",),
    ("tail", "--no-follow"),
]
TABLES = (
    schema.failures, schema.tests, schema.analytics, schema.test_runs, schema.recordings,
    schema.samples, schema.rollups, schema.failure_users, schema.active_user_counts,
)  # fmt: skip


def filled(url: str) -> tuple[SqlStore, Producer, str]:
    """Return a store with two failures, one with a case that has runs, and its handle."""
    store = SqlStore(url, propose=propose)
    store.open()
    producer = Producer(store)
    now = time.time()
    for at in range(3):
        record = failing(at=now - 10 + at, user_id=f"u{at}")
        producer.write(record, recordings=(recording_of(record),))
    producer.write(failing("b", at=now - 5))
    well = success(now - 4, user_id="u1")
    producer.write(well, samples=(sample_of(well),))
    (case,) = store.cases()
    store.record_run(case.id, "ci", "v1", Verdict.PASS, "fine", "run-1")
    return store, producer, case.handle


def ask(url: str, handle: str, command: tuple[str, ...], *more: str) -> Result:
    """Run a command in this process."""
    words = [handle if word == "HANDLE" else word for word in command]
    return CliRunner().invoke(genmon, [*words, "--store", url, *more])


def run(url: str, *words: str) -> Result:
    """Run a command as ``main`` does: it returns what it exits with, and known errors are raised."""
    return CliRunner().invoke(genmon, [*words, "--store", url], standalone_mode=False)


def read_all(store: SqlStore, handle: str) -> None:
    """Call every reading method of a store; NotFound is allowed."""
    store.failures(status=None)
    store.generations()
    store.health()
    store.counts()
    list(StoreMetrics(store).collect())
    store.trend(time.time() - 3_600, time.time() + 60)
    store.success_samples("build_app")
    store.corrections()
    for case in store.cases():
        store.case_runs(case.id)
    with suppress(NotFound):
        store.recordings(store.failure(handle).row.id)


def put(store: SqlStore, column: sa.Column[Any], value: Any) -> bool:
    """Write a value into every row; return whether the database accepted it."""
    postgresql = store._database.is_postgresql
    given = ":given"
    if postgresql:
        given = f"CAST(:given AS {column.type.compile(store._database.engine.dialect)})"
        if isinstance(value, bytes):
            return False
        value = str(value)
    try:
        with store._database.begin() as connection:
            statement = f'UPDATE {column.table.name} SET "{column.name}" = {given}'
            connection.execute(sa.text(statement), {"given": value})
    except (StoreRefused, StoreUnavailable):
        return False
    return True


def columns() -> list[sa.Column[Any]]:
    """List every column but the keys, which the database itself protects."""
    return [
        column
        for table in TABLES
        for column in table.columns
        if column.name != "id" and not column.foreign_keys
    ]


def test_no_value_ends_a_list_or_loses_a_record(store_url: str, tmp_path: Path) -> None:
    """With a damaged value in any one column everything is read and new records are stored."""
    store, producer, handle = filled(store_url)
    path = store._database.path
    copy = tmp_path / "copy.db"
    store.close()
    if path is not None:
        with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(copy)) as target:
            source.backup(target)
    broken: list[str] = []
    for at, column in enumerate(columns()):
        # A server refuses most of them; a file takes them all, so each column gets another.
        for value in VALUES[:3] if path is None else [VALUES[at % len(VALUES)]]:
            if path is not None:
                store.close()
                shutil.copy(copy, path)
                for left in path.parent.glob("*.db-*"):
                    left.unlink()
                producer.position = 5
            try:
                if not put(store, column, value):
                    continue
                read_all(store, handle)
                record = failing(at=time.time(), user_id="u1")
                assert producer.write(record, failing("new")).written == 2
                read_all(store, handle)
            except Exception as error:
                broken.append(f"{column} = {value!r}: {error!r}")
                if path is None:
                    break
    assert broken == []
    store.close()


SAID = [
    (schema.failures.c.context, "[1]", ("failures", "list"), "F-"),
    (schema.failures.c.severity, "banana", ("failures", "show", "HANDLE"), "medium"),
    (schema.failures.c.strikes, "{]", ("tail", "--no-follow"), "strike 1"),
    (schema.failures.c.last_seen_at, "banana", ("failures", "list"), "ago"),
    (schema.tests.c.state, "banana\x1b[2J", ("cases", "list"), "unreproducible"),
    (schema.analytics.c.duration_s, "banana", ("tail", "--no-follow"), "build_app"),
    (schema.analytics.c.duration_s, 1e308, ("tail", "--no-follow"), "<1 ms"),
]


@pytest.mark.parametrize(("column", "value", "command", "shown"), SAID, ids=str)
def test_the_row_is_named_beside_the_list(
    tmp_path: Path, column: sa.Column[Any], value: Any, command: tuple[str, ...], shown: str
) -> None:
    """A line on standard error names table, row, column and value; JSON stays JSON."""
    url = f"sqlite:///{tmp_path / 'store' / 'genmon.db'}"
    store, _, handle = filled(url)
    assert put(store, column, value)
    store.close()
    plain, as_json = ask(url, handle, command), ask(url, handle, command, "--json")
    assert plain.exception is None
    assert shown in plain.stdout
    for answer in (plain, as_json):
        (said, *_) = answer.stderr.splitlines()
        assert said.startswith(f"genmon: warning: {column.table.name} ")
        assert f": {column.name} cannot be read, it holds " in said
        assert "\x1b" not in answer.output
    texts = as_json.stdout.splitlines() if command[0] == "tail" else [as_json.stdout]
    for text in texts:
        json.loads(text, parse_constant=pytest.fail)


NO_CASES = [{"genmon_case": 1}, {"a": 1}, {"genmon_case": 1, "slug": "x", "steps": 7}]


@pytest.mark.parametrize("content", NO_CASES, ids=json.dumps)
def test_a_case_that_is_none_hides_no_other(tmp_path: Path, content: dict[str, Any]) -> None:
    """Commands name the row whose case cannot be read, with what to do, and go on with the others."""
    url = f"sqlite:///{tmp_path / 'store' / 'genmon.db'}"
    store, producer, damaged = filled(url)
    for at in range(3):
        record = failing("b", at=time.time() - 9 + at, user_id=f"u{at}")
        producer.write(record, recordings=(recording_of(record),))
    (sound,) = (row.handle for row in store.cases() if row.handle != damaged)
    with store._database.begin() as connection:
        tests = schema.tests
        connection.execute(sa.update(tests).values(state="open"))
        failure = sa.select(schema.failures.c.id).where(schema.failures.c.handle == damaged)
        connection.execute(
            sa.update(tests)
            .where(tests.c.created_from_failure_id.in_(failure))
            .values(case=content)
        )
    store.close()
    warned = f"genmon: warning: Case {damaged} cannot be read"
    listed = ask(url, damaged, ("cases", "list"))
    assert warned in listed.stderr
    assert damaged in listed.stdout
    assert sound in listed.stdout
    assert listed.exit_code == 0
    folder = tmp_path / "cases"
    exported = run(url, "cases", "export", str(folder))
    assert (exported.return_value, exported.stderr.startswith(warned)) == (7, True)
    assert len(list(folder.glob("*.genmon.json"))) == 1
    ran = run(url, "cases", "run", "--cwd", str(tmp_path), "--json")
    assert (ran.return_value, ran.stderr.startswith(warned)) == (7, True)
    assert [each["case"] for each in json.loads(ran.stdout)] == [sound]
    named = run(url, "cases", "run", damaged)
    assert isinstance(named.exception, CaseError)
    assert f"Case {damaged} cannot be read" in str(named.exception)
    assert f"genmon cases retire {damaged}" in str(named.exception)
    with store._database.begin() as connection:  # the run has changed them
        connection.execute(sa.update(schema.tests).values(state="reproduced"))
    store.close()
    shrunk = run(url, "cases", "shrink", damaged, sound, "--cwd", str(tmp_path), "--json")
    assert (shrunk.return_value, shrunk.stderr.startswith(warned), shrunk.exception) == (
        7,
        True,
        None,
    )
    assert [each["case"] for each in json.loads(shrunk.stdout)] == [sound]
    replayed = ask(url, damaged, ("replay", "HANDLE"), "--cwd", str(tmp_path))
    assert "its case cannot be read" in replayed.stdout


def test_a_huge_row_is_shown_without_its_middle(tmp_path: Path) -> None:
    """A message or stack beyond what genmon stores is cut where it is shown."""
    url = f"sqlite:///{tmp_path / 'store' / 'genmon.db'}"
    store, _, handle = filled(url)
    assert put(store, schema.failures.c.error_message, "word\x1b[31m \n" * 700_000 + "end")
    assert put(store, schema.failures.c.stack_trace, "frame\n" * 1_000_000)
    store.close()
    for command in (("failures", "show", "HANDLE"), ("failures", "list"), ("tail", "--no-follow")):
        for form in ((), ("--json",)):
            shown = ask(url, handle, command, *form)
            assert shown.exception is None
            assert len(shown.stdout) < 300_000
            assert command[1] != "show" or "end" in shown.stdout


def test_a_text_that_is_no_utf_8_is_read(tmp_path: Path) -> None:
    """Text that is not UTF-8 is read."""
    url = f"sqlite:///{tmp_path / 'store' / 'genmon.db'}"
    store, _, handle = filled(url)
    with store._database.begin() as connection:
        connection.execute(
            sa.text("UPDATE generation_failures SET error_message = CAST(x'6eff6f' AS TEXT)")
        )
    store.close()
    for command in COMMANDS:
        answer = ask(url, handle, command)
        assert answer.exception is None, command
        assert not answer.stderr, command


def test_a_writer_heals_what_it_writes_anew(store_url: str) -> None:
    """Damaged strikes are counted from one again; the next occurrence replaces the context."""
    store, producer, handle = filled(store_url)
    for column in (schema.failures.c.strikes, schema.failures.c.users_by_day):
        assert put(store, column, '"banana"')
    assert put(store, schema.failures.c.context, "7")
    (strike,) = producer.write(failing(at=time.time(), user_id="u9")).strikes
    assert (strike.handle, strike.strikes) == (handle, 1)
    detail = store.failure(handle)
    assert detail.row.context["stage"] == "call_model"
    assert detail.row.occurrence_count == 4
    assert detail.impact.users_week == 1
    store.close()
