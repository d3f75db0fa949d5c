"""The same traffic gives the same scrape, with automatic steps and without."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from integration.capture_server import Server
from prometheus_client import CollectorRegistry, generate_latest

from genmon_otel import capture as automatic
from genmon_otel import generation, phase, step
from genmon_otel.instruments import PrometheusMetrics
from genmon_otel.records import GenerationRecord
from genmon_otel.testing import ManualClock, capture

#: Names of the automatic steps of this traffic.
_AUTOMATIC = ('step="GET 127.0.0.1"', 'step="openai chat"')


class Rejected(Exception):
    """An exception that the application expects."""


def traffic(server: Server, clock: ManualClock) -> None:
    """Every way to end: success, failures of many kinds, retries, a closed tab, rejected, a stream left."""

    @step(name="check")
    def check(text: str) -> Any:
        return json.loads(text)

    @generation(name="scrape_build", framework="react", expected=(Rejected,))
    async def build(path: str, prompt: str = "") -> Any:
        async with httpx2.AsyncClient(base_url=server.url) as client:
            with phase("ask"):
                for _ in range(3 if prompt == "RATE" else 1):
                    response = await (
                        client.post(path, content=prompt) if prompt else client.get(path)
                    )
            if prompt == "REJECT":
                raise Rejected
            response.raise_for_status()
            return check(response.text)

    @generation(name="scrape_left")
    async def left() -> None:
        async with httpx2.AsyncClient() as client:
            asking = asyncio.ensure_future(client.get(f"{server.url}/stream", timeout=20))
            await asyncio.sleep(0.1)
            clock.advance(40.0)  # a closed tab, 40 s into the call
            asking.cancel()
            await asking

    @generation(name="scrape_streamed", stream=True)
    def streamed() -> Iterator[str]:
        with httpx2.stream("GET", f"{server.url}/stream") as response:
            yield from response.iter_text()

    @generation(name="scrape_many")
    def many() -> None:
        """More faults than are kept of one generation, then the first one again."""
        try:
            check("{")
        except ValueError as error:
            with httpx2.Client() as client:
                for _ in range(40):
                    client.get(f"{server.url}/none")
            raise error from None

    async def drive() -> None:
        paths = [("/json", ""), ("/none", ""), ("/gzip", ""), ("/broken", ""),
                 ("/v1/chat/completions", "RATE"), ("/v1/chat/completions", "BAD"),
                 ("/v1/chat/completions", "REJECT"), ("/v1/chat/completions", "fine")]  # fmt: skip
        for path in paths:
            await asyncio.gather(build(*path), return_exceptions=True)
        server.go_on.clear()
        await asyncio.gather(left(), return_exceptions=True)
        server.go_on.set()

    asyncio.run(drive())
    server.go_on.clear()
    stream = streamed()
    next(stream)
    stream.close()
    server.go_on.set()
    with pytest.raises(ValueError, match="Expecting"):
        many()


def scraped(server: Server, *, is_automatic: bool) -> tuple[list[str], list[GenerationRecord]]:
    """The whole scrape after the traffic, but for the times at which series started; and the records."""
    registry = CollectorRegistry()
    clock = ManualClock()
    if is_automatic:
        automatic.install()
    try:
        with capture(metrics=PrometheusMetrics(registry), clock=clock) as seen:
            traffic(server, clock)
        lines = generate_latest(registry).decode().splitlines()
    finally:
        automatic.uninstall()
    kept = [
        line
        for line in lines
        if "_created" not in line
        and "genmon_series_start" not in line
        and not any(name in line for name in _AUTOMATIC)
        # What other tests of this process decorated has series, too.
        and ('operation="' not in line or 'operation="scrape_' in line)
    ]
    return kept, seen.records


def test_a_whole_scrape_is_the_same(server: Server) -> None:
    """But for the automatic steps' own durations: every outcome, category, count and fingerprint is equal."""
    with_steps, recorded = scraped(server, is_automatic=True)
    without, bare = scraped(server, is_automatic=False)
    assert with_steps == without
    assert any('genmon_generations_total{framework="none",operation="scrape_left",outcome="cancelled"} 1.0' in line
               for line in without)  # fmt: skip

    def what(records: list[GenerationRecord]) -> list[Any]:
        return [
            (r.operation, r.outcome, r.duration_s, r.failure and (
                r.failure.fingerprint, r.failure.signature, r.failure.label, r.failure.stage))
            for r in records
        ]  # fmt: skip

    assert what(recorded) == what(bare)
    assert sum(len(r.stages) for r in recorded) > sum(len(r.stages) for r in bare) + 40
