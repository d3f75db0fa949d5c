"""Bodies and wires: what a client reads is what it reads in a replay, however it was packed and framed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from frameworks import wire_server
from frameworks.wire_server import BODIES, PACKERS
from integration.capture_kit import Tried


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with wire_server.running() as server:
        yield server.url


#: Each reads what a path answers and raises what it read, so that a replay must read the same.
SOURCE = """
import asyncio, gzip, hashlib, zlib
import aiohttp, brotli, httpx, httpx2, requests, urllib3, zstandard
from urllib.request import urlopen
from genmon_otel import generation

UNPACK = {
    "gzip": gzip.decompress, "deflate": zlib.decompress, "br": brotli.decompress,
    "zstd": lambda body: zstandard.ZstdDecompressor().decompressobj().decompress(body),
}

class Read(Exception):
    pass

def told(status, parts):
    body = b"".join(parts)
    return Read(f"{status} {len(body)} bytes {hashlib.sha256(body).hexdigest()[:8]} {body[:60]!r}")

def with_httpx(url, module=httpx, **options):
    with module.Client(timeout=20, **options) as client, client.stream("GET", url) as answer:
        raise told(answer.status_code, answer.iter_bytes())

async def with_httpx_async(url, module=httpx, **options):
    async with module.AsyncClient(timeout=20, **options) as client, client.stream("GET", url) as answer:
        raise told(answer.status_code, [part async for part in answer.aiter_bytes()])

async def with_aiohttp(url):
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        raise told(answer.status, [part async for part in answer.content.iter_any()])

def with_requests(url):
    with requests.get(url, stream=True, timeout=20) as answer:
        raise told(answer.status_code, answer.iter_content(None))

def with_urllib3(url):
    answer = urllib3.PoolManager().request("GET", url)
    raise told(answer.status, [answer.data])

def with_urllib(url):
    with urlopen(url) as answer:
        unpack = UNPACK.get(answer.headers["content-encoding"], bytes)
        raise told(answer.status, [unpack(answer.read())])

@generation(name="build")
def build(url):
    READ
"""
#: By name what reads; ``asyncio.run`` within the generation, so that one ``build`` serves all.
CLIENTS = {
    "httpx": "with_httpx(url)",
    "httpx over HTTP/2": "with_httpx(url, http1=False, http2=True)",
    "httpx, async": "asyncio.run(with_httpx_async(url))",
    "httpx, async, over HTTP/2": "asyncio.run(with_httpx_async(url, http1=False, http2=True))",
    "httpx2": "with_httpx(url, httpx2)",
    "httpx2, async, over HTTP/2": "asyncio.run(with_httpx_async(url, httpx2, http1=False, http2=True))",
    "aiohttp": "asyncio.run(with_aiohttp(url))",
    "requests": "with_requests(url)",
    "urllib3": "with_urllib3(url)",
    "urllib": "with_urllib(url)",
}
#: Bodies that no replay can give: they are kept by length and digest.
OPAQUE = {"/pdf", "/unnamed-binary", "/mixed", "/over-a-mib", "/eight-mib", "/bad-gzip"}
PATHS = [
    *BODIES,
    "/events",
    "/events/break",
    *(f"/json?{packer}" for packer in PACKERS),
    *(f"/events?{packer}" for packer in PACKERS),
]


@pytest.mark.parametrize("client", CLIENTS)
def test_what_was_read_is_read_again(url: str, client: str, tmp_path: Path) -> None:
    """For each body and packing: the same exception, of the same text, or a reason why there can be none."""
    source = SOURCE.replace("READ", CLIENTS[client])
    wrong = {}
    for path in PATHS:
        tried = Tried(tmp_path, source, f"{url}{path}")
        told = json.dumps([step.outcome for step in tried.case.steps])
        if '"opaque"' in told:
            if path not in OPAQUE or not ('"length"' in told and '"sha256"' in told):
                wrong[path] = f"kept as {told[:200]}"
        elif unlike := tried.unlike_here():
            wrong[path] = f"{unlike}, kept as {told[:300]}"
    assert wrong == {}
