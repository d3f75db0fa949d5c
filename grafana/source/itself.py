"""*genmon itself*: does what watches the generations work?"""

from __future__ import annotations

from typing import Final

from grafana_foundation_sdk.builders import dashboard as builders

from genmon_otel import conventions as names
from genmon_otel.conventions import Metric
from genmon_otel.rules.options import SCOPE
from genmon_otel.rules.promql import selector
from grafana.source.failures import STATES, STATUSES, VERDICTS
from grafana.source.panels import (
    BLUE,
    GREEN,
    GREY,
    RED,
    YELLOW,
    Prom,
    alerts,
    bars,
    board,
    lines,
    one_value,
    row,
    states,
    warm,
)
from grafana.source.variables import (
    IN_SCOPE,
    links,
    matchers,
    metrics_source,
    of_label,
    scope,
)

_HERE: Final = matchers(*SCOPE, "instance")
_WHERE: Final = "{{job}} {{instance}}"


def _of(metric: Metric, suffix: str = "") -> str:
    return selector(metric.name + suffix, _HERE)


def dashboard() -> builders.Dashboard:
    """Make the dashboard."""
    page = board(
        names.DASHBOARD_SELF,
        "genmon itself",
        "Are the records of generations reaching the store, and is anything lost?",
        since="now-6h",
    )
    for variable in (
        metrics_source(),
        *scope(names.RECORDS_STARTED.name),
        of_label("instance", names.RECORDS_STARTED.name, SCOPE),
    ):
        page = page.with_variable(variable)
    page = page.annotation(alerts(IN_SCOPE))
    for link in links(names.DASHBOARD_GENERATIONS, names.DASHBOARD_FAILURES):
        page = page.link(link)
    for panel in _glance():
        page = page.with_panel(panel)
    for title, panels in (
        ("Queue and journal", _queue()),
        ("The store", _store()),
        ("What genmon exporter serves", _exporter()),
    ):
        page = page.with_row(row(title))
        for panel in panels:
            page = page.with_panel(panel)
    return page


def _glance() -> list[object]:
    range_ = "[$__range]"
    zero = _zero()
    return [
        one_value(
            "Store",
            "Whether every process could write to its store the last time it tried.",
            "none",
            [Prom(f"min({_of(names.STORE_UP)})", "store", instant=True)],
            texts={"1": ("up", GREEN), "0": ("DOWN", RED)},
            empty="no writer",
        ),
        one_value(
            "Scraped",
            "Processes that answer Prometheus, of those that should.",
            "percentunit",
            [
                Prom(
                    f"avg({selector('up', _HERE)} and on (job, instance) "
                    f"last_over_time({_of(names.RECORDS_STARTED)}[1h]))",
                    "scraped",
                    instant=True,
                )
            ],
            steps=((None, RED), (1, GREEN)),
            empty="none",
            empty_colour=RED,
        ),
        one_value(
            "Dropped",
            "Records given up in this time range. What was dropped is not in the store.",
            "short",
            [
                Prom(
                    f"sum(increase({_of(names.RECORDS_DROPPED)}{range_})) or {zero}",
                    "dropped",
                    instant=True,
                )
            ],
            steps=((None, GREEN), (0.5, RED)),
            decimals=0,
            empty="no writer",
        ),
        one_value(
            "Internal errors",
            "Errors of genmon's own in this time range, kept from the application.",
            "short",
            [
                Prom(
                    f"sum(increase({_of(names.INTERNAL_ERRORS)}{range_})) or {zero}",
                    "errors",
                    instant=True,
                )
            ],
            steps=((None, GREEN), (0.5, RED)),
            decimals=0,
            empty="no writer",
        ),
        one_value(
            "Waiting for the store",
            "Records in memory and in journals now.",
            "short",
            [Prom(f"sum({_of(names.QUEUE_DEPTH)})", "waiting", instant=True)],
            steps=((None, GREEN), (1000, YELLOW), (10000, RED)),
            decimals=0,
            empty="no writer",
        ),
        one_value(
            "Journals",
            "Bytes on disk that the store has not taken yet. It drains by itself.",
            "bytes",
            [Prom(f"sum({_of(names.JOURNAL_BYTES)})", "journals", instant=True)],
            steps=((None, GREEN), (1 << 24, YELLOW), (1 << 28, RED)),
            empty="no writer",
        ),
    ]


def _queue() -> list[object]:
    return [
        lines(
            "Records: begun, written, retried per minute",
            "Written follows begun, a generation's length later. A gap that grows is a queue.",
            "opm",
            [
                Prom(f"60 * sum(rate({_of(metric)}[$__rate_interval]))", word)
                for metric, word in (
                    (names.RECORDS_STARTED, "begun"),
                    (names.RECORDS_WRITTEN, "written"),
                    (names.RECORDS_RETRIED, "retried"),
                )
            ],
            colours={"begun": BLUE, "written": GREEN, "retried": YELLOW},
        ),
        lines(
            "Queue, by process",
            "Records in memory and journal, by process.",
            "short",
            [Prom(f"sum by (job, instance) ({_of(names.QUEUE_DEPTH)})", _WHERE)],
        ),
        lines(
            "Journal size",
            "By process. It grows while the store is away and shrinks afterwards.",
            "bytes",
            [Prom(f"sum by (job, instance) ({_of(names.JOURNAL_BYTES)})", _WHERE)],
            w=8,
        ),
        lines(
            "Dropped, by reason",
            "Zero is as it should be. The oldest successes go first.",
            "short",
            [_zero_if_none(names.RECORDS_DROPPED, "reason")],
            w=8,
        ),
        lines(
            "Internal errors, by place",
            "Zero is as it should be; the log of genmon_otel says more, once a minute a place.",
            "short",
            [_zero_if_none(names.INTERNAL_ERRORS, "where")],
            w=8,
        ),
    ]


def _zero() -> str:
    """0 while there is a writer: where nothing is scraped, nobody knows of no loss."""
    return f"0 * count({_of(names.STORE_UP)})"


def _zero_if_none(metric: Metric, label: str) -> Prom:
    """Increase by a label whose values start with their first event; 0 while there is none."""
    return Prom(
        f"sum by ({label}) (increase({_of(metric)}[$__rate_interval])) "
        f'or on () label_replace({_zero()}, "{label}", "none", "", "")',
        f"{{{{{label}}}}}",
    )


def _store() -> list[object]:
    buckets = _of(names.WRITE_DURATION, "_bucket")
    return [
        states(
            "Store, by process",
            "Whether the last write succeeded.",
            [Prom(f"min by (job, instance) ({_of(names.STORE_UP)})", _WHERE)],
            {"1": ("up", GREEN), "0": ("down", RED)},
            w=8,
            h=8,
        ),
        lines(
            "Writer latency",
            "Time the writer takes for one batch, the store included. Applications never wait "
            "for it.",
            "s",
            [
                Prom(
                    f"histogram_quantile({q}, sum by (le) (rate({buckets}[$__rate_interval])))",
                    name,
                )
                for q, name in ((0.5, "p50"), (0.99, "p99"))
            ],
            w=8,
        ),
        warm(
            "Batches by latency",
            "The same as a distribution: two bands are two kinds of batches.",
            "s",
            Prom(f"sum by (le) (increase({buckets}[$__rate_interval]))", "{{le}}", buckets=True),
            w=8,
        ),
    ]


def _exporter() -> list[object]:
    """Store-wide figures: the exporter is a job of its own, so only the greatest of many counts."""

    def by(metric: Metric, *labels: str) -> Prom:
        series = selector(metric.name, IN_STORE)
        return Prom(
            f"max by ({', '.join(labels)}) ({series})",
            " ".join(f"{{{{{label}}}}}" for label in labels),
            instant=True,
        )

    return [
        bars(
            "Cases by state",
            "Every regression case in the store.",
            "short",
            [by(names.REGRESSION_CASES, "state")],
            colours={str(state): colour for state, colour in STATES.items() if colour != GREY},
            empty="no exporter",
        ),
        bars(
            "Failures by status",
            "Every group of alike failures in the store.",
            "short",
            [by(names.STORED_FAILURES, "status")],
            colours=STATUSES,
            empty="no exporter",
        ),
        bars(
            "Test runs by channel and verdict",
            "All there ever were.",
            "short",
            [
                Prom(
                    f"sum by (channel, verdict) "
                    f"({selector(names.REGRESSION_RUNS.name, IN_STORE)}) > 0",
                    "{{channel}} {{verdict}}",
                    instant=True,
                )
            ],
            colours={str(verdict): colour for verdict, colour in VERDICTS.items()},
            empty="no run yet",
        ),
    ]


#: The exporter serves them under its own job and instance.
IN_STORE: Final = matchers("cluster", "namespace")
