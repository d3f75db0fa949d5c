"""What an automatic step adds to the call that it records: inside a generation, outside, and of a stream.

Each client library asks a server on loopback, in another process, with our patches on and off, in
turns; CPU time of the caller's thread, which other jobs on the machine change little. What a
generation itself costs is in neither figure.
"""

from __future__ import annotations

import asyncio
import gc
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from benchmarks.decorated_call import everything_on
from benchmarks.table import Table
from genmon_otel import capture, generation, recorder

#: Calls of one turn, chunks of one stream.
_CALLS: Final = 40
_CHUNKS: Final = 10_000
_ROUNDS: Final = 24
_QUICK_ROUNDS: Final = 4
_BODY: Final = b'{"choices": [{"message": {"content": "' + b"x" * 400 + b'"}}]}'
_EVENT: Final = b'data: {"choices": [{"delta": {"content": "word "}}]}\n\n'


async def _serve(port: int) -> None:
    """Answer each request at once: ``/stream`` by chunks, anything else by a small JSON body."""

    def head(more: str) -> bytes:
        return f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n{more}\r\n\r\n".encode()

    whole = head(f"content-length: {len(_BODY)}") + _BODY
    kind = "transfer-encoding: chunked\r\nx-kind: events"
    chunk = b"%x\r\n%s\r\n" % (len(_EVENT), _EVENT)
    stream = head(kind).replace(b"application/json", b"text/event-stream")
    stream += chunk * _CHUNKS + b"0\r\n\r\n"

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while asked := await reader.readuntil(b"\r\n\r\n"):
                lengths = [
                    x for x in asked.lower().split(b"\r\n") if x.startswith(b"content-length")
                ]
                await reader.readexactly(int(lengths[0].split(b":")[1]) if lengths else 0)
                writer.write(stream if b" /stream " in asked else whole)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", port)
    await server.serve_forever()


@contextmanager
def _server() -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen([sys.executable, "-m", __name__, str(port)])
    try:
        while True:
            with socket.socket() as trying:
                if trying.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


REQUEST: Final = {"model": "m", "messages": [{"role": "user", "content": "y" * 400}]}
Work = Callable[[], Any]


def _clients(url: str) -> tuple[dict[str, Work], dict[str, Work], Callable[[], None]]:
    """Return calls, streams, and what closes their clients; those that are awaited run in one loop."""
    import json
    import urllib.request

    import aiohttp
    import httpx
    import requests

    loop = asyncio.new_event_loop()
    plain, session = httpx.Client(), requests.Session()
    asynchronous = httpx.AsyncClient()
    body = json.dumps(REQUEST).encode()
    kind = {"content-type": "application/json"}
    chat = f"{url}/v1/chat/completions"

    async def made() -> aiohttp.ClientSession:
        return aiohttp.ClientSession()

    aio = loop.run_until_complete(made())

    def urllib_call() -> None:
        urllib.request.urlopen(urllib.request.Request(chat, body, kind)).read()

    async def aiohttp_call() -> None:
        async with aio.post(chat, json=REQUEST) as response:
            await response.read()

    def repeated(work: Callable[[], Any]) -> Work:
        def repeat() -> None:
            for _ in range(_CALLS):
                work()

        return repeat

    def awaited(work: Callable[[], Any]) -> Work:
        async def repeat() -> None:
            for _ in range(_CALLS):
                await work()

        return lambda: loop.run_until_complete(repeat())

    def httpx_stream() -> None:
        with plain.stream("GET", f"{url}/stream") as response:
            for _ in response.iter_lines():
                pass

    def requests_stream() -> None:
        with session.get(f"{url}/stream", stream=True) as response:
            for _ in response.iter_lines(chunk_size=None):
                pass

    async def async_stream() -> None:
        async with asynchronous.stream("GET", f"{url}/stream") as response:
            async for _ in response.aiter_lines():
                pass

    async def aiohttp_stream() -> None:
        async with aio.get(f"{url}/stream") as response:
            async for _ in response.content:
                pass

    def close() -> None:
        plain.close()
        session.close()
        loop.run_until_complete(asynchronous.aclose())
        loop.run_until_complete(aio.close())
        loop.close()

    calls = {
        "httpx": repeated(lambda: plain.post(chat, json=REQUEST)),
        "httpx, async": awaited(lambda: asynchronous.post(chat, json=REQUEST)),
        "requests (urllib3)": repeated(lambda: session.post(chat, json=REQUEST)),
        "aiohttp": awaited(aiohttp_call),
        "urllib.request": repeated(urllib_call),
    }
    streams: dict[str, Work] = {
        "httpx": httpx_stream,
        "httpx, async": lambda: loop.run_until_complete(async_stream()),
        "requests (urllib3)": requests_stream,
        "aiohttp": lambda: loop.run_until_complete(aiohttp_stream()),
    }
    return calls, streams, close


@generation(name="captured")
def _in_generation(work: Work) -> tuple[float, float]:
    return _taken(work)


def _taken(work: Work) -> tuple[float, float]:
    """CPU time of this thread and wall clock, in seconds."""
    wall, cpu = time.perf_counter(), time.thread_time()
    work()
    return time.thread_time() - cpu, time.perf_counter() - wall


def _without_network() -> tuple[Work, Work]:
    """Return calls of httpx's transport that are answered from memory: without our wrapper, and with it."""
    import httpx

    from genmon_otel.capture.adapters.httpx_transports import targets

    class Body(httpx.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            yield _BODY

    def answer(_transport: Any, _request: Any) -> Any:
        return httpx.Response(200, headers={"content-type": "application/json"}, stream=Body())

    request = httpx.Request("POST", "http://127.0.0.1:1/v1/chat/completions", json=REQUEST)

    def repeated(handle: Callable[..., Any]) -> Work:
        def repeat() -> None:
            for _ in range(_CALLS):
                handle(None, request).read()

        return repeat

    return repeated(answer), repeated(targets(httpx)[0][2](answer))


def _in_memory(run: Callable[[Work], tuple[float, float]], rounds: int) -> dict[bool, Any]:
    """Times of calls that are answered from memory, in turns: of what we add there is no noise of sockets in it."""
    works = _without_network()
    found: dict[bool, list[tuple[float, float]]] = {False: [], True: []}
    for turn in range(rounds + 1):
        for on in (turn % 2 == 0, turn % 2 == 1):
            taken = run(works[on])
            if turn:
                found[on].append(taken)
        recorder.active_runtime().sink.flush(60)
    return found


@dataclass(frozen=True)
class _Patches:
    """What is measured: how it is put on and taken off."""

    put_on: Callable[[], Any]
    take_off: Callable[[], Any]


_OURS: Final = _Patches(capture.install, capture.uninstall)


def _instrumentations() -> dict[str, _Patches]:
    """Return OpenTelemetry's own instrumentations, by library: each makes a span and keeps no body."""
    from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor
    from opentelemetry.instrumentation.requests import RequestsInstrumentor
    from opentelemetry.instrumentation.urllib import URLLibInstrumentor

    instrumentors: dict[str, Any] = {
        "httpx": HTTPXClientInstrumentor(),
        "httpx, async": HTTPXClientInstrumentor(),
        "requests (urllib3)": RequestsInstrumentor(),
        "urllib.request": URLLibInstrumentor(),
    }

    def patches(each: Any) -> _Patches:  # they warn where there is nothing to do
        return _Patches(
            lambda: each.is_instrumented_by_opentelemetry or each.instrument(),
            lambda: each.is_instrumented_by_opentelemetry and each.uninstrument(),
        )

    return {name: patches(each) for name, each in instrumentors.items()}


def _turns(
    work: Work, run: Callable[[Work], tuple[float, float]], rounds: int, patches: _Patches = _OURS
) -> dict[bool, Any]:
    """Times with patches off and on, in turns; another one begins each round."""
    found: dict[bool, list[tuple[float, float]]] = {False: [], True: []}
    capture.uninstall()
    for turn in range(rounds + 1):
        for on in (turn % 2 == 0, turn % 2 == 1):
            (patches.put_on if on else patches.take_off)()
            run(work)  # the interpreter specialises anew, which it does not where nobody switches
            recorder.active_runtime().sink.flush(60)
            gc.collect()
            taken = run(work)
            if turn:  # the first warms up
                found[on].append(taken)
    patches.take_off()
    capture.install()
    return found


def _add(table: Table, what: str, found: dict[bool, Any], calls: int, bar: str) -> None:
    off, on = ([each[0] for each in found[is_on]] for is_on in (False, True))
    more = statistics.median(b - a for a, b in zip(off, on, strict=True))
    walls = [b[1] / a[1] for a, b in zip(found[False], found[True], strict=True)]
    table.add(
        what=what,
        without_us=round(statistics.median(off) / calls * 1e6, 1),
        with_us=round(statistics.median(on) / calls * 1e6, 1),
        more_us=round(more / calls * 1e6, 2),
        ratio=round(statistics.median(b / a for a, b in zip(off, on, strict=True)), 3),
        wall_ratio=round(statistics.median(walls), 3),
        bar=bar,
    )


def run(quick: bool) -> list[Table]:
    """Measure calls inside a generation and outside, and streams."""
    rounds = _QUICK_ROUNDS if quick else _ROUNDS
    table = Table(
        "captured_calls", "What an automatic step adds to a call on loopback, CPU of the caller, µs",
        "without, with: patches off and on, in turns within one run; more: the median of the rounds' "
        "differences; a stream: a chunk",
    )  # fmt: skip
    with _server() as url, everything_on():
        calls, streams, close = _clients(url)
        others = _instrumentations()
        try:
            for where, run_one, bar in (
                ("inside", _in_generation, "60 µs"),
                ("outside", _taken, "2 µs"),
            ):
                found = _in_memory(run_one, 5 * rounds)
                _add(table, f"httpx, no network: {where}", found, _CALLS, bar)
            for name, work in calls.items():
                _add(
                    table, f"{name}: inside", _turns(work, _in_generation, rounds), _CALLS, "60 µs"
                )
                if name in others:
                    found = _turns(work, _in_generation, rounds, others[name])
                    _add(table, f"{name}: OpenTelemetry's instrumentation", found, _CALLS, "")
                _add(table, f"{name}: outside", _turns(work, _taken, rounds), _CALLS, "2 µs")
            for name, work in streams.items():
                found = _turns(work, _in_generation, max(2, rounds // 2))
                _add(table, f"{name}: stream of {_CHUNKS:,}", found, _CHUNKS, "1.05")
        finally:
            close()
    return [table]


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1])))
