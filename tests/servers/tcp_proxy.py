"""A TCP proxy on loopback before a server's unix socket, that can go silent without closing."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class Proxy:
    """Forwards bytes both ways, until it is :meth:`silent`; then it takes them and says nothing.

    Connections that were open as it went silent stay dead, as those to a host that vanished.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._silent = threading.Event()
        self._open: list[socket.socket] = []
        #: Connections that were made while it was silent, and before.
        self.refused = self.accepted = 0
        threading.Thread(target=self._accept, daemon=True).start()

    @contextmanager
    def silent(self) -> Iterator[None]:
        """Forward nothing, close nothing."""
        self._silent.set()
        try:
            yield
        finally:
            self._silent.clear()

    def close(self) -> None:
        """Let go of everything."""
        self._listener.close()
        for each in self._open:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._open.append(client)
                if self._silent.is_set():
                    self.refused += 1
                    continue
                self.accepted += 1
                server = socket.socket(socket.AF_UNIX)
                server.connect(self._path)
                self._open.append(server)
                for ends in ((client, server), (server, client)):
                    threading.Thread(target=self._forward, args=ends, daemon=True).start()

    def _forward(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                if self._silent.is_set():
                    return  # and neither end hears of it
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)


@contextmanager
def before(path: str) -> Iterator[Proxy]:
    """Run a proxy before a unix socket."""
    proxy = Proxy(path)
    try:
        yield proxy
    finally:
        proxy.close()
