"""``genmon exporter``: the store's own figures, every label set, straight from the database."""

from __future__ import annotations

import urllib.error
import urllib.request
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from genmon_otel import conventions as names
from genmon_otel.errors import StoreUnavailable
from genmon_otel.store import SqlStore
from genmon_otel.store.rows import Counts
from genmon_otel.wiring.exporter import StoreMetrics, serve


class Fixed:
    """A store with these counts."""

    def counts(self) -> Counts:
        return Counts(
            cases_by_state={"guarding": 3},
            runs={"ci": {"pass": 5, "fail_same": 1}},
            failures_by_status={"open": 2},
        )


class Down(Fixed):
    """A store that does not answer at first."""

    answers = False

    def counts(self) -> Counts:
        if not self.answers:
            raise StoreUnavailable
        return super().counts()


def test_every_store_wide_metric_is_served_with_every_label_set() -> None:
    """Each metric of the exporter's is there, known figures in place, all others at 0."""
    registry = CollectorRegistry()
    registry.register(StoreMetrics(Fixed()))
    served = {family.name: family for family in registry.collect()}
    expected = [metric for metric in names.METRICS if metric.served_by == "exporter"]
    assert set(served) == {metric.name.removesuffix("_total") for metric in expected}
    for metric in expected:
        family = served[metric.name.removesuffix("_total")]
        assert family.type == metric.type
        assert all(tuple(s.labels) == metric.labels for s in family.samples)
    value = registry.get_sample_value
    assert value("genmon_regression_cases", {"state": "guarding"}) == 3
    assert value("genmon_regression_cases", {"state": "regressed"}) == 0
    assert value("genmon_regression_runs_total", {"channel": "ci", "verdict": "pass"}) == 5
    assert value("genmon_regression_runs_total", {"channel": "live", "verdict": "pass"}) == 0
    assert value("genmon_failures", {"status": "open"}) == 2
    assert value("genmon_failures", {"status": "ignored"}) == 0


def test_an_empty_store_is_served_as_zeros(tmp_path: Path) -> None:
    """A real store without a failure in it gives figures, not gaps."""
    store = SqlStore(f"sqlite:///{tmp_path / 'genmon.db'}")
    store.open()
    server = serve(store, 0)
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{server.port}/metrics", timeout=10) as page:
            text = page.read().decode()
    finally:
        server.close()
        store.close()
    assert 'genmon_failures{status="open"} 0.0' in text
    assert 'genmon_regression_runs_total{channel="ci",verdict="pass"} 0.0' in text


def test_a_store_that_does_not_answer_fails_the_scrape(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """No figure is better than an old one: scrapes fail, and one line says why, not a traceback each."""
    store = Down()
    server = serve(store, 0)
    url = f"http://127.0.0.1:{server.port}/metrics"
    try:
        for _ in range(2):
            with pytest.raises(urllib.error.HTTPError, match="503"):
                urllib.request.urlopen(url, timeout=10)
        store.answers = True
        with urllib.request.urlopen(url, timeout=10) as page:
            assert b"genmon_failures" in page.read()
    finally:
        server.close()
    assert [record.message.split(":")[1] for record in caplog.records] == [
        " scrapes fail until the store answers",
        " the store answers again",
    ]
    assert "Traceback" not in capfd.readouterr().err
