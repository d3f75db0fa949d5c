"""A loopback HTTP server that answers as a failing provider does.

The first segment of a request's path names the fault, so that one server serves a
whole table: ``http://127.0.0.1:PORT/<fault>/v1/chat/completions``.
"""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal


@dataclass(frozen=True)
class Fault:
    """What the server does with a request."""

    status: int = 200
    #: JSON, or text or bytes sent as they are.
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    #: ``stall``: accept and never answer. ``reset``: TCP reset. ``close``: hang up without a
    #: word. ``cut``: promise more body than is sent. ``garbage``: not HTTP at all.
    mode: Literal["answer", "stall", "reset", "close", "cut", "garbage"] = "answer"


class FaultServer:
    """Serves scripted faults on a free port until closed."""

    def __init__(self) -> None:
        self.faults: dict[str, Fault] = {}
        self._stop = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                self.rfile.read(length)
                outer._serve(self)

            do_GET = do_POST

            def log_message(self, *args: Any) -> None:
                """Stay quiet."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: Any, client_address: Any) -> None:
                """A client that hangs up is what some tests are about."""

        self._server = Server(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def add(self, name: str, fault: Fault) -> str:
        """Script a fault; returns its base URL, without a slash at the end."""
        self.faults[name] = fault
        return f"http://127.0.0.1:{self._server.server_port}/{name}"

    def close(self) -> None:
        """Stop serving and let stalled clients go."""
        self._stop.set()
        self._server.shutdown()
        self._server.server_close()

    def _serve(self, request: BaseHTTPRequestHandler) -> None:
        fault = self.faults[request.path.lstrip("/").partition("/")[0].partition("?")[0]]
        request.close_connection = True
        if fault.mode == "stall":
            self._stop.wait(20)
            return
        if fault.mode == "reset":
            linger = struct.pack("ii", 1, 0)
            request.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            request.connection.close()
            return
        if fault.mode == "close":
            return
        if fault.mode == "garbage":
            request.wfile.write(b"\x00\x01 not http at all\r\n\r\n")
            return
        body = fault.body if isinstance(fault.body, (str, bytes)) else json.dumps(fault.body)
        raw = body.encode() if isinstance(body, str) else body
        request.send_response(fault.status)
        headers = {"Content-Type": "application/json", "Connection": "close", **fault.headers}
        for name, value in headers.items():
            request.send_header(name, value)
        request.send_header("Content-Length", str(len(raw) + (100 if fault.mode == "cut" else 0)))
        request.end_headers()
        request.wfile.write(raw)


@contextmanager
def serving() -> Iterator[FaultServer]:
    """Run a server for a block."""
    server = FaultServer()
    try:
        yield server
    finally:
        server.close()
