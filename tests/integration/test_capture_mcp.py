"""Requests of MCP clients over stdio, SSE and streamable HTTP: one step each, replayed without a server."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from integration.capture_kit import Tried, steps_of, unlike_recorded

from genmon_otel.capture.adapters.mcp_client import sent_of
from tests.port_kit import free_port

pytestmark = pytest.mark.usefixtures("installed")

pytest.importorskip("mcp.client.client", reason="needs mcp 2")
SERVER = str(Path(__file__).with_name("mcp_server.py"))


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file in which servers note what their tool was asked."""
    return tmp_path_factory.mktemp("mcp") / "asked"


def is_listening(port: int) -> bool:
    with socket.socket() as trying:
        return trying.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture(scope="module", params=["stdio", "sse", "streamable-http"])
def address(request: pytest.FixtureRequest, asked: Path) -> Iterator[str]:
    """How a client reaches a server: ``stdio FILE``, or the transport and a URL."""
    if request.param == "stdio":
        yield f"stdio {asked}"
        return
    port = free_port()
    command = [sys.executable, SERVER, request.param, str(asked), str(port)]
    log = asked.with_name(f"{request.param}.log")
    with log.open("w") as output:
        process = subprocess.Popen(command, stderr=output)
    try:
        deadline = time.monotonic() + 120
        while not is_listening(port):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)
        path = "sse" if request.param == "sse" else "mcp"
        yield f"{request.param} http://127.0.0.1:{port}/{path}"
    finally:
        process.kill()
        process.wait()


CLIENT = f"""
import asyncio, json, sys
from mcp import ClientSession, StdioServerParameters, stdio_client
from mcp.client.sse import sse_client
from mcp.client.streamable_http import streamable_http_client
from genmon_otel import generation

def connected(address):
    kind, _, where = address.partition(" ")
    if kind == "stdio":
        return stdio_client(StdioServerParameters(command=sys.executable, args=[{SERVER!r}, "stdio", where]))
    return sse_client(where) if kind == "sse" else streamable_http_client(where)

async def ask(session, prompt):
    result = await session.call_tool("ask", {{"prompt": prompt}})
    return result.content[0].text
"""
SOURCE = (
    CLIENT
    + """
async def failed(session):
    result = await session.call_tool("ask", {"prompt": "FAIL"})
    if result.is_error:
        raise RuntimeError(result.content[0].text)

async def read(session):
    result = await session.read_resource("tried://text")
    return json.loads(result.contents[0].text)

@generation(name="build")
async def build(address):
    async with connected(address) as (reads, writes), ClientSession(reads, writes) as session:
        await session.initialize()
        assert json.loads(await ask(session, "good")) == {"title": "x"}
        return FAULT
"""
)
FAULTS = {
    "content": ("json.loads(await ask(session, 'BAD'))", "JSONDecodeError"),
    "tool failed": ("await failed(session)", "RuntimeError"),
    "no such tool": ("await session.call_tool('none', {}) and 1 / 0", "ZeroDivisionError"),
    "no such resource": ("await session.read_resource('tried://none')", "MCPError"),
    "resource": ("await read(session)", "JSONDecodeError"),
    "late": ("await asyncio.wait_for(ask(session, 'SLOW'), 0.3)", "TimeoutError"),
    "late, by its own limit": (
        "await session.call_tool('ask', {'prompt': 'SLOW'}, read_timeout_seconds=0.3)",
        "MCPError",
    ),
}


def test_every_fault_is_replayed(address: str, asked: Path, tmp_path: Path) -> None:
    """Content, tool errors, protocol errors, time limits: the SDK's own again; no server is asked."""
    asked.write_text("")
    assert unlike_recorded(tmp_path, SOURCE, FAULTS, address) == {}
    assert asked.read_text().count("good") == len(FAULTS)


def test_a_resources_address_is_in_no_name() -> None:
    """Its scheme is: the rest is data, and as many labels as there are resources."""
    for uri, shown in (
        ("vault://me:pw@h/x?token=1", "vault://"),
        ("data:text,a b", "data:"),
        ("x y", ""),
    ):
        name, sent = sent_of("resources/read", {"uri": uri})
        assert name == f"mcp resources/read {shown}".rstrip()
        assert uri in sent.path
    assert sent_of("tools/call", {"name": "ask", "uri": "a://b"})[0] == "mcp tools/call ask"


def test_requests_are_steps_and_what_carries_them_is_not(address: str, tmp_path: Path) -> None:
    """One step a request; no HTTP, no program; names say which tool."""
    tried = Tried(tmp_path, SOURCE.replace("FAULT", FAULTS["content"][0]), address)
    steps = tried.case.steps
    names = [step.name for step in steps]  # the SDK asks for a tool's schema by itself
    asked = ["mcp initialize", "mcp tools/call ask", "mcp tools/list", "mcp tools/call ask"]
    assert names == asked
    assert {s.adapter for s in steps} == {"mcp"}
    assert steps[3].arguments["body"] == '{"name": "ask", "arguments": {"prompt": "BAD"}}'
    assert steps[3].site.startswith("application.py:ask")


def test_a_replay_without_network_and_programs(address: str, tmp_path: Path) -> None:
    """A process of its own reproduces it."""
    tried = Tried(tmp_path, SOURCE.replace("FAULT", FAULTS["content"][0]), address)
    run = tried.replayed()
    assert (run.verdict, run.error_type) == ("fail_same", "json.decoder.JSONDecodeError"), (
        run.detail
    )


BEFORE = (
    CLIENT
    + """
from contextlib import AsyncExitStack

class Kept:
    session = None

async def open_session(address):
    stack = AsyncExitStack()
    reads, writes = await stack.enter_async_context(connected(address))
    session = await stack.enter_async_context(ClientSession(reads, writes))
    await session.initialize()
    return session, stack

@generation(name="inner")
async def inner(address):
    return json.loads(await ask(Kept.session, "BAD"))

@generation(name="build")
async def build(address):
    FAULT
    return json.loads(await ask(Kept.session, "BAD"))

tried = build

async def build(address):
    Kept.session, stack = await open_session(address)
    try:
        return await tried(address)
    finally:
        await stack.aclose()
"""
)


def test_a_session_of_before_the_generation_works_in_a_replay(address: str, tmp_path: Path) -> None:
    """What sets a connection up was not recorded, and is answered all the same."""
    tried = Tried(tmp_path, BEFORE.replace("FAULT", "pass"), address)
    assert [s.name for s in tried.case.steps] == ["mcp tools/call ask", "mcp tools/list"]
    assert tried.unlike_here() == ""


ABSENT = (
    CLIENT
    + """
def connected(address):
    if address == "stdio":
        return stdio_client(StdioServerParameters(command="/none/such", args=[]))
    return sse_client(address) if address.endswith("/sse") else streamable_http_client(address)

@generation(name="build")
async def build(address):
    async with connected(address) as (reads, writes), ClientSession(reads, writes) as session:
        await session.initialize()
        return json.loads(await ask(session, "good"))
"""
)


@pytest.mark.parametrize("end", ["stdio", "sse", "mcp"])
def test_a_server_that_is_not_there_is_replayed(end: str, tmp_path: Path) -> None:
    """The connection that fails is the failing step; a replay raises the same, in the same place."""
    address = f"http://127.0.0.1:{free_port()}/{end}"
    tried = Tried(tmp_path, ABSENT, end if end == "stdio" else address)
    failed = [step for step in tried.case.steps if step.kind == "exception"]
    assert [step.name for step in failed] == [f"mcp {'connection' if end == 'mcp' else 'connect'}"]
    assert tried.case.trigger.step == tried.case.steps.index(failed[0])
    assert tried.unlike_here() == ""
    run = tried.replayed()
    assert run.verdict == "fail_same", run.detail


def test_outside_a_generation_nothing_changes(address: str) -> None:
    """A client works as without us, and its answers are those of the server."""
    space: dict[str, Any] = {}
    exec(CLIENT, space)

    async def run() -> str:
        async with (
            space["connected"](address) as (reads, writes),
            space["ClientSession"](reads, writes) as session,
        ):
            await session.initialize()
            answer: str = await space["ask"](session, "good")
            return answer

    assert asyncio.run(run()) == '{"title": "x"}'
    assert steps_of(lambda: None) == []
