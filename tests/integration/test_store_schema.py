"""The schema is created when missing, upgraded from every earlier version, refused when newer."""

from __future__ import annotations

import json
import multiprocessing
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from click.testing import CliRunner

from genmon_otel import conventions as names
from genmon_otel.addresses import mask_url
from genmon_otel.cli.db import db
from genmon_otel.errors import SchemaMismatch, StoreMissing
from genmon_otel.store import SqlStore, schema, upgrade
from tests.store_records import Producer, success

SPAWN = multiprocessing.get_context("spawn")


def at_revision(url: str, revision: str) -> SqlStore:
    """Return a store with the schema of an earlier revision."""
    store = SqlStore(url)
    with store._database.begin() as connection:
        command.upgrade(upgrade.alembic_config(connection), revision)
    return store


def differences(store: SqlStore) -> list[Any]:
    """Return the differences between the database's schema and :mod:`genmon_otel.store.schema`."""
    with store._database.read() as connection:
        options = {"version_table": names.TABLE_VERSION, "compare_type": True}
        context = MigrationContext.configure(connection, opts=options)
        return list(compare_metadata(context, schema.metadata))


def test_the_revisions_are_those_of_the_files() -> None:
    """The constants list all migrations in order."""
    scripts = ScriptDirectory.from_config(upgrade.alembic_config())
    found = [script.revision for script in scripts.walk_revisions()][::-1]
    assert tuple(found) == schema.REVISIONS
    assert found[-1] == schema.REVISION


def test_a_new_database_is_made_at_once(store_url: str) -> None:
    """Opening an empty database creates the present schema; opening it again changes nothing."""
    store = SqlStore(store_url)
    store.open()
    store.open()
    assert differences(store) == []
    assert store.upgrade() == schema.REVISION
    store.close()


def test_who_only_reads_makes_no_tables(store_url: str) -> None:
    """Reading a database without genmon's tables is refused (exit 2) and changes nothing."""
    done = subprocess.run(
        [sys.executable, "-c", "from genmon_otel.cli import main; main()",
         "failures", "list", "--store", store_url],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "genmon db upgrade" in done.stderr or "There is no store at" in done.stderr
    store = SqlStore(store_url)
    with store._database.read() as connection:
        assert sa.inspect(connection).get_table_names() == []
    store.close()
    store = SqlStore(store_url, read_only=True)
    with pytest.raises(StoreMissing, match="genmon db upgrade"):
        store.open()
    store.close()


@pytest.mark.parametrize("revision", schema.REVISIONS[:-1])
def test_every_earlier_schema_becomes_todays(store_url: str, revision: str) -> None:
    """An older schema is upgraded: on SQLite when it is opened, on PostgreSQL by ``db upgrade``."""
    store = at_revision(store_url, revision)
    if store._database.is_postgresql:
        with pytest.raises(SchemaMismatch, match="genmon db upgrade"):
            store.open()
        assert store.upgrade() == revision
    store.open()
    assert differences(store) == []
    assert Producer(store).write(success()).written == 1
    store.close()


def test_db_upgrade_says_what_it_did(store_url: str) -> None:
    """From an earlier schema, from today's and from nothing: it names the schema there is now."""
    first, today = schema.REVISIONS[0], schema.REVISION
    said = (
        f"upgraded from schema {first} to {today}.",
        f"has schema {today} already, nothing to do.",
        f"made, with schema {today}.",
    )
    at_revision(store_url, first).close()
    for line in said:
        if line is said[-1]:
            store = SqlStore(store_url)
            with store._database.begin() as connection:
                schema.metadata.drop_all(connection)
            store.close()
        done = CliRunner().invoke(db, ["upgrade", "--store", store_url])
        assert done.output == f"{mask_url(store_url)}: {line}\n"
    done = CliRunner().invoke(db, ["upgrade", "--store", store_url, "--json"])
    versions = json.loads(done.output)
    assert (versions["before"], versions["after"]) == (today, today)


def test_what_older_fingerprints_name_is_superseded(store_url: str) -> None:
    """Failures that v1 names are resolved; their cases stay and say how they get today's name."""
    store = at_revision(store_url, "0002")
    states = ("proposed", "reproduced", "open", "guarding", "rejected", "retired")
    with store._database.begin() as connection:
        for number, state in enumerate(states, 1):
            row = dict.fromkeys(("operation", "error_type", "error_message", "stack_trace"), "")
            row |= {"fingerprint": f"v1:{number}", "signature": "v1:s", "handle": f"F-{number}"}
            row |= {"failure_category": "unknown", "severity": "low", "framework": "none"}
            row |= {"first_seen_at": 1.0, "last_seen_at": 2.0, "context": {}, "id": number}
            row |= {"status": "ignored" if state == "rejected" else "open"}
            connection.execute(sa.insert(schema.failures).values(row))
            case = {"created_from_failure_id": number, "signature": "v1:s", "trigger": "input"}
            case |= {"trigger_count": 0, "case": {}, "created_at": 2.0, "state": state}
            connection.execute(sa.insert(schema.tests).values({**case, "state_reason": "why"}))
    upgraded = CliRunner().invoke(db, ["upgrade", "--store", store_url, "--json"])
    assert json.loads(upgraded.output)["superseded_cases"] == 4
    store.open()
    found = {case.handle: case for case in store.cases()}
    assert [found[f"F-{n}"].state.value for n in range(1, 7)] == [
        "proposed", "proposed", "open", "guarding", "rejected", "retired",
    ]  # fmt: skip
    for number, state in enumerate(states, 1):
        over = state in ("rejected", "retired")
        reason = found[f"F-{number}"].state_reason
        assert (reason == "why") if over else reason.endswith(f"genmon cases verify F-{number}")
        status = store.failure(f"F-{number}").row.status
        assert status == ("ignored" if state == "rejected" else "resolved")
    store.close()


def test_a_newer_schema_is_refused(store_url: str) -> None:
    """An unknown schema is not changed, and the message says what to do."""
    store = SqlStore(store_url)
    store.open()
    with store._database.begin() as connection:
        connection.execute(sa.update(schema.version).values(version_num="9999"))
    for act in (store.open, store.upgrade):
        with pytest.raises(SchemaMismatch, match=r"9999.*upgrade this one"):
            act()
    store.close()


def upgrade_at_once(barrier: Any, url: str) -> None:
    """Upgrade at the same time as the other processes."""
    barrier.wait(60)
    store = SqlStore(url)
    store.upgrade()
    store.open()


def test_two_processes_may_upgrade_at_once(store_url: str) -> None:
    """Two processes that upgrade at once wait for each other; both find the present schema."""
    at_revision(store_url, schema.REVISIONS[0]).close()
    barrier = SPAWN.Barrier(2)
    both = [SPAWN.Process(target=upgrade_at_once, args=(barrier, store_url)) for _ in range(2)]
    for process in both:
        process.start()
    for process in both:
        process.join(120)
    assert [process.exitcode for process in both] == [0, 0]
    assert differences(SqlStore(store_url)) == []


def test_the_migrations_are_in_the_package() -> None:
    """The migrations are inside the package, so that the wheel contains them."""
    package = Path(upgrade.__file__).parents[1]
    assert upgrade.MIGRATIONS.is_relative_to(package)
    assert {"env.py", "script.py.mako"} <= {path.name for path in upgrade.MIGRATIONS.iterdir()}


def test_threads_upgrade_different_stores_at_once(tmp_path: Path) -> None:
    """Alembic works on module variables: two stores of one process are upgraded one by one."""
    urls = [f"sqlite:///{tmp_path / str(number)}.db" for number in range(4)]
    for url in urls:
        at_revision(url, "0002").close()

    def revision_of(url: str) -> str | None:
        store = SqlStore(url)
        store.open()
        store.close()
        with sqlite3.connect(url.removeprefix("sqlite:///")) as connection:
            return connection.execute(f"SELECT version_num FROM {names.TABLE_VERSION}").fetchone()[
                0
            ]

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(revision_of, urls)) == [schema.REVISION] * 4
