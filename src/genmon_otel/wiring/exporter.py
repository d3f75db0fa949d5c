"""``genmon exporter``: the metrics that are of the store and of no single process.

They are counted in the database at each scrape, so one exporter serves them
however many applications write there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol, get_args

from prometheus_client import CollectorRegistry
from prometheus_client import Metric as Family
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from genmon_otel import conventions as names
from genmon_otel.policy import CHANNELS, CaseState, Verdict
from genmon_otel.store.failures import Status
from genmon_otel.store.rows import Counts
from genmon_otel.wiring.metrics_server import MetricsServer


class Counted(Protocol):
    """What is asked of a store."""

    def counts(self) -> Counts:
        """Cases, runs and failures, counted."""


class StoreMetrics(Collector):
    """The store-wide metrics, every label set present.

    A store that cannot be read fails the scrape: no figure is better than an old one.
    """

    def __init__(self, store: Counted) -> None:
        self._store = store

    def describe(self) -> Iterable[Family]:
        """Names alone, so that registering reads nothing."""
        return _families({}, {}, {})

    def collect(self) -> Iterable[Family]:
        counts = self._store.counts()
        return _families(counts.cases_by_state, counts.runs, counts.failures_by_status)


def _families(
    cases: Mapping[str, int],
    runs: Mapping[str, Mapping[str, int]],
    failures: Mapping[str, int],
) -> Iterable[Family]:
    state = _gauge(names.REGRESSION_CASES)
    for case_state in CaseState:
        state.add_metric([case_state], cases.get(case_state, 0))
    yield state
    metric = names.REGRESSION_RUNS
    run = CounterMetricFamily(metric.name, metric.help, labels=metric.labels)
    for channel in CHANNELS:
        for verdict in Verdict:
            run.add_metric([channel, verdict], runs.get(channel, {}).get(verdict, 0))
    yield run
    status = _gauge(names.STORED_FAILURES)
    for failure_status in get_args(Status):
        status.add_metric([failure_status], failures.get(failure_status, 0))
    yield status


def _gauge(metric: names.Metric) -> GaugeMetricFamily:
    return GaugeMetricFamily(metric.name, metric.help, labels=metric.labels)


def serve(store: Counted, port: int, host: str = "127.0.0.1") -> MetricsServer:
    """Serve a store's metrics until the server returned is closed.

    Args:
        store: read at each scrape.
        port: 0 takes any free one.
        host: address to bind.

    Raises:
        ConfigurationError: the address cannot be bound.
    """
    registry = CollectorRegistry()
    registry.register(StoreMetrics(store))
    return MetricsServer(port, host, registry)
