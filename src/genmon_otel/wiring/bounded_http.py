"""Serve HTTP with bounded connections, threads and times: a slow client cannot block the server.

The standard library's server gives each connection a thread without a time limit: a
client that sends half a request, or reads its answer a byte a minute, keeps it for ever.
"""

from __future__ import annotations

import logging
import socket
import sys
import threading
import time
from socketserver import ThreadingMixIn
from typing import TYPE_CHECKING, Any, Final
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from genmon_otel import conventions as names
from genmon_otel.internal_errors import stack_for_log

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIApplication

_log = logging.getLogger(names.LOGGER)

#: Seconds in which a request must have arrived, and in which its answer must have been read.
#: Prometheus waits 10 s for a whole scrape by default.
REQUEST_S: Final = 5.0
ANSWER_S: Final = 30.0
#: Connections at a time. One more ends the oldest whose request has not arrived.
MAX_CONNECTIONS: Final = 32
#: Seconds between two checks for connections that are past their deadline.
_LOOK_S: Final = 0.5
#: Threads at a time, including those that still compute an answer whose client has gone.
MAX_THREADS: Final = 2 * MAX_CONNECTIONS


class _Handler(WSGIRequestHandler):
    """Serves one request and logs none."""

    server: BoundedServer

    def setup(self) -> None:
        super().setup()
        self.connection.settimeout(REQUEST_S)

    def parse_request(self) -> bool:
        # A connection that was ended looks like a request without its last headers.
        if not super().parse_request() or not self.server.note_arrived(self.connection):
            return False
        self.connection.settimeout(ANSWER_S)
        return True

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing."""


class BoundedServer(ThreadingMixIn, WSGIServer):
    """Serve a WSGI application, a thread a connection, until :meth:`close`.

    Args:
        host: address to bind.
        port: 0 takes any free one.
        app: what answers.

    Raises:
        OSError: the address cannot be bound, or is no address.
    """

    daemon_threads = True
    block_on_close = False
    request_queue_size = 2 * MAX_CONNECTIONS

    def __init__(self, host: str, port: int, app: WSGIApplication) -> None:
        family, *_, address = socket.getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        self.address_family = family
        #: Each open connection, oldest first: its deadline, and whether its request has arrived.
        self._open: dict[socket.socket, tuple[float, bool]] = {}
        self._lock = threading.Lock()
        self._working = 0
        super().__init__(address[:2], _Handler)  # type: ignore[arg-type]
        self.set_app(_answering(app))

    def server_bind(self) -> None:
        """Bind without a DNS query for the name of this address."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = str(self.server_address[0]), self.server_address[1]
        self.setup_environ()

    def serve_forever(self, poll_interval: float = _LOOK_S) -> None:
        """Serve until :meth:`close`, in the calling thread."""
        super().serve_forever(poll_interval)

    def close(self) -> None:
        """Stop serving, and end the connections that are open."""
        self.shutdown()
        self.server_close()
        with self._lock:
            connections = list(self._open)
        for connection in connections:
            _end(connection)

    def abandon(self) -> None:
        """Close, in a forked child, the descriptors of the parent's sockets."""
        self._lock = threading.Lock()
        self.socket.close()
        for connection in list(self._open):
            connection.close()
        self._open = {}

    # --- connections, in the thread that serves

    def get_request(self) -> tuple[socket.socket, Any]:
        try:
            return super().get_request()
        except OSError:  # out of descriptors: wait before the next attempt
            time.sleep(_LOOK_S)
            raise

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._lock:
            full = self._working >= MAX_THREADS
            surplus = self._most_expendable() if len(self._open) >= MAX_CONNECTIONS else None
            if surplus is not None:
                del self._open[surplus]
            if not full:
                self._working += 1
                self._open[request] = (time.monotonic() + REQUEST_S, False)
        if surplus is not None:
            _end(surplus)
        if full:
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except BaseException:  # no thread could be started
            self._done()
            raise

    def _most_expendable(self) -> socket.socket:
        """The oldest connection whose request has not arrived, else the oldest."""
        for connection, (_, arrived) in self._open.items():
            if not arrived:
                return connection
        return next(iter(self._open))

    def service_actions(self) -> None:
        """Close the connections that are past their deadline."""
        now = time.monotonic()
        with self._lock:
            late = [each for each, (due, _) in self._open.items() if due < now]
            for each in late:
                del self._open[each]
        for each in late:
            _end(each)

    # --- in a connection's own thread

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._done()

    def _done(self) -> None:
        with self._lock:
            self._working -= 1

    def note_arrived(self, connection: socket.socket) -> bool:
        """Start the deadline for reading the answer of a request that has arrived; False: it was closed."""
        with self._lock:
            if connection not in self._open:
                return False
            self._open[connection] = (time.monotonic() + ANSWER_S, True)
            return True

    def close_request(self, request: Any) -> None:
        with self._lock:
            self._open.pop(request, None)
        super().close_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Log an error of the application; ignore clients that disconnected or ran into their deadline."""
        if not isinstance(sys.exc_info()[1], (OSError, ValueError)):
            _log.warning("genmon: a request for metrics broke:\n%s", stack_for_log())


def _answering(app: WSGIApplication) -> WSGIApplication:
    """Return an application that answers 500 where another raises; wsgiref would print the error as it is."""

    def answer(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        try:
            return app(environ, start_response)
        except Exception:
            _log.warning("genmon: the metrics could not be collected:\n%s", stack_for_log())
            start_response("500 Internal Server Error", [("Content-Type", "text/plain")])
            return [b"The metrics could not be collected: the application's log says why.\n"]

    return answer


def _end(connection: socket.socket) -> None:
    """Shut a connection down, which wakes the thread that reads from it or writes to it."""
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass  # its client went away
