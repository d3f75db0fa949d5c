"""OTLP metrics have, after Prometheus' translation, the names of conventions."""

from __future__ import annotations

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import (
    Gauge,
    Histogram,
    InMemoryMetricReader,
    Metric,
    Sum,
)

from genmon_otel import conventions as names
from genmon_otel.instruments.otlp import OtlpMetrics, instrument_name
from genmon_otel.records import Category, Failure, GenerationRecord, Outcome, Stage

SERVED = [metric for metric in names.METRICS if metric.served_by == "applications"]
#: Words of Prometheus for the units that OTLP abbreviates.
#: Source: prometheus/otlptranslator, ``unit_namer.go``.
UNITS = {"s": "seconds", "By": "bytes", "": ""}


def translated(metric: Metric) -> str:
    """The name that Prometheus gives a metric it received by OTLP."""
    words = metric.name.replace(".", "_")
    unit = UNITS[metric.unit or ""]
    if unit and not words.endswith(f"_{unit}"):
        words = f"{words}_{unit}"
    if isinstance(metric.data, Sum) and metric.data.is_monotonic:
        words = f"{words}_total"
    return words


@pytest.fixture
def reader() -> InMemoryMetricReader:
    return InMemoryMetricReader()


@pytest.fixture
def metrics(reader: InMemoryMetricReader) -> OtlpMetrics:
    return OtlpMetrics(MeterProvider([reader]), resources=True, now=lambda: 1_700_000_000.0)


def collected(reader: InMemoryMetricReader) -> dict[str, Metric]:
    """Return what an exporter would send now, by Prometheus name."""
    data = reader.get_metrics_data()
    assert data is not None
    return {
        translated(metric): metric
        for resource in data.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
    }


def values(metric: Metric) -> dict[tuple[tuple[str, object], ...], float]:
    """Values of the points of a sum or gauge, by their attributes."""
    assert isinstance(metric.data, (Sum, Gauge))
    return {
        tuple(sorted((point.attributes or {}).items())): point.value
        for point in metric.data.data_points
    }


def failed() -> GenerationRecord:
    return GenerationRecord(
        generation_id="0" * 32,
        operation="build_app",
        framework="react",
        outcome=Outcome.FAILURE,
        started_at=1.0,
        ended_at=2.0,
        duration_s=1.0,
        failure=Failure(
            category=Category.RATE_LIMIT,
            severity=Category.RATE_LIMIT.default_severity,
            error_type="RateLimitError",
            error_message="",
            stack_trace="",
            fingerprint="v2:0",
            signature="v2:0",
        ),
    )


def touch_everything(metrics: OtlpMetrics) -> None:
    """Give every instrument at least one point."""
    metrics.declare("build_app", ["react"])
    metrics.started("build_app")
    metrics.ended(failed())
    metrics.ended(
        GenerationRecord(
            "1" * 32, "build_app", "react", Outcome.SUCCESS, 1.0, 2.0, 1.0, file_count=3
        ),
    )
    metrics.stage(("build_app", Stage("plan", "phase", 0.5, Outcome.SUCCESS)))
    metrics.stage(("build_app", Stage("chat", "step", 0.5, Outcome.FAILURE)))
    metrics.resources("build_app", 0.5, 2**25)
    metrics.reopened("build_app", "rate_limit")
    metrics.written(1)
    metrics.retried(1)
    metrics.dropped("full")
    metrics.queue_depth(1)
    metrics.journal_bytes(1)
    metrics.store_up(True)
    metrics.batch_seconds(0.5)
    metrics.internal_error("somewhere")


def test_every_metric_has_its_name_type_labels_and_buckets(
    reader: InMemoryMetricReader, metrics: OtlpMetrics
) -> None:
    """Each of conventions.METRICS is translated to its own name, with the same buckets."""
    touch_everything(metrics)
    found = collected(reader)
    assert set(found) == {metric.name for metric in SERVED}
    kinds = {"counter": Sum, "gauge": (Gauge, Sum), "histogram": Histogram}
    for metric in SERVED:
        data = found[metric.name].data
        assert isinstance(data, kinds[metric.type]), metric.name
        assert found[metric.name].description == metric.help
        for point in data.data_points:
            assert set(point.attributes or {}) == set(metric.labels)
            if metric.type == "histogram":
                assert tuple(point.explicit_bounds) == tuple(map(float, metric.buckets))  # type: ignore[union-attr]


def test_counters_are_there_at_0_with_their_births(
    reader: InMemoryMetricReader, metrics: OtlpMetrics
) -> None:
    """Declaring an operation exports its counters and their start times."""
    metrics.declare("build_app", ["react"])
    found = collected(reader)
    counters = values(found["genmon_generations_total"])
    assert len(counters) == len(Outcome)
    assert set(counters.values()) == {0}
    births = values(found["genmon_series_start_timestamp_seconds"])
    assert births == dict.fromkeys(counters, 1_700_000_000.0)
    assert set(values(found["genmon_generation_failures_total"]).values()) == {0}
    assert values(found["genmon_records_written_total"]) == {(): 0}


def test_gauges_stay_between_exports(reader: InMemoryMetricReader, metrics: OtlpMetrics) -> None:
    """A gauge that was set once is exported every time."""
    metrics.declare("build_app", ["react"])
    metrics.store_up(True)
    metrics.started("build_app")
    for _ in range(2):
        found = collected(reader)
        assert values(found["genmon_store_up"]) == {(): 1}
        assert values(found["genmon_generations_in_progress"]) == {(("operation", "build_app"),): 1}
        assert "genmon_series_start_timestamp_seconds" in found


def test_names_are_namespaced() -> None:
    """Every instrument is of the ``genmon.`` namespace and leaves unit and type to translation."""
    for metric in SERVED:
        name, unit = instrument_name(metric)
        assert name.startswith("genmon.")
        assert not name.endswith(("_total", "_seconds", "_bytes"))
        assert unit in UNITS
