"""A decorated application under the generated rules, watched by the real programs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from genmon_otel.rules import message_template, render_alertmanager, render_rules
from tests.prometheus_kit.loopback import Receiver, alertmanager, get, prometheus, until
from tests.prometheus_kit.programs import Programs

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
            capture_output=True, text=True, timeout=250, check=False,
        )  # fmt: skip
        shown_health = json.loads(shown.stdout)
        assert [
            shown_health["attempts"],
            shown_health["failures"],
            shown_health["healthy"],
        ] == answer
        assert shown.returncode == (0 if shown_health["healthy"] else 1)
        return answer

    def close(self) -> None:
        self._process.stdin.close()  # type: ignore[union-attr]
        self._process.wait(200)


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
    targets: Mapping[str, int],
    *options: str,
    port: int = 0,
    **configuration: Any,
) -> Iterator[str]:
    """Prometheus and Alertmanager with the generated files; yields Prometheus' address.

    Args:
        targets: port of each job.
        options: of Prometheus' command line.
        port: of Prometheus; any free one for 0.
        configuration: more of its file, by key.
    """
    (folder / "rules.yml").write_text(render_rules(1, WINDOW_S))
    (folder / "genmon.tmpl").write_text(message_template())
    (folder / "webhook_token").write_text("token")
    manager_file = render_alertmanager(
        "webhook", "webhook", secrets_dir=str(folder),
        template=str(folder / "genmon.tmpl"), webhook_url=f"{receiver.url}/page",
    )  # fmt: skip
    manager_file = manager_file.replace("group_wait: 10s", "group_wait: 1s")
    (folder / "am.yml").write_text(manager_file.replace("group_interval: 1m", "group_interval: 1s"))
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
                        {"targets": [f"127.0.0.1:{target}"], "labels": {"namespace": "prod"}}
                    ],
                }
                for job, target in targets.items()
            ],
            **configuration,
        }
        (folder / "prometheus.yml").write_text(json.dumps(tree))
        with prometheus(programs, folder / "prometheus.yml", folder, *options, port=port) as url:
            yield url


def seen(url: str, job: str) -> float:
    """How many attempts of a job Prometheus counts."""
    query = f'sum(cluster_namespace_job_operation_framework:genmon_generations:increase2m{{job="{job}"}})'
    answer = get(f"{url}/api/v1/query?query={urllib.request.quote(query)}")  # type: ignore[attr-defined]
    result = answer["data"]["result"] if answer else []
    return float(result[0]["value"][1]) if result else 0.0


def alerts(receiver: Receiver, status: str) -> list[dict[str, Any]]:
    return [
        alert
        for document in receiver.of("/page")
        for alert in document["alerts"]
        if alert["status"] == status
    ]


def pages_three_of_five(document: dict[str, Any], url: str) -> None:
    """The page tells of 3 of 5 in one sentence; 4 of 4 and 3 of 6 were counted, and are not in it."""
    (alert,) = document["alerts"]
    assert alert["labels"] == {
        "alertname": "GenmonHighFailureRate", "severity": "critical", "namespace": "prod",
        "job": "three-of-five", "operation": "build_app", "framework": "react",
    }  # fmt: skip
    sentence = alert["annotations"]["description"]
    assert sentence.startswith(
        "build_app/react prod: 3 of 5 failed in 2 min, last 20 s 3 of 5; 3 × ai_timeout. Clears by "
    ), sentence
    until(lambda: seen(url, "four-of-four") == 4, "4 of 4 counted")
    until(lambda: seen(url, "three-of-six") == 6, "3 of 6 counted")
