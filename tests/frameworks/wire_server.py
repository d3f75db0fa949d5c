"""A server on loopback that packs and frames its answers in many ways, over HTTP/1.1 and HTTP/2."""

from __future__ import annotations

import asyncio
import json
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import brotli
import h2.config
import h2.connection
import h2.events
import zstandard

TEXT: Final = json.dumps({"text": "größer, " * 40}, ensure_ascii=False).encode()
EVENTS: Final = tuple(f'data: {{"n": {n}, "text": "grün"}}\n\n'.encode() for n in range(5))
MIB: Final = 1 << 20
Head = dict[str, str]


def _br(parts: tuple[bytes, ...]) -> list[bytes]:
    packer = brotli.Compressor()
    return [*(packer.process(part) + packer.flush() for part in parts), packer.finish()]


def _zstd(parts: tuple[bytes, ...]) -> list[bytes]:
    packer = zstandard.ZstdCompressor().compressobj()
    flushed = zstandard.COMPRESSOBJ_FLUSH_BLOCK
    return [*(packer.compress(part) + packer.flush(flushed) for part in parts), packer.flush()]


def _zlib(parts: tuple[bytes, ...], bits: int) -> list[bytes]:
    packer = zlib.compressobj(wbits=bits)
    flushed = zlib.Z_SYNC_FLUSH
    return [*(packer.compress(part) + packer.flush(flushed) for part in parts), packer.flush()]


PACKERS: Final[dict[str, Callable[[tuple[bytes, ...]], list[bytes]]]] = {
    "br": _br,
    "zstd": _zstd,
    "gzip": lambda parts: _zlib(parts, 31),
    "deflate": lambda parts: _zlib(parts, 15),
}
#: By path: content type and body.
BODIES: Final[dict[str, tuple[str, bytes]]] = {
    "/json": ("application/json", TEXT),
    "/xml": ("application/xml", '<?xml version="1.0"?><a b="1"><c>größer</c></a>'.encode()),
    "/latin1": ("text/plain; charset=iso-8859-1", "größer".encode("latin-1")),
    "/utf16": ("text/plain; charset=utf-16", "größer".encode("utf-16")),
    "/pdf": ("application/pdf", b"%PDF-1.7\n" + bytes(range(256))),
    "/unnamed": ("", b"plain"),
    "/unnamed-binary": ("", bytes(range(256))),
    "/mixed": ("multipart/mixed; boundary=x", b"--x\r\n\r\na\r\n--x--\r\n"),
    "/bom": ("text/csv", b"\xef\xbb\xbfa,b\n1,2\n"),
    "/mib": ("text/plain", b"x" * MIB),
    "/over-a-mib": ("text/plain", b"x" * (MIB + 1)),
    "/eight-mib": ("text/plain", b"x" * (8 * MIB)),
    "/bad-gzip": ("text/plain", b"no gzip"),
}  # fmt: skip


def answer_to(path: str, body: bytes) -> tuple[int, Head, list[bytes], bool]:
    """Return status, headers, parts of the body, and whether its length is left out."""
    way, _, packer = path.partition("?")
    headers = {}
    if way == "/echo":
        return 200, {"content-type": "application/json"}, [json.dumps(len(body)).encode()], False
    if way in ("/events", "/events/break"):
        parts, kind = [*EVENTS], "text/event-stream"
    elif way in BODIES:
        kind, whole = BODIES[way]
        parts = [whole]
    else:
        return 404, {"content-type": "text/plain"}, [b"no such path"], False
    if kind:
        headers["content-type"] = kind
    if way == "/bad-gzip":
        headers["content-encoding"] = "gzip"
    if packer:
        headers["content-encoding"] = packer
        packed = PACKERS[packer](tuple(parts))
        parts = packed if way.startswith("/events") else [b"".join(packed)]
    return 200, headers, parts, way.startswith("/events")


class _Server:
    def __init__(self) -> None:
        self.asked = 0
        self.url = ""

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection, by the protocol that its first bytes are of."""
        try:
            first = await reader.readexactly(3)
            if first == b"PRI":
                await self._http2(first, reader, writer)
            else:
                await self._http1(first, reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _http1(
        self, first: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        while True:
            head = first + await reader.readuntil(b"\r\n\r\n")
            line, *lines = head.decode("latin-1").split("\r\n")
            headers = {k.lower(): v.strip() for k, _, v in (each.partition(":") for each in lines)}
            body = await _body(headers, reader)
            self.asked += 1
            status, given, parts, is_open = answer_to(line.split()[1], body)
            given |= {"transfer-encoding": "chunked"} if is_open else {
                "content-length": str(sum(map(len, parts)))
            }  # fmt: skip
            told = "".join(f"{k}: {v}\r\n" for k, v in given.items())
            writer.write(f"HTTP/1.1 {status} Yes\r\n{told}\r\n".encode("latin-1"))
            ends = is_open and "break" not in line
            for part in [*parts, b""] if ends else parts:
                writer.write(b"%x\r\n%s\r\n" % (len(part), part) if is_open else part)
                await writer.drain()
                await asyncio.sleep(0.01 if is_open else 0)
            if is_open and not ends:
                return
            first = await reader.readexactly(3)

    async def _http2(
        self, first: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        config = h2.config.H2Configuration(client_side=False, header_encoding="utf-8")
        connection = h2.connection.H2Connection(config)
        connection.initiate_connection()
        paths: dict[int, str] = {}
        bodies: dict[int, bytes] = {}
        received = first
        while True:
            for event in connection.receive_data(received):
                if isinstance(event, h2.events.RequestReceived):
                    paths[event.stream_id] = dict(event.headers)[":path"]
                    bodies[event.stream_id] = b""
                elif isinstance(event, h2.events.DataReceived):
                    bodies[event.stream_id] += event.data
                    connection.acknowledge_received_data(
                        event.flow_controlled_length, event.stream_id
                    )
                elif isinstance(event, h2.events.StreamEnded):
                    await self._answer2(
                        connection, event.stream_id, paths, bodies[event.stream_id], writer
                    )
            writer.write(connection.data_to_send())
            await writer.drain()
            received = await reader.read(65536)
            if not received:
                return

    async def _answer2(
        self, connection: Any, number: int, paths: dict[int, str], body: bytes, writer: Any
    ) -> None:
        self.asked += 1
        status, headers, parts, _ = answer_to(paths[number], body)
        connection.send_headers(number, [(":status", str(status)), *headers.items()])
        for part in parts:
            for at in range(0, len(part), 16000):
                connection.send_data(number, part[at : at + 16000])
            writer.write(connection.data_to_send())
            await writer.drain()
            await asyncio.sleep(0.01)
        if "break" in paths[number]:
            connection.reset_stream(number, 2)
        else:
            connection.end_stream(number)


async def _body(headers: Head, reader: asyncio.StreamReader) -> bytes:
    if headers.get("transfer-encoding") != "chunked":
        return await reader.readexactly(int(headers.get("content-length") or 0))
    body = b""
    while size := int(await reader.readline(), 16):
        body += (await reader.readexactly(size + 2))[:-2]
    await reader.readline()
    return body


@contextmanager
def running() -> Iterator[_Server]:
    """A server on a free port, in a thread."""
    loop = asyncio.new_event_loop()
    serving = _Server()
    listening = loop.run_until_complete(asyncio.start_server(serving.talk, "127.0.0.1", 0))
    serving.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield serving
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        listening.close()
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        if left:
            loop.run_until_complete(asyncio.wait(left))
        loop.close()
