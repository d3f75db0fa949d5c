"""A newer version of the package on the same store and in the same journals: nothing is lost."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from genmon_otel import generation, recorder
from genmon_otel.journal.frames import Kind, pack, scan
from genmon_otel.store import schema
from tests.system.faults.conftest import Application
from tests.writer_kit import (
    CountingMetrics,
    FakeClock,
    MemoryStore,
    failure,
    journals,
    writer_by_hand,
)

#: What a newer writer may say of a failing generation, and what becomes of it here.
NEWER: dict[str, Any] = {
    "a key": lambda tree: tree.update(carbon_g=3),
    "a key of the failure": lambda tree: tree["failure"].update(blame="the model"),
    "a category": lambda tree: tree["failure"].update(category="quota_exceeded"),
    "a severity": lambda tree: tree["failure"].update(severity="catastrophic"),
    "more of a stage": lambda tree: tree["stages"][0].append({"tokens": 7}),
    "more of a fault": lambda tree: tree.update(step_faults=[["chat", "v2:x", 2, "new"]]),
}


def newer_journal(folder: Path, change: Any) -> None:
    """Leave the journal of a dead process of a newer version: one failure it alone can say."""
    writer = writer_by_hand(folder, MemoryStore())
    writer.deliver(failure("1" * 32))
    writer.deliver(failure("2" * 32))
    writer.crash()
    (path,) = journals(folder)
    data = b""
    for frame in scan(path.read_bytes()).frames:
        payload = frame.payload
        if frame.kind == Kind.RECORD and b"1" * 32 in payload:
            tree = json.loads(payload)
            change(tree)
            payload = json.dumps(tree).encode()
        data += pack(frame.seq, frame.kind, payload)
    path.write_bytes(data)


@pytest.mark.parametrize("change", NEWER.values(), ids=NEWER)
def test_what_a_newer_version_says_more_is_stored_without_it(tmp_path: Path, change: Any) -> None:
    """The failure is stored once as far as it is understood; its frame is left where one adds."""
    newer_journal(tmp_path, change)
    store = MemoryStore()
    heir = writer_by_hand(tmp_path, store, FakeClock(), CountingMetrics())
    heir.drain()
    assert store.ids() == ["1" * 32, "2" * 32]
    assert heir.account().balanced
    assert journals(tmp_path) == []


def test_an_outcome_that_only_a_newer_version_knows_is_counted(tmp_path: Path) -> None:
    """It cannot be stored: put aside whole, and in the books as refused, once."""
    newer_journal(tmp_path, lambda tree: tree.update(outcome="postponed"))
    store, metrics = MemoryStore(), CountingMetrics()
    heir = writer_by_hand(tmp_path, store, FakeClock(), metrics)
    heir.drain()
    assert store.ids() == ["2" * 32]
    assert metrics.drops == {"refused": 1}
    assert heir.account().balanced
    assert heir.account().adopted == 2
    assert "postponed" in (tmp_path / "refused.jsonl").read_text()


@generation(name="build", framework="react")
def build(number: int) -> str:
    if number % 2:
        raise ValueError("broken")
    return "fine"


def load(count: int) -> None:
    for number in range(count):
        with suppress(ValueError):
            build(number)


def change_schema(url: str, *statements: str, version: str = "9999") -> None:
    """Do as a newer version's migration would, in one transaction."""
    engine = sa.create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(sa.text(statement))
        connection.execute(sa.update(schema.version).values(version_num=version))
    engine.dispose()


def test_a_running_process_writes_on_in_a_schema_that_only_grew(application: Application) -> None:
    """One revision ahead, with a column that may be empty and a table: nothing stops."""
    load(10)
    assert recorder.active_runtime().sink.flush(180)
    change_schema(
        application.store,
        "ALTER TABLE generation_analytics ADD COLUMN carbon_g REAL",
        "ALTER TABLE generation_failures ADD COLUMN blame TEXT",
        "CREATE TABLE carbon (id INTEGER PRIMARY KEY)",
    )
    load(10)
    found = application.end()
    assert found.ended == {"failure": 10, "success": 10}
    assert not found.dropped


#: What a newer schema may ask of a row that ours does not give, and how that is undone.
ASKS_FOR_MORE = {
    "sqlite": (
        "CREATE TRIGGER newer BEFORE INSERT ON generation_analytics "
        "BEGIN SELECT RAISE(ABORT, 'NOT NULL constraint failed: carbon_g'); END",
        "DROP TRIGGER newer",
    ),
    "postgresql": (
        "ALTER TABLE generation_analytics ADD CONSTRAINT newer CHECK (framework = '') NOT VALID",
        "ALTER TABLE generation_analytics DROP CONSTRAINT newer",
    ),
}


def test_a_running_process_is_not_refused_its_rows_by_a_newer_schema(
    application: Application, caplog: pytest.LogCaptureFixture
) -> None:
    """A column that must be filled: it says what it found, journals, drops nothing; then stores."""
    asks, undo = ASKS_FOR_MORE[application.store.partition(":")[0]]
    load(10)
    assert recorder.active_runtime().sink.flush(180)
    change_schema(application.store, asks)
    load(10)
    deadline = time.monotonic() + 180
    while "has schema 9999" not in caplog.text and time.monotonic() < deadline:
        time.sleep(0.05)
    assert "has schema 9999; this genmon knows up to" in caplog.text
    assert "upgrade this one" in caplog.text
    assert list(application.journal.glob("*.journal"))
    change_schema(application.store, undo, version=schema.REVISION)
    found = application.end()
    assert found.ended == {"failure": 10, "success": 10}
    assert not found.dropped
