"""Real servers on loopback, and a webhook that keeps what it was sent."""

from __future__ import annotations

import json
import os
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.port_kit import free_port
from tests.prometheus_kit.programs import Programs


def until(true: Callable[[], Any], what: str, timeout_s: float = 180) -> Any:
    """Ask until the answer is true; the answer."""
    end = time.monotonic() + timeout_s
    while True:
        answer = true()
        if answer:
            return answer
        assert time.monotonic() < end, f"{what}: not within {timeout_s} s"
        time.sleep(0.1)


def get(url: str) -> Any:
    """A JSON document; None while there is none."""
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return json.load(answer)
    except (OSError, ValueError):
        return None


def _ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


@contextmanager
def running(
    command: Sequence[str], log: Path, ready_url: str, env: dict[str, str] | None = None
) -> Iterator[None]:
    """A server until the block ends; its log is shown if it does not come up."""
    with log.open("wb") as out:
        server = subprocess.Popen(
            command, stdout=out, stderr=out, env={**os.environ, **(env or {})}
        )
    try:
        until(
            lambda: _ready(ready_url) or server.poll() is not None, f"{command[0]} is not up: {log}"
        )
        assert server.poll() is None, log.read_text()
        yield
    finally:
        server.terminate()
        try:
            server.wait(15)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


@contextmanager
def alertmanager(programs: Programs, configuration: Path, folder: Path) -> Iterator[str]:
    """A real Alertmanager; yields its address."""
    url = f"127.0.0.1:{free_port()}"
    command = [
        programs.alertmanager, f"--config.file={configuration}", f"--storage.path={folder}/am",
        f"--web.listen-address={url}", "--cluster.listen-address=",
    ]  # fmt: skip
    with running(command, folder / "alertmanager.log", f"http://{url}/-/ready"):
        yield f"http://{url}"


@contextmanager
def prometheus(
    programs: Programs, configuration: Path, folder: Path, *options: str, port: int = 0
) -> Iterator[str]:
    """A real Prometheus, on any free port for 0; yields its address."""
    url = f"127.0.0.1:{port or free_port()}"
    command = [
        programs.prometheus, f"--config.file={configuration}", f"--storage.tsdb.path={folder}/data",
        f"--web.listen-address={url}", *options,
    ]  # fmt: skip
    with running(command, folder / "prometheus.log", f"http://{url}/-/ready"):
        yield f"http://{url}"


@contextmanager
def collector(program: str, configuration: Mapping[str, Any], folder: Path) -> Iterator[None]:
    """A real OpenTelemetry Collector, up when its health check says so."""
    health = f"127.0.0.1:{free_port()}"
    service = {
        **configuration["service"],
        "extensions": ["health_check"],
        "telemetry": {"metrics": {"level": "none"}},
    }
    tree = {
        **configuration,
        "extensions": {"health_check": {"endpoint": health}},
        "service": service,
    }
    (folder / "collector.json").write_text(json.dumps(tree))
    command = [program, f"--config=file:{folder}/collector.json"]
    with running(command, folder / "collector.log", f"http://{health}/"):
        yield


def post_alerts(url: str, alerts: Sequence[dict[str, Any]]) -> None:
    """Hand alerts to an Alertmanager as a Prometheus would."""
    request = urllib.request.Request(
        f"{url}/api/v2/alerts",
        json.dumps(alerts).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=10):
        pass


class Receiver:
    """An HTTP server that keeps every JSON document posted to it, by path."""

    def __init__(self) -> None:
        self._got: list[tuple[str, Any]] = []
        self.authorization: str | None = None
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Authorization"):
                    outer.authorization = self.headers["Authorization"]
                outer._got.append((self.path, json.loads(body)))
                self.send_response(200)
                self.end_headers()
                self.wfile.write(b"ok")

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def of(self, path: str) -> list[Any]:
        """What was posted to a path so far."""
        return [document for where, document in self._got if where == path]

    def wait(self, path: str, index: int = 0, timeout_s: float = 180) -> Any:
        """The document number ``index`` that is posted to a path."""
        until(lambda: len(self.of(path)) > index, f"nothing posted to {path}", timeout_s)
        return self.of(path)[index]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
