"""Servers that ask for a login: it goes to them, and onto no screen."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from genmon_otel.cli.checks import check_prometheus, check_traces
from genmon_otel.demo.endpoint import probe
from genmon_otel.errors import ConfigurationError
from genmon_otel.settings import Settings
from genmon_otel.ui.alerts import Alerts
from tests.port_kit import free_port

PASSWORD = "hunter2hunter2"
LOGIN = f"me:{PASSWORD}"


class _Server(BaseHTTPRequestHandler):
    """Prometheus and Alertmanager, for whoever has the login."""

    def do_GET(self) -> None:
        given = base64.b64encode(LOGIN.encode()).decode()
        is_right = self.headers["Authorization"] == f"Basic {given}"
        answer: object = {"status": "success", "data": {"result": [], "groups": []}}
        if "/api/v2/alerts" in self.path:
            answer = [{"labels": {"alertname": "GenmonPage"}}]
        body = json.dumps(answer if is_right else {"status": "error"}).encode()
        self.send_response(200 if is_right else 401)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def host() -> Iterator[str]:
    """Host and port of the server."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def test_doctor_asks_a_prometheus_with_a_login_and_shows_none(host: str) -> None:
    """The address is shown masked, whether it answers or not."""
    said = [finding.says for finding in check_prometheus(f"http://{LOGIN}@{host}")]
    assert [f"http://me:***@{host} has no" in text for text in said] == [True, False]
    wrong = ("127.0.0.1:1", "[::1", "host.invalid", f"127.0.0.1:{PASSWORD}")
    for address in (*(f"http://{LOGIN}@{each}" for each in wrong), f"ftp://{LOGIN}@{host}"):
        said += [finding.says for finding in check_prometheus(address)]
    assert len(said) == 7
    assert not [text for text in said if PASSWORD in text]


def test_an_address_with_a_blank_is_not_quoted() -> None:
    """What the library refuses to ask for, it would quote: the token in its query, too."""
    findings = list(check_prometheus(f"http://127.0.0.1:1/p?token={PASSWORD} x"))
    assert [finding.level for finding in findings] == ["problem"]
    assert PASSWORD not in findings[0].says


@pytest.mark.parametrize("scheme", ["http://", ""])
def test_doctor_shows_no_login_of_a_collector(
    scheme: str, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    """Not where it answers, not where it does not, not where the address is none."""
    for address in (host, "127.0.0.1:1", "host.invalid:4318", f"h:{PASSWORD}"):
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"{scheme}{LOGIN}@{address}")
        (finding,) = check_traces(Settings(store="sqlite://"))
        assert PASSWORD not in f"{finding.says} {finding.remedy}"


def test_alertmanager_is_asked_with_its_login(host: str) -> None:
    """The page shows the alerts of one that asks for a login, and no login where there is no answer."""
    assert [alert.name for alert in Alerts(f"http://{LOGIN}@{host}").open()[0]] == ["GenmonPage"]
    for address in (f"127.0.0.1:{free_port()}", "host.invalid"):
        alerts, why = Alerts(f"http://{LOGIN}@{address}/am").open()
        assert not alerts
        assert "did not answer" in why
        assert PASSWORD not in why
    for address in (f"ftp://{LOGIN}@{host}", f"http://{LOGIN}/x@{host}", f"http://{LOGIN}@[::1"):
        with pytest.raises(ConfigurationError) as refused:
            Alerts(address)
        assert PASSWORD not in str(refused.value)


def test_the_demo_shows_no_login_of_an_endpoint() -> None:
    """Of one that does not answer the masked address is shown."""
    with pytest.raises(ConfigurationError) as refused:
        probe(f"http://{LOGIN}@127.0.0.1:1/v1", None, bounded=True)
    assert PASSWORD not in str(refused.value)
