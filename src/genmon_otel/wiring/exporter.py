"""``genmon exporter``: the metrics that describe the store, not a single process.

They are counted in the database at each scrape, so one exporter serves them
however many applications write there.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Protocol, get_args

from prometheus_client import CollectorRegistry
from prometheus_client import Metric as Family
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from genmon_otel import conventions as names
from genmon_otel.errors import StoreUnavailable
from genmon_otel.policy import CHANNELS, CaseState, Verdict
from genmon_otel.store.failures import Status
from genmon_otel.store.rows import Counts
from genmon_otel.wiring.metrics_server import MetricsServer

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication

_log = logging.getLogger(names.LOGGER)


class Counted(Protocol):
    """The part of a store that the exporter reads."""

    def counts(self) -> Counts:
        """Return the numbers of cases, runs and failures."""


class StoreMetrics(Collector):
    """Collect the store-wide metrics, with every label set present.

    If the store cannot be read, the scrape fails: a missing value is better than a stale one.
    """

    def __init__(self, store: Counted) -> None:
        self._store = store

    def describe(self) -> Iterable[Family]:
        """Return the metrics without samples, so that registering does not read the store."""
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


class _UnavailableStore:
    """Answer 503 while the store does not answer, and log each outage once."""

    def __init__(self, metrics: WSGIApplication) -> None:
        self._metrics = metrics
        self._down = False

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        try:
            answer = self._metrics(environ, start_response)
        except StoreUnavailable as error:
            if not self._down:
                _log.warning("genmon: scrapes fail until the store answers: %s", error)
            self._down = True
            start_response("503 Service Unavailable", [("Content-Type", "text/plain")])
            return [b"The store does not answer.\n"]
        if self._down:
            _log.warning("genmon: the store answers again")
        self._down = False
        return answer


def serve(store: Counted, port: int, host: str = "127.0.0.1") -> MetricsServer:
    """Serve a store's metrics until the server returned is closed.

    Args:
        store: read at each scrape.
        port: 0 takes any free one.
        host: address to bind; behind commas, other names under which requests may come.

    Raises:
        ConfigurationError: the address cannot be bound.
    """
    registry = CollectorRegistry()
    registry.register(StoreMetrics(store))
    return MetricsServer(port, host, registry, around=_UnavailableStore)
