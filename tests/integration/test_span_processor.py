"""``GenerationSpanProcessor`` on a provider is the whole product: with it alone, and beside ``setup()``."""

from __future__ import annotations

import inspect
import os
import sqlite3
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from genmon_otel import GenerationSpanProcessor, setup
from genmon_otel import conventions as names

#: What each application below begins with: a failing generation, an exporter, what was counted.
PRELUDE = """
import logging, os, sys
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode
from prometheus_client import REGISTRY
from genmon_otel import GenerationSpanProcessor, GenmonError, check_health, generation, setup, shutdown, step

@step
def call_model(prompt):
    return "x = ("

@generation(framework="react")
def build_app(request):
    return compile(call_model(request), "answer", "exec")

def fail(times=1):
    for _ in range(times):
        try:
            build_app("a shop")
        except SyntaxError:
            pass

def provider(*processors, **options):
    made = TracerProvider(**options)
    made.spans = InMemorySpanExporter()
    made.add_span_processor(SimpleSpanProcessor(made.spans))
    for each in processors:
        made.add_span_processor(each)
    return made

def spans(of):
    return [span.name for span in of.spans.get_finished_spans()]

def counted():
    labels = {"operation": "build_app", "framework": "react", "outcome": "failure"}
    return REGISTRY.get_sample_value("genmon_generations_total", labels)

def foreign_failure(of):
    span = of.get_tracer("another").start_span("invoke_agent shop", attributes={"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "shop"})
    span.record_exception(TimeoutError("too slow"))
    span.set_status(StatusCode.ERROR)
    span.end()
"""
BOTH = ["call_model", "invoke_workflow build_app"]


def run(folder: Path, text: str, **environ: str) -> str:
    """Run an application in a process of its own; returns what it printed and logged."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("GENMON_", "OTEL_"))}
    done = subprocess.run(
        [sys.executable, "-c", PRELUDE + textwrap.dedent(text)],
        cwd=folder,
        env={**kept, "XDG_STATE_HOME": str(folder / "state"), **environ},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def stored(folder: Path, name: str = "shop.db") -> list[tuple[str, str]]:
    """Operation and outcome of each generation in a store."""
    with sqlite3.connect(f"file:{folder / name}?mode=ro", uri=True) as connection:
        query = f"SELECT operation, outcome FROM {names.TABLE_ANALYTICS} ORDER BY id"
        return connection.execute(query).fetchall()


FAILED = ("build_app", "failure")


def test_it_takes_what_setup_takes() -> None:
    """Every argument of ``setup()`` is one of the processor's, with the same default."""
    mine = inspect.signature(GenerationSpanProcessor).parameters
    assert dict(mine) == dict(inspect.signature(setup).parameters)


@pytest.mark.parametrize("place", ["the global provider", "a provider of its own"])
def test_alone_it_is_the_whole_product(tmp_path: Path, place: str) -> None:
    """A failing generation is a row, a count and a span, whichever provider has the processor."""
    said = run(
        tmp_path,
        f"""
        mine = provider(GenerationSpanProcessor(store="shop.db", code_version="v1"))
        if {place == "the global provider"}:
            trace.set_tracer_provider(mine)
        fail(3)
        assert mine.force_flush()
        assert check_health().failures == 3
        assert sorted(set(spans(mine))) == {BOTH} and len(spans(mine)) == 6, spans(mine)
        assert counted() == 3
        """,
    )
    assert stored(tmp_path) == [FAILED] * 3
    assert not (tmp_path / ".genmon").exists()
    assert "genmon failure F-" in said


@pytest.mark.parametrize("order", ["before", "after", "both"])
def test_beside_setup_it_is_one_installation(tmp_path: Path, order: str) -> None:
    """With ``setup()`` before or after there is one row, one count and one span, and no warning."""
    said = run(
        tmp_path,
        f"""
        logging.basicConfig(level="WARNING", format="%(levelname)s %(message)s")
        if {order in ("before", "both")}:
            setup("shop.db")
        mine = provider(GenerationSpanProcessor("shop.db"))
        if {order in ("after", "both")}:
            setup("shop.db")
        setup()
        fail()
        assert mine.force_flush()
        assert sorted(spans(mine)) == {BOTH}, spans(mine)
        assert counted() == 1
        """,
    )
    assert stored(tmp_path) == [FAILED]
    assert "set up already" not in said


def test_added_more_than_once_it_counts_once(tmp_path: Path) -> None:
    """The same one twice, others on the same provider and on a second one: one row a failure."""
    run(
        tmp_path,
        """
        one = GenerationSpanProcessor("shop.db")
        first = provider(one, one, GenerationSpanProcessor("shop.db"))
        second = provider(GenerationSpanProcessor())
        fail()
        foreign_failure(first)
        foreign_failure(second)
        assert first.force_flush() and second.force_flush()
        assert sorted(spans(first)) == ["call_model", "invoke_agent shop", "invoke_workflow build_app"]
        assert spans(second) == ["invoke_agent shop"]
        assert counted() == 1
        """,
    )
    assert stored(tmp_path) == [FAILED]
    with sqlite3.connect(f"file:{tmp_path / 'shop.db'}?mode=ro", uri=True) as connection:
        query = f"SELECT operation, occurrence_count FROM {names.TABLE_FAILURES} ORDER BY operation"
        assert connection.execute(query).fetchall() == [("build_app", 1), ("shop", 2)]


def test_another_store_is_warned_of(tmp_path: Path) -> None:
    """The first one's options stay; what the second one asked for is named, never its password."""
    said = run(
        tmp_path,
        """
        first = provider(GenerationSpanProcessor("shop.db"))
        GenerationSpanProcessor("postgresql://me:hunter2@nowhere/x", capture="off")
        setup(tracer_provider=first)
        setup(tracer_provider=provider())
        """,
    )
    assert "another store, capture; the first stays" in said
    assert said.count("set up already") == 2
    assert "another tracer_provider; the first stays" in said
    assert "hunter2" not in said


def test_the_provider_flushes_and_generations_outlive_it(tmp_path: Path) -> None:
    """``provider.shutdown()`` stores what there is; what fails afterwards is kept by the exit."""
    run(
        tmp_path,
        """
        import sqlite3
        mine = provider(GenerationSpanProcessor("shop.db"))
        trace.set_tracer_provider(mine)
        fail()
        mine.shutdown()
        (rows,) = sqlite3.connect("shop.db").execute("SELECT count(*) FROM generation_analytics")
        assert rows == (1,), rows
        fail()
        """,
    )
    assert stored(tmp_path) == [FAILED] * 2


def test_shutdown_undoes_it_and_another_may_follow(tmp_path: Path) -> None:
    """After ``shutdown()`` nothing is counted or kept; a new processor starts anew."""
    run(
        tmp_path,
        """
        mine = provider(GenerationSpanProcessor("shop.db"))
        fail()
        assert shutdown() and shutdown()
        fail()
        foreign_failure(mine)
        assert counted() is None
        assert mine.force_flush()
        other = provider(GenerationSpanProcessor("other.db"))
        fail()
        assert counted() == 1
        assert spans(other), "the new processor's provider makes the spans"
        """,
    )
    assert stored(tmp_path) == [FAILED]
    assert stored(tmp_path, "other.db") == [FAILED]


def test_forked_children_count_for_themselves(tmp_path: Path) -> None:
    """Parent and children keep each their own generations, once each."""
    run(
        tmp_path,
        """
        import multiprocessing
        mine = provider(GenerationSpanProcessor("shop.db"))
        fail()
        children = [multiprocessing.get_context("fork").Process(target=fail) for _ in range(2)]
        for child in children:
            child.start()
        for child in children:
            child.join()
            assert child.exitcode == 0
        fail()
        """,
    )
    assert stored(tmp_path) == [FAILED] * 4


def test_it_may_be_made_before_its_provider(tmp_path: Path) -> None:
    """Generations that run before the processor is added are kept too, and the next ones have spans."""
    run(
        tmp_path,
        f"""
        made = GenerationSpanProcessor("shop.db")
        fail()
        mine = provider(made)
        fail(2)
        assert sorted(set(spans(mine))) == {BOTH}, spans(mine)
        """,
    )
    assert stored(tmp_path) == [FAILED] * 3


def test_a_replay_is_left_alone(tmp_path: Path) -> None:
    """In the process of a replay nothing is set up, whatever the options, and no hook does anything."""
    run(
        tmp_path,
        """
        mine = provider(GenerationSpanProcessor("mysql://nonsense", metrics_port=-7))
        fail()
        foreign_failure(mine)
        assert counted() is None
        """,
        GENMON_REPLAY="1",
    )
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_honoured_is_refused_at_once(tmp_path: Path) -> None:
    """A wrong option raises where the processor is made; decorated code runs on."""
    run(
        tmp_path,
        """
        for options in ({"store": "mysql://x/y"}, {"capture": "some"}, {"registry": 1}, {"metrics_port": 70000}):
            try:
                GenerationSpanProcessor(**options)
            except GenmonError as error:
                assert "allowed" in str(error) or "know" in str(error), error
            else:
                raise AssertionError(options)
        fail()
        """,
    )
