"""Automatic steps of calls that a generation has another thread make."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from integration.capture_server import Server
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from genmon_otel import capture as automatic
from genmon_otel import generation
from genmon_otel.testing import Captured, capture

pytestmark = pytest.mark.usefixtures("installed")


def in_pool(call: Any) -> None:
    with ThreadPoolExecutor(1) as pool:
        pool.submit(call).result()


def in_loop(call: Any) -> None:
    async def main() -> None:
        await asyncio.get_running_loop().run_in_executor(None, call)

    asyncio.run(main())


def in_thread(call: Any) -> None:
    thread = threading.Thread(target=call)
    thread.start()
    thread.join()
    assert "run" not in thread.__dict__


@pytest.mark.parametrize("elsewhere", [in_pool, in_loop, in_thread])
def test_a_call_in_another_thread_is_a_step(server: Server, elsewhere: Any) -> None:
    """It is a step of the generation that asked for it, and its span lies below that one's."""

    @generation(name="tried")
    def tried() -> None:
        elsewhere(lambda: httpx.get(f"{server.url}/json"))

    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    with capture(tracer_provider=provider) as seen:
        tried()
    assert [stage.name for stage in seen.record.stages] == ["GET 127.0.0.1"]
    step, root = exporter.get_finished_spans()
    assert step.parent is not None
    assert step.parent.span_id == root.context.span_id


@pytest.mark.parametrize("is_ours_last", [True, False])
def test_beside_another_that_replaces_run(
    server: Server, is_ours_last: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As sentry-sdk does, which calls the function of the method that it finds; put on before us or after."""
    ran: list[str] = []
    start = threading.Thread.start
    if is_ours_last:
        automatic.uninstall()
        start = threading.Thread.start

    def starts(self: Any) -> None:
        function = getattr(self.run, "__func__", self.run)

        def run(*args: Any) -> Any:
            ran.append("theirs")
            return function(threading.current_thread(), *args[1:])

        self.run = run
        start(self)

    monkeypatch.setattr(threading.Thread, "start", starts)
    if is_ours_last:
        automatic.install()

    @generation(name="tried")
    def tried() -> None:
        thread = threading.Thread(target=lambda: ran.append(httpx.get(f"{server.url}/json").text))
        thread.start()
        thread.join()

    with capture() as seen:
        tried()
    assert (ran[0], ran[-1]) == ("theirs", '{"a": 1.0}')  # the server has threads, too
    assert [stage.name for stage in seen.record.stages] == ["GET 127.0.0.1"]


def test_a_timer_that_another_wrapped_before(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As OpenTelemetry's threading instrumentation does: its start is no longer that of threads."""
    automatic.uninstall()
    start = threading.Thread.start
    monkeypatch.setattr(threading.Timer, "start", start, raising=False)
    automatic.install()

    @generation(name="tried")
    def tried() -> None:
        timer = threading.Timer(0, lambda: httpx.get(f"{server.url}/json"))
        timer.start()
        timer.join()

    with capture() as seen:
        tried()
    automatic.uninstall()
    assert [stage.name for stage in seen.record.stages] == ["GET 127.0.0.1"]
    assert "__genmon_wraps__" not in vars(threading.Timer.start)


@pytest.mark.parametrize("elsewhere", [in_pool, in_thread])
def test_no_count_depends_on_it(server: Server, elsewhere: Any) -> None:
    """A generation that begins in another thread is an attempt of its own, as without automatic steps."""

    @generation(name="inner")
    def inner() -> None:
        httpx.get(f"{server.url}/json")

    @generation(name="outer")
    def outer() -> None:
        elsewhere(inner)

    def counted() -> Captured:
        with capture() as seen:
            outer()
        return seen

    with_steps = [(r.operation, r.outcome) for r in counted().records]
    automatic.uninstall()
    assert with_steps == [(r.operation, r.outcome) for r in counted().records]
    assert len(with_steps) == 2


def test_a_pool_works_for_whoever_asks(server: Server) -> None:
    """A pool's thread that was started for one generation does not work for it afterwards."""
    pool = ThreadPoolExecutor(1)

    @generation(name="first")
    def first() -> None:
        pool.submit(httpx.get, f"{server.url}/json").result()

    with pool, capture() as seen:
        first()

        @generation(name="second")
        def second() -> None:
            pool.submit(httpx.get, f"{server.url}/json").result()

        second()
        pool.submit(httpx.get, f"{server.url}/json").result()
    assert [(r.operation, len(r.stages)) for r in seen.records] == [("first", 1), ("second", 1)]
