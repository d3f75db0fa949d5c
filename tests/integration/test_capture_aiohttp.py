"""Automatic steps of aiohttp over real HTTP."""

from __future__ import annotations

from typing import Any

import aiohttp
import pytest
from integration import capture_kit
from integration.capture_server import Server

from genmon_otel.capture.adapters import aiohttp_session
from genmon_otel.records import StepRecord

pytestmark = pytest.mark.usefixtures("installed")


def steps_of(do: Any) -> list[StepRecord]:
    """The steps of a generation that does something with a session and then fails."""

    async def with_session() -> None:
        async with aiohttp.ClientSession() as session:
            await do(session)

    return capture_kit.steps_of(with_session)


@pytest.mark.parametrize(
    ("path", "says"),
    [("/json", '{"a": 1.0}'), ("/gzip", "größer"), ("/empty", ""), ("/redirect", '{"a": 1.0}')],
)
def test_bodies_are_kept(server: Server, path: str, says: str) -> None:
    """A body is the same step whether it is read whole or piece by piece."""

    async def whole(session: Any) -> None:
        async with session.get(f"{server.url}{path}", params={"q": "1"}) as response:
            await response.text()

    async def piecewise(session: Any) -> None:
        async with session.get(f"{server.url}{path}", params={"q": "1"}) as response:
            async for _ in response.content.iter_chunked(3):
                pass

    for do in (whole, piecewise):
        (step,) = steps_of(do)
        assert (step.kind, step.adapter, step.is_async) == ("value", "aiohttp", True)
        assert (step.arguments["path"], step.arguments["query"]) == (path, "q=1")
        assert step.outcome["body"] == says


def test_a_body_sent_is_kept(server: Server) -> None:
    """JSON and form bodies are the request's."""

    async def do(session: Any) -> None:
        await (await session.post(f"{server.url}/echo", json={"a": 1})).read()
        await (await session.post(f"{server.url}/echo", data={"a": "1"})).read()

    assert [s.arguments["body"] for s in steps_of(do)] == ['{"a": 1}', "a=1"]


def test_faults_are_what_they_were(server: Server) -> None:
    """No connection, a time-out, a refused status and a body that breaks off keep aiohttp's own errors."""

    async def ask(session: Any, url: str, seconds: float = 5, **options: Any) -> None:
        timeout = aiohttp.ClientTimeout(seconds)
        with pytest.raises((aiohttp.ClientError, TimeoutError)):
            await (await session.get(url, timeout=timeout, **options)).read()

    async def all_four(session: Any) -> None:
        await ask(session, "http://127.0.0.1:9/")
        await ask(session, f"{server.url}/slow", 0.1)
        await ask(session, f"{server.url}/none", raise_for_status=True)
        await ask(session, f"{server.url}/broken")

    refused, late, status, broken = steps_of(all_four)
    assert refused.outcome["type"].endswith(":ClientConnectorError")
    assert late.outcome["type"].endswith("TimeoutError")
    assert status.outcome["type"].endswith(":ClientResponseError")
    assert (broken.kind, broken.outcome[1][1]) == ("stream", "half")
    assert broken.stream_error["type"].endswith(":ClientPayloadError")


@pytest.mark.parametrize("leaves", [True, False])
def test_a_stream_comes_chunk_by_chunk(server: Server, leaves: bool) -> None:
    """A stream is read as it comes; who leaves it has cut it."""
    server.go_on.clear()

    async def read(session: Any) -> None:
        async with session.get(f"{server.url}/stream") as response:
            assert await response.content.readany() == b"data: one\n\n"
            if not leaves:
                server.go_on.set()
                assert await response.content.read() == b"data: two\n\n"

    (step,) = steps_of(read)
    server.go_on.set()
    texts = [text for _, text in step.outcome[1:]]
    assert texts == ["data: one\n\n", "data: two\n\n"][: 1 if leaves else 2]
    assert step.cut is leaves


def test_what_the_session_refuses_is_the_callers_error(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No URL, and nothing that JSON can say: aiohttp's own errors, and no internal error is counted."""
    counted: list[str] = []
    monkeypatch.setattr(aiohttp_session, "suppress_and_count", counted.append)

    async def do(session: Any) -> None:
        with pytest.raises(aiohttp.InvalidURL):
            await session.get("http://:99999/")
        with pytest.raises(TypeError, match="not JSON serializable"):
            await session.post(f"{server.url}/echo", json={"a": object()})

    assert steps_of(do) == []
    assert counted == []
