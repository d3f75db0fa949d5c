"""The metrics endpoint, where ``metrics_port`` asks for one.

One process serves its own registry; where another has the port, it says so and takes
the port over once it is free. Under PROMETHEUS_MULTIPROC_DIR whoever binds
the port first serves all processes of that folder, and a sibling takes over when
it dies; a server that forks after ``setup()`` (``gunicorn --preload``) serves from
the parent.
"""

from __future__ import annotations

import errno
import glob
import logging
import os
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from wsgiref.simple_server import WSGIServer

from prometheus_client import REGISTRY, CollectorRegistry, Metric, start_http_server
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from genmon_otel import conventions as names
from genmon_otel.errors import ConfigurationError
from genmon_otel.instruments.prometheus import is_multiprocess
from genmon_otel.threads import undisturbed

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

_log = logging.getLogger(names.LOGGER)

#: Seconds between attempts to take a port over from a sibling that died.
TAKEOVER_S: Final = 5.0


class AllProcesses(MultiProcessCollector):
    """The metrics of every process of PROMETHEUS_MULTIPROC_DIR.

    Counters are read before gauges: a counter that is seen was born before, and
    its birth is seen too. Gauges of processes that died are forgotten first, so
    no hook of the web server is needed for it.
    """

    def collect(self) -> Iterable[Metric]:
        for pid in _dead(self._path):
            mark_process_dead(pid, self._path)  # type: ignore[no-untyped-call]
        merged: Iterable[Metric] = self.merge(self._files(), accumulate=True)  # type: ignore[no-untyped-call]
        return merged

    def _files(self) -> Iterator[str]:
        """Files to read, each looked for when the ones before have been read."""
        for kind in ("counter", "gauge", "histogram", "summary"):
            for file in sorted(glob.glob(os.path.join(self._path, f"{kind}_*.db"))):
                if os.path.exists(file) and os.path.getsize(file):  # a new one is empty at first
                    yield file


def _dead(folder: str) -> set[int]:
    """Processes that left live gauges behind."""
    dead = set()
    for file in Path(folder).glob("gauge_live*_*.db"):
        pid = file.stem.rpartition("_")[2]
        if pid.isdigit():
            try:
                os.kill(int(pid), 0)
            except ProcessLookupError:
                dead.add(int(pid))
            except OSError:
                pass  # it lives, and is not ours
    return dead


class MetricsServer:
    """Serve metrics over HTTP from a daemon thread until closed.

    Args:
        port: 0 takes any free one; see :attr:`port`.
        host: address to bind.
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
        self._host = host
        self._wanted = port
        self._closed = threading.Event()
        self._server: WSGIServer | None = None
        self._registry = registry
        self._waits = waits
        self._around = around
        if not self._bind():
            heir = threading.Thread(target=self._take_over, name="genmon-metrics-port", daemon=True)
            undisturbed(heir.start)
        this = weakref.ref(self)
        os.register_at_fork(after_in_child=lambda: _forget(this()))

    @property
    def port(self) -> int | None:
        """The port served here; None while another process has it."""
        return None if self._server is None else self._server.server_port

    def close(self) -> None:
        """Stop serving and free the port."""
        self._closed.set()
        server, self._server = self._server, None
        if server is not None:
            server.shutdown()
            server.server_close()

    def _bind(self) -> bool:
        """Start to serve; False when the port is taken, and waited for."""
        try:
            self._server, _ = undisturbed(
                partial(start_http_server, self._wanted, self._host, self._registry)
            )
        except OSError as error:
            if error.errno == errno.EADDRINUSE and self._waits:
                return False
            raise ConfigurationError(
                f"metrics_port={self._wanted} on {self._host!r} cannot be opened "
                f"({error.strerror or error}). Give another port, 0 for any free one, or leave it "
                "out and serve prometheus_client's registry yourself."
            ) from None
        if self._around is not None:
            self._server.set_app(self._around(self._server.get_app()))  # type: ignore[arg-type]
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


def serve(port: int, host: str, registry: CollectorRegistry | None) -> MetricsServer:
    """Serve this application's metrics; a port that is taken keeps no application from starting.

    Who has it may be the process that this one replaces. It is taken over once that has gone.

    Args:
        port: 0 takes any free one.
        host: address to bind.
        registry: what to serve; None: prometheus_client's own. Not asked for under
            PROMETHEUS_MULTIPROC_DIR, where all processes of the folder are served.

    Raises:
        ConfigurationError: the address cannot be bound.
    """
    if is_multiprocess():
        everything = CollectorRegistry()
        AllProcesses(everything)  # type: ignore[no-untyped-call]
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
    """In a forked child: close the inherited socket, so that it dies with its owner."""
    if server is not None and server._server is not None:
        server._server.socket.close()
        server._server = None
