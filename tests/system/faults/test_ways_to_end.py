"""Every way in which a call can end, clocks that jump, spans that go astray: each counted once."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import product

import pytest
from opentelemetry.instrumentation.sqlalchemy import SQLAlchemyInstrumentor
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from genmon_otel import GenerationSpanProcessor, generation, recorder, step
from tests.system.faults.conftest import Application


@generation(name="build", framework="react")
def build(error: BaseException | None = None) -> str:
    if error is not None:
        raise error
    return "fine"


@generation(name="stream", framework="react")
def stream(count: int) -> Iterator[int]:
    yield from range(count)


@step
async def wait() -> None:
    await asyncio.sleep(600)


@generation(name="wait", framework="react")
async def waiting() -> None:
    await wait()


def test_every_way_out(application: Application) -> None:
    """The caller gets the very exception; each call is counted under its outcome, once."""
    raised = [
        KeyboardInterrupt(),
        SystemExit(0),
        SystemExit(3),
        GeneratorExit(),
        ValueError("x"),
        MemoryError(),
    ]
    for error in raised:
        with pytest.raises(type(error)) as caught:
            build(error)
        assert caught.value is error
    build()
    assert list(stream(3)) == [0, 1, 2]
    left = stream(3)
    next(left)
    left.close()

    async def cancelled() -> None:
        task = asyncio.create_task(waiting())
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancelled())
    assert application.end().ended == Counter(cancelled=5, failure=3, success=2)


@dataclass
class Jumping:
    """A wall clock that jumps an hour back and a day forth at each look."""

    looks: int = 0

    def now(self) -> float:
        self.looks += 1
        return time.time() + (-3600, 86_400, 0)[self.looks % 3]

    monotonic = staticmethod(time.monotonic)


def test_clocks_that_jump(application: Application) -> None:
    """Both ways, in the middle of generations: none is lost, none takes less than no time."""
    recorder.active_runtime().clock = Jumping()
    for number in range(50):
        with suppress(ValueError):
            build(ValueError("x") if number % 2 else None)
    durations = [
        sample.value
        for family in application.registry.collect()
        for sample in family.samples
        if sample.name == "genmon_generation_duration_seconds_sum"
    ]
    assert durations
    assert all(0 <= duration < 60 for duration in durations)
    assert application.end().ended == Counter(failure=25, success=25)


def test_spans_that_go_astray(application: Application) -> None:
    """Our processor twice, the provider shut down under us, the store instrumented: once each."""
    spans = InMemorySpanExporter()
    instrumentor = SQLAlchemyInstrumentor()
    instrumentor.instrument(tracer_provider=application.provider)
    try:
        application.provider.add_span_processor(GenerationSpanProcessor())
        application.provider.add_span_processor(SimpleSpanProcessor(spans))
        for _ in range(5):
            with suppress(ValueError):
                build(ValueError("x"))
        application.provider.shutdown()
        for _ in range(5):
            with suppress(ValueError):
                build(ValueError("x"))
        found = application.end()
    finally:
        instrumentor.uninstrument()
    assert found.ended == Counter(failure=10)
    assert {span.name for span in spans.get_finished_spans()} == {"invoke_workflow build"}


@pytest.mark.long("twenty thousand failures, each of another fingerprint")
def test_floods_are_bounded_and_starve_nobody(application: Application) -> None:
    """10,000 fingerprints and 10,000 label values a minute: counted, and one plain call is seen."""
    letters = "bcdfghjklm"
    words = ["".join(word) for word in product(letters, "aeiouyäöüå", letters, "aeiouyäöüå")]
    with suppress(ValueError):
        build(ValueError("x"))
    for word in words:
        with suppress(ValueError), generation("flood", framework=word):
            raise ValueError(f"{word} is no thing")
    build()
    series = sum(
        sample.name == "genmon_generations_total"
        for family in application.registry.collect()
        for sample in family.samples
    )
    assert series < 1000
    found = application.end()
    assert found.ended == Counter(failure=10_001, success=1)
    assert not found.dropped
    assert found.internal_errors["fingerprint_overflow"] > 9000
    assert found.internal_errors["label_overflow"] >= 9000
