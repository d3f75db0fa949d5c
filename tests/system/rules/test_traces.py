"""A failure's trace, through the stack's own configuration, to where the dashboards look for it."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from tests.port_kit import free_port
from tests.prometheus_kit.loopback import get, running, until
from tests.prometheus_kit.programs import Programs
from tests.prometheus_kit.watched import application

pytestmark = [pytest.mark.long("a Collector and Jaeger"), pytest.mark.prometheus]

DEPLOY = Path(__file__).parents[3] / "deploy"


def _moved(name: str, moves: dict[str, str], folder: Path) -> Path:
    """A configuration of deploy/ with other addresses; the moved file."""
    text = (DEPLOY / name / "config.yml").read_text()
    for old, new in moves.items():
        assert old in text, old
        text = text.replace(old, new)
    path = folder / f"{name}.yml"
    path.write_text(text)
    return path


def test_a_failure_s_trace_is_found_by_the_id_that_links_carry(
    newest: Programs, tmp_path: Path
) -> None:
    """With the files of deploy/, the trace id of the store's row opens Jaeger's trace, whose root says what failed."""
    if newest.jaeger is None or newest.otelcol is None:
        pytest.skip("no Jaeger: run `make servers-go`")
    otlp, http, jaeger, query, own, health = (f"127.0.0.1:{free_port()}" for _ in range(6))
    checks = f"127.0.0.1:{free_port()}"
    stored = _moved(
        "jaeger",
        {
            "0.0.0.0:4317": jaeger,
            "0.0.0.0:16686": query,
            "127.0.0.1:16685": own,
            "0.0.0.0:13134": health,
        },
        tmp_path,
    )
    collected = _moved(
        "collector",
        {
            "0.0.0.0:4317": otlp,
            "0.0.0.0:4318": http,
            "jaeger:4317": jaeger,
            "0.0.0.0:13133": checks,
        },
        tmp_path,
    )
    environment = {
        "OTEL_TRACES_EXPORTER": "otlp",
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{otlp}",
        "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
        "OTEL_SERVICE_NAME": "app-builder",
    }
    with (
        running(
            [newest.jaeger, f"--config={stored}"],
            tmp_path / "jaeger.log",
            f"http://{health}/status",
        ),
        running(
            [newest.otelcol, f"--config=file:{collected}"],
            tmp_path / "collector.log",
            f"http://{checks}/",
        ),
    ):
        with application(tmp_path / "app", **environment) as app:
            app.do("ok", "fail")
        with sqlite3.connect(tmp_path / "app" / "genmon.db") as store:
            rows = store.execute(
                "SELECT trace_id FROM generation_analytics WHERE outcome = 'failure'"
            ).fetchall()
        ((trace_id,),) = rows
        found = until(lambda: get(f"http://{query}/api/traces/{trace_id}"), "the trace")
    (trace,) = found["data"]
    (root,) = trace["spans"]
    assert root["operationName"] == "invoke_workflow build_app"
    tags = {tag["key"]: tag["value"] for tag in root["tags"]}
    assert tags["genmon.outcome"] == "failure"
    assert tags["genmon.failure.category"] == "ai_timeout"
    assert trace["processes"][root["processID"]]["serviceName"] == "app-builder"
