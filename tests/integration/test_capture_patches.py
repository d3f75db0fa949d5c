"""Patches beside others' in any order, in forks, and when something of ours breaks."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import aiohttp
import httpx
import pytest
import requests
from integration.capture_kit import steps_of
from integration.capture_server import Server

from genmon_otel import capture as automatic
from genmon_otel import generation
from genmon_otel.capture import patches
from genmon_otel.capture.adapters import (
    ADAPTERS,
    aiohttp_session,
    asyncio_programs,
    httpx_transports,
    program_call,
    programs,
    urllib3_pool,
    urllib_request,
)
from genmon_otel.capture.calls import AutomaticCall
from genmon_otel.instruments.nothing import NullMetrics
from genmon_otel.testing import capture


@pytest.fixture(autouse=True)
def taken_off() -> Iterator[None]:
    yield
    automatic.uninstall()


async def _aiohttp(url: str) -> Any:
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        return await response.json()


async def _httpx(url: str) -> Any:
    async with httpx.AsyncClient() as client:
        return (await client.get(url)).json()


async def _asyncio_program() -> bytes:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", "print(1)", stdout=subprocess.PIPE
    )
    return (await process.communicate())[0]


JSON = {"a": 1.0}
#: By name: the module of the adapter, what does a call, and what it gives.
CALLS: dict[str, tuple[Any, Callable[[str], Any], Any]] = {
    "httpx": (httpx_transports, lambda url: httpx.get(url).json(), JSON),
    "httpx, async": (httpx_transports, lambda url: asyncio.run(_httpx(url)), JSON),
    "urllib3": (urllib3_pool, lambda url: requests.get(url, timeout=5).json(), JSON),
    "aiohttp": (aiohttp_session, lambda url: asyncio.run(_aiohttp(url)), JSON),
    "urllib": (urllib_request, lambda url: urllib.request.urlopen(url).read(), b'{"a": 1.0}'),
    "subprocess": (
        programs,
        lambda _: subprocess.check_output([sys.executable, "-c", "print(1)"]),
        b"1\n",
    ),
    "asyncio": (asyncio_programs, lambda _: asyncio.run(_asyncio_program()), b"1\n"),
}


class Counted(NullMetrics):
    """Notes where something of ours broke."""

    def __init__(self) -> None:
        self.places: list[str] = []

    def internal_error(self, where: str) -> None:
        self.places.append(where)


def _broken(*_: Any, **__: Any) -> Any:
    raise RuntimeError("ours")


@pytest.mark.parametrize("part", ["request", "head", "chunks", "end"])
def test_what_breaks_in_an_adapter_lets_the_call_through(
    server: Server, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    """Whatever part breaks, the caller gets the answer; the break is counted."""
    automatic.install()
    wrong = {}
    for name, (module, call, wanted) in CALLS.items():
        is_program = module in (programs, asyncio_programs)
        with monkeypatch.context() as patch:
            match part:
                case "request":
                    patch.setattr(program_call if is_program else module, "sent_of", _broken)
                case "head":
                    kind = program_call.ProgramCall if is_program else AutomaticCall
                    patch.setattr(kind, "started" if is_program else "answered", _broken)
                case "chunks":
                    patch.setattr(AutomaticCall, "_hold", _broken)
                case "end":
                    kind = program_call.ProgramCall if is_program else AutomaticCall
                    patch.setattr(kind, "_settle", _broken)

            @generation(name="tried")
            def tried(call: Any = call) -> Any:
                return call(f"{server.url}/json")

            counted = Counted()
            try:
                with capture(metrics=counted):
                    got = tried()
            except BaseException as error:
                wrong[name] = repr(error)
                continue
            if got != wanted:
                wrong[name] = f"gave {got!r}"
            elif not counted.places:
                wrong[name] = "counted nothing"
    assert wrong == {}


def test_an_adapter_that_does_not_know_its_library_leaves_it_alone(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where what to patch is not there, the library works as without us; the others are recorded."""
    counted = Counted()
    adapters = dict.fromkeys(ADAPTERS, _broken) | {"urllib.request": ADAPTERS["urllib.request"]}
    monkeypatch.setattr(patches, "_awaited", set(adapters))
    with capture(metrics=counted):
        patches.install(adapters)
    assert counted.places
    names = [
        len(steps_of(lambda call=call: call(f"{server.url}/json"))) for _, call, _ in CALLS.values()
    ]
    assert names == [0, 0, 0, 0, 1, 0, 0]


INSTRUMENTORS = {
    "httpx": ("httpx", "HTTPXClientInstrumentor"),
    "httpx, async": ("httpx", "HTTPXClientInstrumentor"),
    "urllib3": ("requests", "RequestsInstrumentor"),
    "aiohttp": ("aiohttp_client", "AioHttpClientInstrumentor"),
    "urllib": ("urllib", "URLLibInstrumentor"),
}


@pytest.mark.parametrize("ours_first", [True, False])
@pytest.mark.parametrize("name", list(INSTRUMENTORS))
def test_beside_opentelemetrys_instrumentors(server: Server, name: str, ours_first: bool) -> None:
    """In either order a call is one step; what is taken off leaves the other's patch in force."""
    package, kind = INSTRUMENTORS[name]
    module = pytest.importorskip(f"opentelemetry.instrumentation.{package}")
    other = getattr(module, kind)()
    _, call, wanted = CALLS[name]

    def do() -> None:
        assert call(f"{server.url}/json") == wanted

    originals = {(o, a): vars(o).get(a) for o, a in _targets()}
    for install in (automatic.install, other.instrument)[:: 1 if ours_first else -1]:
        install()
    try:
        assert len(steps_of(do)) == 1
        automatic.uninstall()
        assert steps_of(do) == []
        automatic.install()
        assert len(steps_of(do)) == 1
    finally:  # as each should: the outermost first
        for uninstall in (automatic.uninstall, other.uninstrument)[:: -1 if ours_first else 1]:
            uninstall()
    assert steps_of(do) == []
    left = {f"{o}.{a}" for (o, a), was in originals.items() if vars(o).get(a) is not was}
    assert left == set()


def _targets() -> list[tuple[Any, str]]:
    return [
        (owner, attribute)
        for name, targets in ADAPTERS.items()
        if name in sys.modules
        for owner, attribute, _ in targets(sys.modules[name])
    ]


def test_a_client_of_before_is_recorded_and_one_of_then_works_after(server: Server) -> None:
    """Patches are of classes: it does not matter when a client was made."""
    before = httpx.Client()
    automatic.install()
    then = httpx.Client()
    assert len(steps_of(lambda: before.get(f"{server.url}/json"))) == 1
    automatic.uninstall()
    assert steps_of(lambda: then.get(f"{server.url}/json")) == []


def test_a_fork_within_a_generation_works(server: Server) -> None:
    """The child's calls go through; the parent's step is recorded once."""
    automatic.install()

    def do() -> None:
        child = os.fork()
        if child == 0:
            try:
                ok = all(call(f"{server.url}/json") == wanted for _, call, wanted in CALLS.values())
                os._exit(0 if ok else 1)
            finally:
                os._exit(2)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        httpx.get(f"{server.url}/json")

    assert len(steps_of(do)) == 1


def test_an_application_s_own_mocks_still_answer(server: Server) -> None:
    """respx and vcrpy, put on before or after us, answer in the place of the network."""
    respx = pytest.importorskip("respx")
    for ours_first in (True, False):
        if ours_first:
            automatic.install()
        with respx.mock:
            respx.get(f"{server.url}/json").respond(json={"mocked": True})
            automatic.install()
            try:
                found = []
                steps_of(lambda found=found: found.append(httpx.get(f"{server.url}/json").json()))
            finally:
                if not ours_first:
                    automatic.uninstall()
        assert found == [{"mocked": True}]
        automatic.uninstall()
    assert httpx.get(f"{server.url}/json").json() == JSON


def test_the_users_own_exception_and_traceback_stay(server: Server) -> None:
    """An error keeps its class, cause and context; without a generation nothing of ours is in its trace."""
    automatic.install()
    with pytest.raises(httpx.ConnectError) as outside:
        httpx.get("http://127.0.0.1:9/")

    @generation(name="tried")
    def tried() -> None:
        httpx.get("http://127.0.0.1:9/")

    with capture(), pytest.raises(httpx.ConnectError) as inside:
        tried()
    assert type(inside.value.__cause__) is type(outside.value.__cause__)
    assert str(inside.value) == str(outside.value)
