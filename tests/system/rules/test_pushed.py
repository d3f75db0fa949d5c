"""Metrics that reach Prometheus by OTLP or through a Collector, and who is paged."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from genmon_otel import conventions as names
from tests.port_kit import free_port
from tests.prometheus_kit.loopback import Receiver, collector, get, until
from tests.prometheus_kit.programs import Programs
from tests.prometheus_kit.watched import alerts, application, monitoring, pages_three_of_five, seen

pytestmark = [
    pytest.mark.long("Prometheus, a Collector and an Alertmanager for each way metrics come"),
    pytest.mark.prometheus,
    pytest.mark.alertmanager,
]

JOBS = ("three-of-five", "four-of-four", "three-of-six")
RECEIVERS = ("--web.enable-otlp-receiver", "--web.enable-remote-write-receiver")
#: Where OTLP's resource keeps what a scrape puts into labels.
PROMOTED = {"promote_resource_attributes": ["cluster", "namespace"]}


@dataclass(frozen=True)
class Ports:
    """Where the parts of one way listen; the applications each have their own."""

    prometheus: int = field(default_factory=free_port)
    otlp: int = field(default_factory=free_port)
    exporter: int = field(default_factory=free_port)
    applications: Mapping[str, int] = field(
        default_factory=lambda: {job: free_port() for job in JOBS}
    )


def _otlp_receiver(ports: Ports) -> dict[str, Any]:
    return {"otlp": {"protocols": {"http": {"endpoint": f"127.0.0.1:{ports.otlp}"}}}}


def _scraper(ports: Ports) -> dict[str, Any]:
    scrapes = [
        {
            "job_name": job,
            "scrape_interval": "1s",
            "static_configs": [{"targets": [f"127.0.0.1:{port}"], "labels": {"namespace": "prod"}}],
        }
        for job, port in ports.applications.items()
    ]
    return {"prometheus": {"config": {"scrape_configs": scrapes}}}


def _remote_write(ports: Ports) -> dict[str, Any]:
    url = f"http://127.0.0.1:{ports.prometheus}/api/v1/write"
    return {
        "prometheusremotewrite": {
            "endpoint": url,
            "resource_to_telemetry_conversion": {"enabled": True},
        }
    }


def _exporter(ports: Ports) -> dict[str, Any]:
    return {
        "prometheus": {
            "endpoint": f"127.0.0.1:{ports.exporter}",
            "resource_to_telemetry_conversion": {"enabled": True},
        }
    }


def _otlp_exporter(ports: Ports) -> dict[str, Any]:
    return {
        "otlphttp": {
            "endpoint": f"http://127.0.0.1:{ports.prometheus}/api/v1/otlp",
            "compression": "none",
        }
    }


#: What the Collector receives with and sends with; None: there is no Collector.
WAYS = {
    "otlp": None,
    "otlp-collector-otlp": (_otlp_receiver, _otlp_exporter),
    "otlp-collector-remote-write": (_otlp_receiver, _remote_write),
    "otlp-collector-scraped": (_otlp_receiver, _exporter),
    "scraped-by-collector-remote-write": (_scraper, _remote_write),
}


@contextmanager
def _collector(way: str, ports: Ports, newest: Programs, folder: Path) -> Iterator[None]:
    parts = WAYS[way]
    if parts is None:
        yield
        return
    receivers, exporters = (part(ports) for part in parts)
    pipeline = {"receivers": list(receivers), "exporters": list(exporters)}
    configuration = {
        "receivers": receivers,
        "exporters": exporters,
        "service": {"pipelines": {"metrics": pipeline}},
    }
    assert newest.otelcol is not None
    with collector(newest.otelcol, configuration, folder):
        yield


def _environment(way: str, ports: Ports, job: str) -> dict[str, str]:
    if WAYS[way] is not None and WAYS[way][0] is _scraper:  # type: ignore[index]
        return {"GENMON_METRICS_PORT": str(ports.applications[job])}
    where = (
        f"http://127.0.0.1:{ports.prometheus}/api/v1/otlp"
        if WAYS[way] is None
        else f"http://127.0.0.1:{ports.otlp}"
    )
    return {
        "GENMON_METRICS": "otlp",
        "OTEL_METRICS_EXPORTER": "otlp",
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": f"{where}/v1/metrics",
        "OTEL_METRIC_EXPORT_INTERVAL": "1000",
        "OTEL_SERVICE_NAME": job,
        "OTEL_RESOURCE_ATTRIBUTES": "namespace=prod",
    }


#: One name of each type and unit there is, as a scrape shows it.
_SERVED = {
    names.GENERATIONS.name,
    names.SERIES_START.name,
    names.FAILURES.name,
    f"{names.GENERATION_DURATION.name}_bucket",
    names.IN_PROGRESS.name,
    names.RECORDS_STARTED.name,
    names.RECORDS_DROPPED.name,
    names.QUEUE_DEPTH.name,
    names.JOURNAL_BYTES.name,
    names.STORE_UP.name,
    names.INTERNAL_ERRORS.name,
}


@pytest.mark.parametrize("way", WAYS)
def test_pages_whichever_way_the_metrics_come(
    newest: Programs, tmp_path: Path, receiver: Receiver, way: str
) -> None:
    """3 of 5 pages, with the labels a scrape gives; 4 of 4 and 3 of 6 do not; it resolves."""
    ports = Ports()
    scrapes = []
    if WAYS[way] is not None and WAYS[way][1] is _exporter:  # type: ignore[index]
        scrapes = [
            {
                "job_name": "collector",
                "honor_labels": True,
                "static_configs": [{"targets": [f"127.0.0.1:{ports.exporter}"]}],
            }
        ]
    with ExitStack() as stack:
        url = stack.enter_context(
            monitoring(
                newest, tmp_path, receiver, {}, *RECEIVERS,
                port=ports.prometheus, otlp=PROMOTED, scrape_configs=scrapes,
            )
        )  # fmt: skip
        stack.enter_context(_collector(way, ports, newest, tmp_path))
        paged, few, half = (
            stack.enter_context(application(tmp_path / job, **_environment(way, ports, job)))
            for job in JOBS
        )
        few.do("fail", "fail", "fail", "fail")
        half.do("ok", "ok", "ok", "fail", "fail", "fail")
        paged.do("ok", "ok", "fail", "fail", "fail")
        pages_three_of_five(receiver.wait("/page"), url)
        known = set(get(f"{url}/api/v1/label/__name__/values")["data"])
        assert known >= _SERVED
        paged.do("ok")  # 3 of 6
        until(lambda: alerts(receiver, "resolved"), "resolved")
        assert {alert["labels"]["job"] for alert in alerts(receiver, "firing")} == {"three-of-five"}


def test_restarted_and_replicated_processes_add_up(
    newest: Programs, tmp_path: Path, receiver: Receiver
) -> None:
    """Pushed by one process that ends after a failure, its successor, and a replica: 3 of 5."""
    ports = Ports()
    env = _environment("otlp", ports, "three-of-five")
    with (
        monitoring(
            newest, tmp_path, receiver, {}, *RECEIVERS, port=ports.prometheus, otlp=PROMOTED
        ) as url,
        application(tmp_path / "replica", **env) as replica,
    ):
        with application(tmp_path / "first", **env) as first:
            first.do("ok", "fail")  # and ends at once: the last push is at its exit
        with application(tmp_path / "second", **env) as second:
            second.do("ok", "fail")
            until(lambda: seen(url, "three-of-five") == 4, "2 of 4 counted")
            assert not receiver.of("/page")
            replica.do("fail")
            (alert,) = receiver.wait("/page")["alerts"]
            assert "3 of 5 failed" in alert["annotations"]["description"]
            assert seen(url, "three-of-five") == 5
