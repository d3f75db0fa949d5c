"""The same metrics through OpenTelemetry's metrics API, for ``metrics="otlp"``.

Instruments are named so that Prometheus' translation of OTLP gives the names of
:mod:`genmon_otel.conventions`: the first ``_`` is a ``.``, and the translation appends the unit and
``_total``.

Source: OpenTelemetry specification, compatibility with Prometheus, "Metric metadata":
dots become underscores, units words (``s`` → ``_seconds``, ``By`` → ``_bytes``),
monotonic sums end in ``_total``.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any, Final

from genmon_otel import conventions as names
from genmon_otel.conventions import Metric
from genmon_otel.instruments import Instruments
from genmon_otel.instruments.series import LabelSet

#: Suffix of a Prometheus name, and the OpenTelemetry unit that is translated to it.
_UNITS: Final = {"_seconds": "s", "_bytes": "By"}
#: Gauges that are incremented and decremented; the others are set.
_UP_DOWN: Final = frozenset({names.IN_PROGRESS.name})


def instrument_name(metric: Metric) -> tuple[str, str]:
    """Return name and unit of the instrument that Prometheus translates to this metric."""
    name, unit = metric.name, ""
    if metric.type == "counter":
        name = name.removesuffix("_total")
    for word, symbol in _UNITS.items():
        if name.endswith(word):
            name, unit = name.removesuffix(word), symbol
    return name.replace("_", ".", 1), unit


class _Series:
    """One instrument with fixed attributes, with prometheus_client's methods."""

    __slots__ = ("_add", "_attributes", "_record", "_set")

    def __init__(self, instrument: Any, attributes: dict[str, str]) -> None:
        self._attributes = attributes
        # Each kind of instrument has one of these methods.
        self._add: Any = getattr(instrument, "add", None)
        self._record: Any = getattr(instrument, "record", None)
        self._set: Any = getattr(instrument, "set", None)

    def inc(self, amount: float = 1, exemplar: object = None) -> None:
        """Add; ``exemplar`` is ignored, because the SDK takes exemplars from the context."""
        self._add(amount, self._attributes)

    def dec(self, amount: float = 1) -> None:
        self._add(-amount, self._attributes)

    def set(self, value: float) -> None:
        self._set(value, self._attributes)

    def observe(self, amount: float, exemplar: object = None) -> None:
        self._record(amount, self._attributes)


class OtlpSeries:
    """The instruments, of one meter, of all metrics that applications serve."""

    #: The SDK takes exemplars from the context of the call.
    exemplars = False
    #: The SDK has no callback before a reader collects.
    before_reading: list[Callable[[], None]] | None = None

    def __init__(self, meter: Any) -> None:
        self._instruments = {
            metric.name: _instrument(meter, metric)
            for metric in names.METRICS
            if metric.served_by == "applications"
        }
        self._started: set[LabelSet] = set()

    def series(self, metric: Metric, label_values: LabelSet) -> _Series:
        """Return the series with these label values; a counter is exported as 0 from now on."""
        attributes = dict(zip(metric.labels, label_values, strict=True))
        series = _Series(self._instruments[metric.name], attributes)
        if metric.type == "counter" or metric.name in _UP_DOWN:
            series.inc(0)
        return series

    def set_start_time(self, label_sets: Iterable[LabelSet], at: float) -> None:
        """Set the start time of each series of GENERATIONS that has none yet; Unix seconds."""
        for label_set in label_sets:
            if label_set not in self._started:
                self._started.add(label_set)
                self.series(names.SERIES_START, label_set).set(at)

    def close(self) -> None:
        """Do nothing: a meter cannot remove instruments."""


def _instrument(meter: Any, metric: Metric) -> Any:
    """Create the instrument of one metric."""
    name, unit = instrument_name(metric)
    if metric.type == "counter":
        return meter.create_counter(name, unit, metric.help)
    if metric.type == "histogram":
        return meter.create_histogram(
            name, unit, metric.help, explicit_bucket_boundaries_advisory=metric.buckets
        )
    if metric.name in _UP_DOWN:
        return meter.create_up_down_counter(name, unit, metric.help)
    return meter.create_gauge(name, unit, metric.help)


class OtlpMetrics(Instruments):
    """Counts generations with the instruments of a MeterProvider.

    Args:
        provider: its readers and exporters send the metrics.
        resources: whether CPU time and peak memory are measured, so that their series are declared.
        now: returns Unix seconds, for the start times of series.
    """

    def __init__(
        self, provider: Any, *, resources: bool = False, now: Callable[[], float] = time.time
    ) -> None:
        meter = provider.get_meter(names.TRACER)
        super().__init__(OtlpSeries(meter), resources=resources, now=now)
