"""A person corrects a category on the command line; running processes follow."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from genmon_otel.cli.failures import failures
from genmon_otel.errors import GenmonError
from genmon_otel.store import SqlStore
from tests.store_records import Producer, a_failure, failing


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


#: An application that fails on demand, and says what it shows of that: ``fail`` fails once,
#: ``wait TEXT`` waits until a correction's category is that text (empty: until there is none).
APPLICATION = """
import json, logging, sys, time
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import CollectorRegistry
from genmon_otel import check_health, generation, recorder, setup, shutdown
from genmon_otel.writer import loop

loop.CORRECTIONS_EVERY_S = 0.1
spans, registry, lines = InMemorySpanExporter(), CollectorRegistry(), []
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(spans))
logging.getLogger("genmon_otel").addFilter(lambda line: lines.append(line.getMessage()) or False)
setup(store=sys.argv[1], tracer_provider=provider, registry=registry)

@generation(name="build", framework="react")
def build():
    raise ValueError("no such colour")

def shown():
    sink = recorder.active_runtime().sink
    assert sink.flush(180)
    counts = {
        f"{s.labels['category']} {s.labels['severity']}": s.value
        for m in registry.collect() for s in m.samples
        if s.name == "genmon_generation_failures_total" and s.value
    }
    attributes = dict(spans.get_finished_spans()[-1].attributes)
    return {
        "counted": counts,
        "span": attributes["genmon.failure.category"],
        "fingerprint": attributes["genmon.failure.fingerprint"],
        "line": [line for line in lines if line.startswith("genmon failure")][-1].split()[4],
        "health": dict(check_health().by_category),
    }

for command in sys.stdin:
    what, _, text = command.strip().partition(" ")
    if what == "wait":
        deadline = time.monotonic() + 200
        while [c for c, _ in recorder.active_runtime().sink.corrections.values()] != text.split():
            assert time.monotonic() < deadline
            time.sleep(0.02)
        print(json.dumps("seen"), flush=True)
    else:
        try:
            build()
        except ValueError:
            print(json.dumps(shown()), flush=True)
shutdown()
"""


def test_a_running_process_follows_another_ones_word(store_url: str, tmp_path: Path) -> None:
    """Relabelled in one process, counted so in the other: metrics, span, log line, health, rows."""
    script = tmp_path / "application.py"
    script.write_text(APPLICATION, encoding="utf-8")
    environment = {**os.environ, "GENMON_JOURNAL_DIR": str(tmp_path / "journal")}
    with subprocess.Popen(
        [sys.executable, str(script), store_url], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        text=True, env=environment, cwd=tmp_path,
    ) as application:  # fmt: skip
        assert application.stdin is not None
        assert application.stdout is not None

        def ask(command: str) -> Any:
            assert application.stdin is not None
            assert application.stdout is not None
            application.stdin.write(command + "\n")
            application.stdin.flush()
            return json.loads(application.stdout.readline())

        def relabel(*arguments: str) -> str:
            done = subprocess.run(
                [sys.executable, "-c", "from genmon_otel.cli import main; main()", "failures",
                 "relabel", handle, "--store", store_url, *arguments],
                capture_output=True, text=True, check=True, env=environment,
            )  # fmt: skip
            return done.stdout

        before = ask("fail")
        assert before["counted"] == {"unknown medium": 1}
        assert before["health"] == {"unknown": 1}
        opened = SqlStore(store_url)
        (row,) = opened.failures()
        handle = row.handle

        relabel("--category", "prompt_injection", "--declared", "--severity", "low")
        ask("wait prompt_injection")
        after = ask("fail")
        assert after["counted"] == {"unknown medium": 1, "prompt_injection low": 1}
        assert (after["span"], after["line"]) == ("prompt_injection", "prompt_injection")
        assert after["health"] == {"prompt_injection": 2}
        assert after["fingerprint"] == before["fingerprint"]

        relabel("--undo")
        ask("wait")
        last = ask("fail")
        assert last["counted"] == {"unknown medium": 2, "prompt_injection low": 1}
        assert last["health"] == {"unknown": 3}
        (row,) = opened.failures()
        assert (row.category, row.severity, row.occurrence_count) == ("unknown", "medium", 3)
        opened.close()
        application.stdin.close()
        assert application.wait(250) == 0
