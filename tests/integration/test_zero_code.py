"""``opentelemetry-instrument``: genmon without a line of code, and inert unless enabled."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, Decision

from genmon_otel import conventions as names
from genmon_otel.wiring import GenmonInstrumentor, in_force, sampler
from genmon_otel.wiring.zero_code import RecordGenerations

LAUNCHER = shutil.which("opentelemetry-instrument", path=str(Path(sys.executable).parent))

#: Says what is in force, then generates twenty things.
APPLICATION = """
    import json
    from opentelemetry import trace
    from genmon_otel import generation, recorder
    from genmon_otel import GenerationSpanProcessor

    @generation(name="build_app", framework="react")
    def build_app():
        return trace.get_current_span().is_recording()

    recorded = [build_app() for _ in range(20)]
    provider = trace.get_tracer_provider()
    processors = provider._active_span_processor._span_processors
    print(json.dumps({
        "set up": recorder.active_runtime() is not recorder.runtime._default,
        "processors": sum(isinstance(p, GenerationSpanProcessor) for p in processors),
        "sampler": provider.sampler.get_description(),
        "recorded": sum(recorded),
    }))
"""


def launched(folder: Path, **environ: str) -> tuple[dict[str, Any], str]:
    """Run the application under the launcher: what it said, and its log."""
    assert LAUNCHER is not None
    (folder / "application.py").write_text(textwrap.dedent(APPLICATION))
    clean = {
        key: value for key, value in os.environ.items() if not key.startswith(("OTEL_", "GENMON_"))
    }
    done = subprocess.run(
        [LAUNCHER, sys.executable, "application.py"],
        cwd=folder,
        env={
            **clean,
            "OTEL_TRACES_EXPORTER": "none",
            "OTEL_METRICS_EXPORTER": "none",
            "OTEL_LOGS_EXPORTER": "none",
            **environ,
        },
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer, done.stderr


def stored(path: Path) -> int:
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as connection:
        (count,) = connection.execute(f"SELECT count(*) FROM {names.TABLE_ANALYTICS}").fetchone()
    return int(count)


needs_launcher = pytest.mark.skipif(
    LAUNCHER is None, reason="opentelemetry-instrument is not installed beside this Python"
)


@needs_launcher
def test_the_launcher_sets_genmon_up(tmp_path: Path) -> None:
    """Enabled by a variable, every generation is kept, and the launcher's provider is used."""
    answer, _ = launched(tmp_path, GENMON_ENABLED="1", GENMON_STORE="kept.db")
    assert answer["set up"] is True
    assert answer["processors"] == 1
    assert answer["recorded"] == 20
    assert stored(tmp_path / "kept.db") == 20


@needs_launcher
def test_the_launcher_leaves_genmon_out_unless_enabled(tmp_path: Path) -> None:
    """Being installed is not being asked: nothing is set up, nothing is written."""
    answer, _ = launched(tmp_path, OTEL_TRACES_SAMPLER="genmon")
    assert answer["set up"] is False
    assert answer["processors"] == 0
    assert "RecordGenerations" not in answer["sampler"]
    assert not (tmp_path / ".genmon").exists()


@needs_launcher
def test_the_sampler_records_every_generation(tmp_path: Path) -> None:
    """At a ratio of 0 every generation's span is recorded, and every generation kept."""
    answer, _ = launched(
        tmp_path,
        GENMON_ENABLED="1",
        GENMON_STORE="kept.db",
        OTEL_TRACES_SAMPLER="genmon",
        OTEL_TRACES_SAMPLER_ARG="0",
    )
    assert answer["sampler"].startswith("RecordGenerations{ParentBased{")
    assert answer["recorded"] == 20
    assert stored(tmp_path / "kept.db") == 20


@needs_launcher
def test_a_wrong_setting_is_one_line_and_the_program_runs(tmp_path: Path) -> None:
    """A misspelt store is logged, and the application and its other instrumentations go on."""
    answer, log = launched(tmp_path, GENMON_ENABLED="1", GENMON_STORE="mysql://root:hunter2@db/x")
    assert answer["set up"] is False
    assert log.count("genmon is not running") == 1
    assert "hunter2" not in log
    assert "Traceback" not in log


def test_the_instrumentor_asks_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not enabled, instrumenting and uninstrumenting do nothing, with whatever arguments."""
    monkeypatch.delenv("GENMON_ENABLED", raising=False)
    instrumentor = GenmonInstrumentor()
    assert instrumentor.instrumentation_dependencies() == ()
    instrumentor.instrument(skip_dep_check=True, tracer_provider=None)
    assert in_force.current() is None
    instrumentor.uninstrument()


# --- the sampler by itself -----------------------------------------------------------------


def decision(made: Any, attributes: dict[str, str] | None) -> Decision:
    found: Decision = made.should_sample(None, 2**127, "span", attributes=attributes).decision
    return found


GENERATION = {names.ATTR_OUTCOME: "success"}


def test_only_dropped_generations_are_recorded() -> None:
    """A generation that would be dropped is recorded; what is sampled or not ours stays so."""
    off, on = RecordGenerations(ALWAYS_OFF), RecordGenerations(ALWAYS_ON)
    assert decision(off, GENERATION) is Decision.RECORD_ONLY
    assert decision(off, {"http.request.method": "GET"}) is Decision.DROP
    assert decision(off, None) is Decision.DROP
    assert decision(on, GENERATION) is Decision.RECORD_AND_SAMPLE


def test_attributes_survive_the_recording_decision() -> None:
    """The span of a recorded generation keeps the attributes it was made with."""
    result = RecordGenerations(ALWAYS_OFF).should_sample(None, 1, "span", attributes=GENERATION)
    assert result.attributes == GENERATION


@pytest.mark.parametrize(
    ("argument", "sampled"), [(None, True), ("", True), ("1", True), ("0", False), ("x", True)]
)
def test_the_argument_is_a_ratio(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    argument: str | None,
    sampled: bool,
) -> None:
    """None keeps all, a number that share of the roots, anything else all, with one logged line."""
    monkeypatch.setenv("GENMON_ENABLED", "1")
    found = decision(sampler(argument), {"http.request.method": "GET"})
    assert found is (Decision.RECORD_AND_SAMPLE if sampled else Decision.DROP)
    assert len(caplog.records) == (argument == "x")


def test_a_misspelt_switch_is_off(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """GENMON_ENABLED=maybe is logged and taken for no."""
    monkeypatch.setenv("GENMON_ENABLED", "maybe")
    assert not isinstance(sampler(), RecordGenerations)
    assert "GENMON_ENABLED='maybe'" in caplog.text
