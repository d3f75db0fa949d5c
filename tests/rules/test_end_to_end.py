"""A decorated application, a real Prometheus, a real Alertmanager, and who was paged."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from loopback import Receiver, alertmanager, free_port, get, prometheus, running, until
from programs import Programs

from genmon_otel.rules import message_template, render_alertmanager, render_rules

pytestmark = [pytest.mark.prometheus, pytest.mark.alertmanager, pytest.mark.slow]

HERE = Path(__file__).parent
WINDOW_S = 120  # divides the e2e's patience; the rules are the same as for an hour


class Application:
    """One decorated process, driven by hand."""

    def __init__(self, folder: Path, env: dict[str, str]) -> None:
        folder.mkdir()
        self._store = str(folder / "genmon.db")
        self._process = subprocess.Popen(
            [sys.executable, HERE / "application.py"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={**os.environ, "GENMON_STORE": self._store, **env},
        )  # fmt: skip
        assert self._answer() == "ready"

    def _answer(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def do(self, *commands: str) -> str:
        """Run commands one after the other; the last one's answer."""
        answer = ""
        for command in commands:
            assert self._process.stdin is not None
            self._process.stdin.write(command + "\n")
            self._process.stdin.flush()
            answer = self._answer()
        return answer

    def health(self) -> list[Any]:
        """Attempts, failures and verdict: ``check_health()``'s, which ``genmon health`` repeats."""
        answer: list[Any] = json.loads(self.do("health"))
        shown = subprocess.run(
            [sys.executable, "-c", "from genmon_otel.cli import main; main()", "health", "--json",
             "--store", self._store],
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        told = json.loads(shown.stdout)
        assert [told["attempts"], told["failures"], told["healthy"]] == answer
        assert shown.returncode == (0 if told["healthy"] else 1)
        return answer

    def close(self) -> None:
        self._process.stdin.close()  # type: ignore[union-attr]
        self._process.wait(20)


@contextmanager
def application(folder: Path, **env: str) -> Iterator[Application]:
    app = Application(folder, env)
    try:
        yield app
    finally:
        app.close()


@contextmanager
def monitoring(
    programs: Programs,
    folder: Path,
    receiver: Receiver,
    targets: dict[str, int],
    *options: str,
) -> Iterator[str]:
    """Prometheus and Alertmanager with the generated files; yields Prometheus' address."""
    (folder / "rules.yml").write_text(render_rules(1, WINDOW_S))
    (folder / "genmon.tmpl").write_text(message_template())
    (folder / "webhook_token").write_text("token")
    configuration = render_alertmanager(
        "webhook", "webhook", secrets_dir=str(folder),
        template=str(folder / "genmon.tmpl"), webhook_url=f"{receiver.url}/page",
    )  # fmt: skip
    configuration = configuration.replace("group_wait: 10s", "group_wait: 1s")
    (folder / "am.yml").write_text(
        configuration.replace("group_interval: 1m", "group_interval: 1s")
    )
    with alertmanager(programs, folder / "am.yml", folder) as manager:
        tree = {
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": [str(folder / "rules.yml")],
            "alerting": {
                "alertmanagers": [
                    {"static_configs": [{"targets": [manager.removeprefix("http://")]}]}
                ]
            },
            "scrape_configs": [
                {
                    "job_name": job,
                    "static_configs": [
                        {"targets": [f"127.0.0.1:{port}"], "labels": {"namespace": "prod"}}
                    ],
                }
                for job, port in targets.items()
            ],
        }
        (folder / "prometheus.yml").write_text(json.dumps(tree))
        with prometheus(programs, folder / "prometheus.yml", folder, *options) as url:
            yield url


def _seen(url: str, job: str) -> float:
    """How many attempts of a job Prometheus counts."""
    query = f'sum(cluster_namespace_job_operation_framework:genmon_generations:increase2m{{job="{job}"}})'
    answer = get(f"{url}/api/v1/query?query={urllib.request.quote(query)}")  # type: ignore[attr-defined]
    result = answer["data"]["result"] if answer else []
    return float(result[0]["value"][1]) if result else 0.0


def _alerts(receiver: Receiver, status: str) -> list[dict[str, Any]]:
    return [
        alert
        for document in receiver.of("/page")
        for alert in document["alerts"]
        if alert["status"] == status
    ]


def test_pages_within_seconds_and_resolves(
    programs: Programs, tmp_path: Path, receiver: Receiver
) -> None:
    """3 of 5 pages at once with its sentence; 4 of 4 and 3 of 6 do not; recovery resolves."""
    jobs = {"three-of-five": free_port(), "four-of-four": free_port(), "three-of-six": free_port()}
    with ExitStack() as stack:
        paged, few, half = (
            stack.enter_context(application(tmp_path / job, GENMON_METRICS_PORT=str(port)))
            for job, port in jobs.items()
        )
        url = stack.enter_context(monitoring(programs, tmp_path, receiver, jobs))
        until(lambda: len(get(f"{url}/api/v1/query?query=up==1")["data"]["result"]) == 3, "scraped")
        few.do("fail", "fail", "fail", "fail")
        half.do("ok", "ok", "ok", "fail", "fail", "fail")
        paged.do("ok", "ok", "fail", "fail", "fail")
        began = time.monotonic()
        page = receiver.wait("/page")
        took = time.monotonic() - began
        assert took < 15, f"the page took {took:.1f} s"
        (alert,) = page["alerts"]
        assert alert["labels"] == {
            "alertname": "GenmonHighFailureRate", "severity": "critical", "namespace": "prod",
            "job": "three-of-five", "operation": "build_app", "framework": "react",
        }  # fmt: skip
        sentence = alert["annotations"]["description"]
        assert sentence.startswith(
            "build_app/react prod: 3 of 5 failed in 2 min, last 20 s 3 of 5; 3 × ai_timeout. Clears by "
        ), sentence
        until(lambda: _seen(url, "four-of-four") == 4, "4 of 4 counted")
        until(lambda: _seen(url, "three-of-six") == 6, "3 of 6 counted")
        # check_health() and `genmon health` judge the same traffic the same way.
        assert paged.health() == [5, 3, False]
        assert few.health() == [4, 4, True]
        assert half.health() == [6, 3, True]
        paged.do("ok")  # 3 of 6
        until(lambda: _alerts(receiver, "resolved"), "resolved")
        assert paged.health() == [6, 3, True]
        time.sleep(2)
        paged_jobs = {alert["labels"]["job"] for alert in _alerts(receiver, "firing")}
        assert paged_jobs == {"three-of-five"}


def test_gunicorn_workers_count_together(
    programs: Programs, tmp_path: Path, receiver: Receiver
) -> None:
    """Five attempts spread over two workers, served by one endpoint, page."""
    port, metrics_port = free_port(), free_port()
    (tmp_path / "multiproc").mkdir()
    (tmp_path / "gunicorn.conf.py").write_text(
        "def post_worker_init(worker):\n    from genmon_otel import setup\n    setup()\n"
    )
    command = [
        sys.executable, "-m", "gunicorn", "-c", str(tmp_path / "gunicorn.conf.py"), "-w", "2",
        "-b", f"127.0.0.1:{port}", "--chdir", str(HERE), "application:wsgi",
    ]  # fmt: skip
    env = {
        "PROMETHEUS_MULTIPROC_DIR": str(tmp_path / "multiproc"),
        "GENMON_STORE": str(tmp_path / "genmon.db"),
        "GENMON_METRICS_PORT": str(metrics_port),
    }
    ready = f"http://127.0.0.1:{metrics_port}/metrics"
    with (
        running(command, tmp_path / "gunicorn.log", ready, env),
        monitoring(programs, tmp_path, receiver, {"web": metrics_port}) as url,
    ):
        until(lambda: get(f"{url}/api/v1/query?query=up==1")["data"]["result"], "scraped")
        workers: dict[str, int] = {}

        def ask(path: str) -> None:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/{path}", timeout=10) as answer:
                worker = answer.read().decode()
                workers[worker] = workers.get(worker, 0) + 1

        # Successes until both have worked, then one failure more than successes.
        for _ in range(50):
            ask("ok")
            if len(workers) == 2:
                break
        assert len(workers) == 2
        successes = sum(workers.values())
        failures = max(successes + 1, 5 - successes)
        for _ in range(failures):
            ask("fail")
        page = receiver.wait("/page")
        assert page["alerts"][0]["annotations"]["description"].startswith(
            f"build_app/react prod: {failures} of {successes + failures} failed"
        )


def test_metrics_pushed_by_otlp_page(newer: Programs, tmp_path: Path, receiver: Receiver) -> None:
    """Pushed to Prometheus' own OTLP receiver every second, 3 of 5 page as if scraped."""
    asked = subprocess.run(
        [newer.prometheus, "--help"], capture_output=True, text=True, check=False
    )
    if "--web.enable-otlp-receiver" not in asked.stdout + asked.stderr:
        pytest.skip("this build of Prometheus has no OTLP receiver (Debian leaves it out)")
    with monitoring(newer, tmp_path, receiver, {}, "--web.enable-otlp-receiver") as url:
        env = {
            "GENMON_METRICS": "otlp",
            "OTEL_METRICS_EXPORTER": "otlp",
            "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
            "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": f"{url}/api/v1/otlp/v1/metrics",
            "OTEL_METRIC_EXPORT_INTERVAL": "1000",
            "OTEL_SERVICE_NAME": "pushed",
            "OTEL_RESOURCE_ATTRIBUTES": "service.instance.id=one",
        }
        with application(tmp_path / "app", **env) as app:
            app.do("ok", "ok", "fail", "fail", "fail")
            (alert,) = receiver.wait("/page")["alerts"]
            assert alert["labels"]["job"] == "pushed"
            assert alert["annotations"]["description"].startswith(
                "build_app/react pushed: 3 of 5 failed"
            )
