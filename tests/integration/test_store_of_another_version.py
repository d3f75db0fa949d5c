"""A store whose schema is not ours: the application runs on, says so once, and nothing is lost."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from click.testing import CliRunner
from opentelemetry.sdk.trace import TracerProvider
from prometheus_client import CollectorRegistry

from genmon_otel import generation, recorder, setup, shutdown
from genmon_otel.cli.doctor import doctor
from genmon_otel.store import SqlStore, schema


@generation("build")
def build(message: str | None = None) -> str:
    if message:
        raise ValueError(message)
    return "fine"


@pytest.fixture
def parts(
    store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[dict[str, Any]]:
    """What each setup() here is given."""
    monkeypatch.chdir(tmp_path)
    yield {
        "store": store_url,
        "journal_dir": tmp_path / "journal",
        "registry": CollectorRegistry(),
        "tracer_provider": TracerProvider(),
    }
    shutdown(10)


def change(url: str, *statements: str, version: str | None = None) -> None:
    """Do to a store what another version would."""
    store = SqlStore(url)
    with store._database.begin() as connection:
        for statement in statements:
            connection.execute(sa.text(statement))
        if version is not None:
            connection.execute(sa.update(schema.version).values(version_num=version))
    store.close()


def stored(url: str) -> int:
    """Generations in the store."""
    store = SqlStore(url)
    with store._database.read() as connection:
        found = connection.execute(sa.select(sa.func.count()).select_from(schema.analytics))
        return int(found.scalar_one())


def logged(caplog: pytest.LogCaptureFixture, words: str) -> list[str]:
    return [record.getMessage() for record in caplog.records if words in record.getMessage()]


@pytest.mark.parametrize("found", ["9999", "a1b2c3", schema.REVISIONS[0]])
def test_setup_runs_on_and_journals(
    parts: dict[str, Any], found: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Another schema keeps no application from starting; later all of it is stored."""
    url = parts["store"]
    caplog.set_level("INFO")
    SqlStore(url).open()
    if found == schema.REVISIONS[0] and url.startswith("sqlite"):
        pytest.skip("an older SQLite file is upgraded when it is opened")
    change(url, version=found)
    setup(**parts)
    sink = recorder.active_runtime().sink
    with pytest.raises(ValueError, match="no bracket"):
        build("no bracket")
    assert build() == "fine"
    assert not sink.flush(1.0)
    assert len(logged(caplog, f"has schema {found}")) == 1
    assert list(parts["journal_dir"].glob("*.journal"))
    said = CliRunner().invoke(doctor, ["--store", url, "--json"])
    (finding,) = [each for each in json.loads(said.output) if each["topic"] == "store"]
    assert finding["level"] == "problem"
    remedy = "genmon db upgrade" if found in schema.REVISIONS else "pip install -U genmon-otel"
    assert remedy in finding["remedy"]
    change(url, version=schema.REVISION)
    assert sink.flush(60)
    assert stored(url) == 2
    assert len(logged(caplog, "answers again")) == 1


def test_a_schema_that_becomes_newer_while_we_run(
    parts: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    """A column is renamed under us: said once, by the schema's number, and nothing is lost."""
    url = parts["store"]
    setup(**parts)
    sink = recorder.active_runtime().sink
    build()
    assert sink.flush(30)
    there, gone = "generation_analytics RENAME COLUMN framework TO", "framework_2"
    change(url, f"ALTER TABLE {there} {gone}", version="9999")
    for _ in range(3):
        with suppress(ValueError):
            build("no bracket")
    assert not sink.flush(2.0)
    deadline = time.monotonic() + 30
    while not logged(caplog, "has schema 9999") and time.monotonic() < deadline:
        time.sleep(0.02)
    sink.flush(2.0)  # tried again, and not said again
    assert len(logged(caplog, "has schema 9999")) == 1
    assert not logged(caplog, "framework")
    change(
        url,
        f"ALTER TABLE {there.replace('framework TO', gone + ' TO')} framework",
        version=schema.REVISION,
    )
    assert sink.flush(60)
    assert stored(url) == 4


def test_the_journal_waits_for_the_package_to_be_upgraded(parts: dict[str, Any]) -> None:
    """What one process journalled for a newer schema the next one stores."""
    url = parts["store"]
    SqlStore(url).open()
    change(url, version="9999")
    setup(**parts)
    for _ in range(3):
        with suppress(ValueError):
            build("no bracket")
    build()
    assert not shutdown(1.0)
    assert stored(url) == 0
    change(url, version=schema.REVISION)
    setup(**parts)
    deadline = time.monotonic() + 60
    while stored(url) < 4 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert stored(url) == 4
