"""The metrics endpoint: no client holds it, and it answers under its own names alone."""

from __future__ import annotations

import socket
import time
import urllib.request
from collections.abc import Callable, Iterator

import pytest
from prometheus_client import CollectorRegistry, Counter

from genmon_otel.errors import ConfigurationError
from genmon_otel.wiring import bounded_http, exporter, host_check
from genmon_otel.wiring.host_check import HostCheck
from genmon_otel.wiring.metrics_server import MetricsServer

HALF = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[MetricsServer]:
    """A server with some hundred kilobytes to serve, and little patience with requests."""
    monkeypatch.setattr(bounded_http, "REQUEST_S", 1.0)
    registry = CollectorRegistry()
    counter = Counter("served", "Text.", ["value"], registry=registry)
    for number in range(4_000):
        counter.labels(f"{number}" * 8).inc()
    made = MetricsServer(0, "127.0.0.1", registry)
    yield made
    made.close()


def connect(server: MetricsServer, sent: bytes = b"", buffer: int | None = None) -> socket.socket:
    """A connection on which so much was sent, and that takes so much before it is read."""
    connection = socket.socket()
    if buffer is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
    connection.settimeout(60)
    connection.connect(("127.0.0.1", server.port))
    connection.sendall(sent)
    return connection


def status(server: MetricsServer, head: bytes) -> str:
    """The status that a request of these headers is answered with."""
    with connect(server, b"GET /metrics HTTP/1.1\r\n" + head + b"\r\n") as connection:
        return connection.recv(64).split(b" ")[1].decode()


def awaited(is_so: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 60
    while not is_so() and time.monotonic() < deadline:
        time.sleep(0.02)
    return is_so()


def working(server: MetricsServer) -> int:
    """Threads that serve a connection."""
    assert server._server is not None
    return server._server._working


def test_an_error_of_a_collector_is_logged_without_its_secret(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """The scrape gets 500; neither log nor standard error quotes the password that the exception has."""

    class Broken:
        def collect(self) -> Iterator[None]:
            raise ValueError("no rows from postgresql://u:hunter2hunter2@h/d")
            yield

    registry = CollectorRegistry(auto_describe=False)
    registry.register(Broken())  # type: ignore[arg-type]
    made = MetricsServer(0, "127.0.0.1", registry)
    assert status(made, b"Host: localhost\r\n") == "500"
    made.close()
    assert "no rows from postgresql://" in caplog.text
    assert "hunter2hunter2" not in caplog.text + "".join(capfd.readouterr())


def test_a_request_that_does_not_arrive_is_ended(server: MetricsServer) -> None:
    """Half a request, none, and one that comes byte by byte hold no thread."""
    halves = [connect(server, sent) for sent in (b"", b"GET", HALF)]
    assert awaited(lambda: working(server) == 3)
    for connection in halves:
        assert connection.recv(64) == b""
    drip = connect(server)
    with pytest.raises(OSError, match=r"Broken pipe|reset"):
        for _ in range(600):
            drip.send(b"G")
            time.sleep(0.1)
    assert awaited(lambda: working(server) == 0)


def test_an_answer_that_nobody_reads_is_ended(
    server: MetricsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client that asks and does not read holds no thread."""
    monkeypatch.setattr(bounded_http, "ANSWER_S", 1.0)
    slow = [connect(server, HALF + b"\r\n", 2_048) for _ in range(3)]
    assert awaited(lambda: working(server) == 3)
    assert awaited(lambda: working(server) == 0)
    for connection in slow:
        connection.close()


def test_connections_are_bounded_and_a_whole_request_is_answered(
    server: MetricsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many send half a request, threads are bounded and Prometheus gets its scrape."""
    monkeypatch.setattr(bounded_http, "REQUEST_S", 3_600.0)
    halves = [connect(server, HALF) for _ in range(3 * bounded_http.MAX_CONNECTIONS)]
    assert awaited(lambda: working(server) == bounded_http.MAX_CONNECTIONS)
    address = f"http://127.0.0.1:{server.port}/metrics"
    with urllib.request.urlopen(address, timeout=60) as answer:
        assert b"served_total" in answer.read()
    assert working(server) <= bounded_http.MAX_CONNECTIONS
    server.close()
    for connection in halves:
        with connection:
            try:
                assert connection.recv(64) == b""
            except ConnectionResetError:
                pass


@pytest.mark.parametrize(
    ("hosts", "answer"),
    [
        (("localhost", "LocalHost:9464", "localhost.", "127.0.0.1", "127.0.0.1:1", "[::1]", "[::1]:80",
          "127.1.2.3", "[::ffff:127.0.0.1]:80"), "200"),
        (("evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "evil.example:9464",
          "localhost@evil.example", "evil.example/localhost", "10.0.0.1", "[fe80::1]", "::1", "0x7f.1",
          "2130706433", "127.0.0.1, evil.example", "localhost:x", "\x1b]52;c;x\x07", "[::1", "*"), "403"),
    ],
)  # fmt: skip
def test_a_foreign_host_is_refused(
    server: MetricsServer, hosts: tuple[str, ...], answer: str
) -> None:
    """A page of another site, led here by its own name, reads nothing."""
    found = {host: status(server, f"Host: {host}\r\n".encode()) for host in hosts}
    assert found == dict.fromkeys(hosts, answer)


def test_two_hosts_are_refused_and_none_is_served(server: MetricsServer) -> None:
    """Browsers send exactly one; a program that sends none is no browser."""
    assert status(server, b"Host: localhost\r\nHost: evil.example\r\n") == "403"
    assert status(server, b"") == "200"


@pytest.mark.parametrize(
    ("bound", "contained", "allowed", "refused"),
    [
        ("127.0.0.1", True, "localhost", "10.1.2.3 app.example"),
        ("127.0.0.1,metrics.example", False, "metrics.example Metrics.Example:80", "example"),
        ("0.0.0.0", False, "10.1.2.3 [fe80::1]:9 localhost worker-7", "app.example worker-7.evil"),
        ("::", False, "10.1.2.3 [2001:db8::1] localhost worker-7", "app.example"),
        ("0.0.0.0, app.example", False, "10.1.2.3 app.example", "evil.example"),
        ("0.0.0.0", True, "10.1.2.3 app.example worker-7.cluster.local:9464", "a/b"),
    ],
)
def test_the_hosts_that_are_allowed(
    bound: str, contained: bool, allowed: str, refused: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was bound and what metrics_host names; bound everywhere also addresses; in a container any."""
    monkeypatch.setattr(host_check, "in_container", lambda: contained)
    monkeypatch.setattr(socket, "gethostname", lambda: "worker-7")
    monkeypatch.setattr(socket, "getfqdn", lambda: "worker-7")
    check = HostCheck(lambda environ, start: [], bound)
    assert [host for host in allowed.split(" ") if not check.is_allowed(host)] == []
    assert [host for host in refused.split(" ") if check.is_allowed(host)] == []


def test_a_refused_host_is_told_once_and_cleanly(
    server: MetricsServer, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever meets a 403 finds in the log what to set; no escape code gets there."""
    for _ in range(3):
        status(server, b"Host: evil.example\x1b[2J\r\n")
    (said,) = [each.getMessage() for each in caplog.records if "refused" in each.getMessage()]
    assert "GENMON_METRICS_HOST=ADDRESS,NAME" in said
    assert "\x1b" not in said


def test_an_address_that_cannot_be_bound_says_so() -> None:
    """Whatever is wrong with an address is one clear error."""
    for host in ("256.0.0.1", "no-such-host.invalid", "a" * 300, "\udcff", "203.0.113.7"):
        with pytest.raises(ConfigurationError, match="cannot be opened"):
            MetricsServer(0, host, CollectorRegistry())


def test_the_exporter_is_guarded_alike() -> None:
    """What serves the store refuses a foreign host, too."""

    class Store:
        def counts(self) -> exporter.Counts:
            return exporter.Counts({}, {}, {})

    made = exporter.serve(Store(), 0)
    try:
        assert status(made, b"Host: evil.example\r\n") == "403"
        assert status(made, b"Host: localhost\r\n") == "200"
    finally:
        made.close()
