"""Automatic steps of httpx and httpx2 over real HTTP: what is recorded, and that nothing changes."""

from __future__ import annotations

import asyncio
import functools
import importlib
import json
from collections.abc import Iterator
from typing import Any

import pytest
from integration import capture_server
from integration.capture_server import Server

from genmon_otel import capture as automatic
from genmon_otel import generation, step
from genmon_otel.recordings import prepare
from genmon_otel.records import StepRecord
from genmon_otel.redaction import Redactor
from genmon_otel.testing import Captured, capture


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with capture_server.running() as running:
        yield running


@pytest.fixture(autouse=True)
def installed() -> Iterator[None]:
    automatic.install()
    yield
    automatic.uninstall()


@pytest.fixture(params=["httpx", "httpx2"])
def library(request: pytest.FixtureRequest) -> Any:
    return importlib.import_module(request.param)


class Failed(Exception):
    """Raised by the tests' generations, so that their steps are kept."""


def steps_of(do: Any) -> list[StepRecord]:
    """The steps of a generation that does something and then fails, redacted as they are stored."""

    @generation(name="tried")
    def tried() -> None:
        do()
        raise Failed

    with capture() as seen, pytest.raises(Failed):
        tried()
    return list(prepare(seen.recordings[0], Redactor()).steps)


def test_a_request_is_a_step(library: Any, server: Server) -> None:
    """Method, path, query, status, allow-listed headers and body are kept; cookies and keys are not."""
    (step_,) = steps_of(
        lambda: library.get(
            f"{server.url}/json?q=1", headers={"authorization": "Bearer s3cr3tvalue"}
        )
    )
    assert step_.name == "GET 127.0.0.1"
    assert step_.adapter == "httpx"
    assert step_.site.startswith("test_capture_httpx.py:test_a_request_is_a_step")
    assert step_.arguments == {
        "method": "GET",
        "host": "127.0.0.1",
        "path": "/json",
        "query": "q=1",
    }
    assert step_.outcome["status"] == 200
    assert step_.outcome["body"] == '{"a": 1.0}'
    assert step_.outcome["headers"] == {
        "content-type": "application/json",
        "x-request-id": "r1",
        "content-length": "10",
    }
    assert "s3cr3tvalue" not in json.dumps(step_.outcome) + json.dumps(step_.arguments)


@pytest.mark.parametrize(
    ("path", "kind", "says"),
    [
        ("/gzip", "value", "größer"),
        ("/binary", "value", {"$": "opaque", "type": "builtins:bytes", "why": "binary"}),
        ("/large", "value", {"$": "opaque", "type": "builtins:bytes", "why": "size"}),
        ("/empty", "value", ""),
        ("/none", "value", '{"error": "no such thing"}'),
    ],
)
def test_bodies_are_kept_decoded(
    library: Any, server: Server, path: str, kind: str, says: Any
) -> None:
    """Text is kept unpacked; what is no text, or too large, by its length and digest."""
    (step_,) = steps_of(lambda: library.get(f"{server.url}{path}"))
    assert (step_.kind, step_.outcome["body"]) == (kind, says)
    if isinstance(says, dict):
        assert step_.outcome["length"] in (256, 2 << 20)
        assert len(step_.outcome["sha256"]) == 32


def test_faults_are_what_they_were(library: Any, server: Server) -> None:
    """No connection, a time-out, and a body that breaks off are recorded as the library's own errors."""

    def ask(url: str, **options: Any) -> None:
        with pytest.raises(library.HTTPError):
            library.get(url, **options)

    def all_three() -> None:
        ask("http://127.0.0.1:9/")
        ask(f"{server.url}/slow", timeout=0.05)
        ask(f"{server.url}/broken")

    refused, late, broken = steps_of(all_three)
    assert refused.outcome["type"] == f"{library.__name__}:ConnectError"
    assert late.outcome["type"] == f"{library.__name__}:ReadTimeout"
    assert broken.kind == "stream"
    assert broken.outcome[1][1] == "half"
    assert broken.stream_error["type"] == f"{library.__name__}:RemoteProtocolError"


def test_a_stream_comes_chunk_by_chunk(library: Any, server: Server) -> None:
    """The first chunk is there before the second one is sent, and both are recorded apart."""
    server.go_on.clear()

    def read() -> None:
        with library.stream("GET", f"{server.url}/stream") as response:
            chunks = response.iter_raw()
            assert next(chunks) == b"data: one\n\n"
            server.go_on.set()
            assert b"".join(chunks) == b"data: two\n\n"

    (step_,) = steps_of(read)
    head, *chunks = step_.outcome
    assert (step_.kind, head["status"], step_.cut) == ("stream", 200, False)
    assert [text for _, text in chunks] == ["data: one\n\n", "data: two\n\n"]
    assert step_.started_s + chunks[0][0] <= step_.started_s + chunks[1][0] <= step_.ended_s + 0.001


def test_a_stream_that_its_reader_leaves_is_cut(library: Any, server: Server) -> None:
    """Who stops reading gets his connection closed as without us, and the step says so."""
    server.go_on.clear()

    async def read() -> None:
        async with (
            library.AsyncClient() as client,
            client.stream("GET", f"{server.url}/stream") as response,
        ):
            async for chunk in response.aiter_raw():
                assert chunk == b"data: one\n\n"
                break

    (step_,) = steps_of(lambda: asyncio.run(read()))
    server.go_on.set()
    assert (step_.kind, step_.cut, step_.is_async) == ("stream", True, True)
    assert [text for _, text in step_.outcome[1:]] == ["data: one\n\n"]


def test_only_calls_of_generations_are_steps(library: Any, server: Server) -> None:
    """Outside a generation, in a decorated step, and in process nothing is recorded; in a block it is."""

    @step("asks")
    def asks() -> int:
        return int(library.get(f"{server.url}/json").status_code)

    def handler(request: Any) -> Any:
        return library.Response(200, json={})

    def do() -> None:
        asks()
        with library.Client(transport=library.MockTransport(handler)) as client:
            client.get("http://nowhere.example/")
        with step("block"):
            library.get(f"{server.url}/json")

    library.get(f"{server.url}/json")
    assert [s.name for s in steps_of(do)] == ["asks", "block", "GET 127.0.0.1"]


def test_credentials_are_never_recorded(library: Any, server: Server) -> None:
    """What gives out tokens is no step; a redirect is one for each request."""

    def do() -> None:
        library.post(f"{server.url}/oauth/token", data={"client_secret": "x"})
        library.get(f"{server.url}/redirect", follow_redirects=True)

    assert [s.outcome["status"] for s in steps_of(do)] == [302, 200]


def test_what_is_ignored_is_no_step(library: Any, server: Server) -> None:
    """``steps_ignore`` leaves out hosts and paths."""
    automatic.install(["/json"])
    assert [s.arguments["path"] for s in steps_of(
        lambda: (library.get(f"{server.url}/json"), library.get(f"{server.url}/empty"))
    )] == ["/empty"]  # fmt: skip


def test_the_patches_go_as_they_came(library: Any, server: Server) -> None:
    """Put on twice is once; taken off the library is its own; below another's patch we call through."""
    automatic.install()
    kind = library.HTTPTransport
    ours = kind.handle_request
    automatic.uninstall()
    bare = kind.handle_request
    assert bare is ours.__wrapped__
    automatic.install()
    inner = kind.handle_request

    @functools.wraps(inner)
    def others(self: Any, request: Any) -> Any:
        return inner(self, request)

    kind.handle_request = others
    try:
        automatic.uninstall()
        assert steps_of(lambda: library.get(f"{server.url}/json")) == []
        automatic.install()
        assert len(steps_of(lambda: library.get(f"{server.url}/json"))) == 1
    finally:
        kind.handle_request = bare


def test_what_breaks_inside_lets_the_call_through(
    library: Any, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An adapter that cannot read a request does not record it, and the answer comes all the same."""
    from genmon_otel.capture.adapters import httpx_transports

    def ask() -> None:
        library.get(f"{server.url}/json").raise_for_status()

    assert len(steps_of(ask)) == 1
    monkeypatch.setattr(httpx_transports, "sent_of", lambda request: 1 / 0)
    assert steps_of(ask) == []


def outcomes(library: Any, server: Server) -> tuple[Captured, list[Any]]:
    """The records of the same traffic: a success, a caller that went away after a minute, failures."""

    @generation(name="traffic")
    async def traffic(path: str) -> Any:
        async with library.AsyncClient() as client:
            response = await client.get(f"{server.url}{path}", timeout=20)
            response.raise_for_status()
            return json.loads(response.text)

    @generation(name="left")
    async def left() -> None:
        async with library.AsyncClient() as client:
            await client.get(f"{server.url}/stream", timeout=20)

    async def drive() -> None:
        for path in ("/json", "/none", "/gzip", "/broken"):
            await asyncio.gather(traffic(path), return_exceptions=True)
        task = asyncio.ensure_future(left())
        await asyncio.sleep(0.1)
        server.go_on.clear()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    server.go_on.clear()
    with capture() as seen:
        asyncio.run(drive())
    server.go_on.set()
    return seen, [
        (r.operation, r.outcome, r.failure and (r.failure.fingerprint, r.failure.label))
        for r in seen.records
    ]


def test_automatic_steps_change_no_count(library: Any, server: Server) -> None:
    """Outcomes, categories and fingerprints of the same traffic are equal with automatic steps and without."""
    _, recorded = outcomes(library, server)
    automatic.uninstall()
    _, bare = outcomes(library, server)
    assert recorded == bare
    assert len(bare) == 5


def test_the_client_tells_whose_api_a_gateway_serves(library: Any, server: Server) -> None:
    """Behind a gateway, another provider's client that speaks OpenAI's API is called by its provider."""
    agents = {
        "mistral-client-python/3.7.0": "mistral_ai chat",
        "Groq/Python 1.0": "groq chat",
        "OpenAI/Python 3.3.0": "openai chat",
        "curl/8": "openai chat",
    }

    def do() -> None:
        for agent in agents:
            library.post(
                f"{server.url}/v1/chat/completions",
                json={"messages": []},
                headers={"user-agent": agent},
            )

    steps = steps_of(do)
    assert [step_.name for step_ in steps] == list(agents.values())
    assert not any(agent in str(step_.arguments) for agent in agents for step_ in steps)
