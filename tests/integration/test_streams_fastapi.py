"""Streams behind a real FastAPI application, served by uvicorn to real clients over HTTP."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI, HTTPException
from fastapi.responses import StreamingResponse

from genmon_otel.decorators import current_generation, generation, phase, step
from genmon_otel.testing import Captured, capture
from tests.port_kit import free_port

app = FastAPI()


@step
async def tokens(prompt: str) -> Any:
    """A model's stream."""
    for token in ("a", "b", "c"):
        await asyncio.sleep(0.01)
        if prompt == "break" and token == "c":
            raise ConnectionResetError("model went away")
        yield token
    if prompt == "endless":
        while True:
            await asyncio.sleep(0.01)
            yield "…"


@app.get("/stream")
@generation("stream")
async def stream(prompt: str) -> StreamingResponse:
    """Stream what the model says."""

    async def body() -> Any:
        with phase("answer"):
            async for token in tokens(prompt):
                assert current_generation().id
                yield f"data: {token}\n\n"

    return StreamingResponse(body(), media_type="text/event-stream")


@app.get("/done")
@generation("done")
async def done() -> StreamingResponse:
    """Stream to a sentinel, then clean up slowly, as servers do."""

    async def body() -> Any:
        yield "data: a\n\n"
        current_generation().complete()
        yield "data: [DONE]\n\n"
        await asyncio.sleep(30)

    return StreamingResponse(body(), media_type="text/event-stream")


@app.get("/sync")
@generation("sync")
def sync() -> StreamingResponse:
    """A synchronous endpoint with a synchronous body."""
    return StreamingResponse(iter(["a", "b"]))


@app.get("/plain")
@generation("plain")
async def plain(prompt: str) -> dict[str, str]:
    """No stream at all."""
    if prompt == "refuse":
        raise HTTPException(422, "not like this")
    return {"answer": prompt}


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The application on a free port."""
    port = free_port()
    running = uvicorn.Server(
        uvicorn.Config(app, host="127.0.0.1", port=port, log_level="critical", lifespan="off")
    )
    thread = threading.Thread(target=running.run, daemon=True)
    thread.start()
    while not running.started:
        assert thread.is_alive()
        time.sleep(0.01)
    yield f"http://127.0.0.1:{port}"
    running.should_exit = True
    thread.join(20)


def ended(seen: Captured, count: int = 1) -> None:
    """Wait until so many generations ended."""
    deadline = time.monotonic() + 120
    while len(seen.records) < count and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.05)
    assert len(seen.records) == count


def test_the_generation_lasts_until_the_body_ends(server: str) -> None:
    """A StreamingResponse keeps it open; phases and steps of the body are its own."""
    with capture() as seen:
        text = httpx.get(f"{server}/stream", params={"prompt": "x"}).text
        ended(seen)
    assert text == "data: a\n\ndata: b\n\ndata: c\n\n"
    assert seen.record.outcome == "success"
    assert seen.record.duration_s >= 0.03
    assert [stage.name for stage in seen.record.stages] == ["answer", "tokens"]


def test_an_error_in_the_body_is_a_failure(server: str) -> None:
    """An error after the response began is a failure of the generation, from its step."""
    with capture() as seen:
        with contextlib.suppress(httpx.HTTPError):
            httpx.get(f"{server}/stream", params={"prompt": "break"})
        ended(seen)
    assert seen.record.outcome == "failure"
    assert seen.record.failure is not None
    assert (seen.record.failure.trigger, seen.record.failure.stage) == ("fault", "tokens")


def test_a_client_that_disconnects_cancels(server: str) -> None:
    """The user closed the page: no failure, counted once."""
    with capture() as seen:
        with httpx.stream("GET", f"{server}/stream", params={"prompt": "endless"}) as response:
            next(response.iter_text())
        ended(seen)
    assert seen.record.outcome == "cancelled"


def test_a_client_that_stops_at_done_has_not_cancelled(server: str) -> None:
    """A client that hangs up after ``[DONE]`` got everything: ``complete()`` said so."""
    with capture() as seen:
        with httpx.stream("GET", f"{server}/done") as response:
            for text in response.iter_text():
                if "[DONE]" in text:
                    break
        ended(seen)
    assert seen.record.outcome == "success"


def test_a_synchronous_endpoint(server: str) -> None:
    """It runs in a worker thread, its body in yet another; one generation all the same."""
    with capture() as seen:
        assert httpx.get(f"{server}/sync").text == "ab"
        ended(seen)
    assert seen.record.outcome == "success"


def test_a_plain_endpoint(server: str) -> None:
    """FastAPI reads the signature through the decorator; a refusal is no attempt."""
    with capture() as seen:
        assert httpx.get(f"{server}/plain", params={"prompt": "x"}).json() == {"answer": "x"}
        assert httpx.get(f"{server}/plain").status_code == 422
        assert httpx.get(f"{server}/plain", params={"prompt": "refuse"}).status_code == 422
        ended(seen, 2)
    assert [record.outcome for record in seen.records] == ["success", "rejected"]


def test_many_clients_at_once(server: str) -> None:
    """Interleaved streams on one loop stay apart."""

    async def clients() -> None:
        async with httpx.AsyncClient() as client:
            await asyncio.gather(
                *(client.get(f"{server}/stream", params={"prompt": str(n)}) for n in range(20))
            )

    with capture() as seen:
        asyncio.run(clients())
        ended(seen, 20)
    assert {r.outcome for r in seen.records} == {"success"}
    assert all([s.name for s in r.stages] == ["answer", "tokens"] for r in seen.records)
    assert len({r.generation_id for r in seen.records}) == 20


def test_a_response_that_nobody_sends_ends_when_it_is_freed() -> None:
    """A streaming response that is thrown away does not stay open for ever."""
    with capture() as seen:
        response = sync()
        assert seen.records == []
        del response
        import gc

        gc.collect()
    assert seen.record.outcome == "cancelled"
