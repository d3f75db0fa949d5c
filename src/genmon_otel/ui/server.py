"""Serve the page, and make links to a server that runs."""

from __future__ import annotations

import json
import os
import secrets
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import h11
import uvicorn
from starlette.applications import Starlette
from uvicorn.protocols.http.h11_impl import H11Protocol

from genmon_otel.errors import ConfigurationError
from genmon_otel.ui import gate
from genmon_otel.ui.session import sign_link

#: Seconds in which the first line of a request must begin to arrive and its head must be complete.
HEAD_S: Final = 10.0
#: Requests and connections that are served concurrently.
AT_ONCE: Final = 100


class BoundedProtocol(H11Protocol):
    """Close a connection on which a head or a body does not arrive whole in time.

    That holds for each request of a connection, also where its answer was sent before its body came:
    a client that sends a byte now and then would hold the connection without limit.
    """

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        #: The request that is awaited, by how many came before it, and how far it is; since when.
        self._awaited: tuple[int, Any] | None = None
        self._since = 0.0
        self._requests = 0
        self._seen: Any = None
        self._watch()

    def send_400_response(self, msg: str) -> None:
        try:
            super().send_400_response(msg)
        except h11.LocalProtocolError:  # an answer was sent already
            self.transport.close()

    def _watch(self) -> None:
        if self.transport.is_closing():
            return
        if self.cycle is not self._seen:
            self._seen = self.cycle
            self._requests += 1
        theirs = self.conn.their_state
        # Between two requests nothing is due: uvicorn's keep-alive closes such a connection.
        rests = theirs is h11.IDLE and self._requests and not self.conn.trailing_data[0]
        awaited = None if rests or theirs not in _LIMITS else (self._requests, theirs)
        if awaited != self._awaited:
            self._awaited, self._since = awaited, self.loop.time()
        elif awaited is not None and self.loop.time() - self._since >= _LIMITS[theirs]():
            self.transport.close()
            return
        self.loop.call_later(min(1.0, HEAD_S / 4), self._watch)


#: Seconds in which what is awaited must have come: a request's head, or its body. The page itself
#: answers a form that is late; what comes after that answer is not waited for.
_LIMITS: Final[Mapping[Any, Callable[[], float]]] = {
    h11.IDLE: lambda: HEAD_S,
    h11.SEND_BODY: lambda: gate.BODY_S + HEAD_S / 2,
}


class _Server(uvicorn.Server):
    """A server that says when it listens: from then on Ctrl-C ends it in order."""

    def __init__(self, config: uvicorn.Config, listening: Callable[[], None]) -> None:
        super().__init__(config)
        self._listening = listening

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._listening()


def serve(app: Starlette, host: str, port: int, listening: Callable[[], None]) -> None:
    """Serve until interrupted.

    Args:
        app: what answers.
        host: address to listen at.
        port: and port.
        listening: called once the server accepts connections.
    """
    _Server(configuration(app, host, port), listening).run()


def configuration(app: Starlette, host: str, port: int) -> uvicorn.Config:
    """Return how the page is served: bounded in time and number, trusting no proxy's header."""
    return uvicorn.Config(
        app, host=host, port=port, http=BoundedProtocol, ws="none", lifespan="off",
        log_level="warning", proxy_headers=False, server_header=False,
        limit_concurrency=AT_ONCE, timeout_keep_alive=30, timeout_graceful_shutdown=2,
    )  # fmt: skip


@contextmanager
def announced(folder: Path, port: int, url: str) -> Iterator[bytes]:
    """Keep the server's key and address in a private file for as long as it runs.

    Args:
        folder: where the store's files are.
        port: of the server.
        url: under which it is reached, without a path.

    Yields:
        The key by which links are signed.
    """
    key = secrets.token_bytes(32)
    folder.mkdir(parents=True, exist_ok=True)
    path = _path(folder, port)
    with suppress(FileNotFoundError):
        path.unlink()
    # Made anew and for this user alone, never through a link that is there.
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "w", encoding="utf-8") as file:
        json.dump({"key": key.hex(), "url": url}, file)
    try:
        yield key
    finally:
        with suppress(OSError):
            path.unlink()


def make_link(folder: Path, port: int, reviewer: str) -> str:
    """Return a one-time link to the server that runs on a port.

    Raises:
        ConfigurationError: none runs there, or it is another user's.
    """
    try:
        content = json.loads(_path(folder, port).read_text(encoding="utf-8"))
        key, url = bytes.fromhex(content["key"]), str(content["url"])
    except (OSError, ValueError, KeyError, TypeError):
        raise ConfigurationError(
            f"No genmon ui of yours runs on port {port} with its files in {folder}. "
            f"Start one: genmon ui --port {port}"
        ) from None
    return link(url, key, reviewer)


def link(url: str, key: bytes, reviewer: str) -> str:
    """Return a one-time link."""
    return f"{url}/enter?token={quote(sign_link(key, reviewer, time.time()))}"


def _path(folder: Path, port: int) -> Path:
    return folder / f"ui-{port}.json"
