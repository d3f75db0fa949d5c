"""The metrics endpoint, where ``metrics_port`` asks for one.

One process serves its own registry; where another has the port, it says so and takes
the port over once it is free. Under PROMETHEUS_MULTIPROC_DIR the process that binds
the port first serves all processes of that folder, and a sibling takes over when
it dies; a server that forks after ``setup()`` (``gunicorn --preload``) serves from
the parent.
"""

from __future__ import annotations

import errno
import logging
import os
import threading
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from prometheus_client import REGISTRY, CollectorRegistry, make_wsgi_app

from genmon_otel import conventions as names
from genmon_otel.errors import ConfigurationError
from genmon_otel.instruments.prometheus import is_multiprocess
from genmon_otel.threads import with_signals_blocked
from genmon_otel.wiring.bounded_http import BoundedServer
from genmon_otel.wiring.host_check import HostCheck, bound_address
from genmon_otel.wiring.shared_metrics import AllProcesses

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

_log = logging.getLogger(names.LOGGER)

#: Seconds between attempts to open a port whose owner, another process, may have ended.
TAKEOVER_S: Final = 5.0


class MetricsServer:
    """Serve metrics over HTTP from a daemon thread until closed.

    Args:
        port: 0 takes any free one; see :attr:`port`.
        host: address to bind; behind commas, other names under which requests may come.
        registry: what to serve.
        waits: whether a port that is taken is taken over once its owner is gone.
        around: put around what answers a scrape; None: nothing.

    Raises:
        ConfigurationError: the address cannot be bound, or is taken and not waited for.
    """

    def __init__(
        self,
        port: int,
        host: str,
        registry: CollectorRegistry,
        *,
        waits: bool = False,
        around: Callable[[WSGIApplication], WSGIApplication] | None = None,
    ) -> None:
        self._host = bound_address(host)
        self._wanted = port
        self._closed = threading.Event()
        self._server: BoundedServer | None = None
        self._waits = waits
        metrics = make_wsgi_app(registry)
        self._app = HostCheck(metrics if around is None else around(metrics), host)
        if not self._bind():
            heir = threading.Thread(target=self._take_over, name="genmon-metrics-port", daemon=True)
            with_signals_blocked(heir.start)
        this = weakref.ref(self)
        os.register_at_fork(after_in_child=lambda: _forget(this()))

    @property
    def port(self) -> int | None:
        """The port served here; None while another process has it."""
        return None if self._server is None else self._server.server_port

    def close(self) -> None:
        """Stop serving, close open connections and free the port."""
        self._closed.set()
        server, self._server = self._server, None
        if server is not None:
            server.close()

    def _bind(self) -> bool:
        """Start to serve; return False if the port is taken and will be tried again."""
        try:
            server = BoundedServer(self._host, self._wanted, self._app)
        except (OSError, UnicodeError) as error:
            if getattr(error, "errno", None) == errno.EADDRINUSE and self._waits:
                return False
            why = getattr(error, "strerror", None) or error
            raise ConfigurationError(
                f"metrics_port={self._wanted} on {self._host!r} cannot be opened "
                f"({why}). Give another port, 0 for any free one, or leave it "
                "out and serve prometheus_client's registry yourself."
            ) from None
        thread = threading.Thread(target=server.serve_forever, name="genmon-metrics", daemon=True)
        with_signals_blocked(thread.start)
        self._server = server
        return True

    def _take_over(self) -> None:
        while not self._closed.wait(TAKEOVER_S):
            try:
                if self._bind():
                    _log.info("genmon serves metrics on port %s now.", self._wanted)
                    return
            except ConfigurationError as error:
                _log.warning("%s", error)
                return


def serve(
    port: int,
    host: str,
    registry: CollectorRegistry | None,
    on_damage: Callable[[], None] = lambda: None,
) -> MetricsServer:
    """Serve this application's metrics; a port that is taken keeps no application from starting.

    Who has it may be the process that this one replaces. It is taken over once that has gone.

    Args:
        port: 0 takes any free one.
        host: address to bind; behind commas, other names under which requests may come.
        registry: what to serve; None: prometheus_client's own. Not asked for under
            PROMETHEUS_MULTIPROC_DIR, where all processes of the folder are served.
        on_damage: called once for each damaged file of that folder.

    Raises:
        ConfigurationError: the address cannot be bound.
    """
    if is_multiprocess():
        everything = CollectorRegistry()
        AllProcesses(everything, on_damage=on_damage)
        server = MetricsServer(port, host, everything, waits=True)
        if server.port is None:
            _log.info("port %s is taken; its owner serves the metrics of all processes.", port)
        return server
    server = MetricsServer(port, host, REGISTRY if registry is None else registry, waits=True)
    if server.port is None:
        _log.error(
            "metrics_port=%s is taken: until it is free nobody serves the metrics of this process, and "
            "what fails here pages nobody. For workers of one application set %s to an empty folder: "
            "one port serves them together. Else set %s for one process alone, or another port.",
            port,
            names.ENV_MULTIPROC_DIR,
            names.ENV_METRICS_PORT,
        )
    return server


def _forget(server: Any) -> None:
    """Close the inherited socket in a forked child, so that the port is free when its owner ends."""
    if server is not None and server._server is not None:
        server._server.abandon()
        server._server = None
