"""Series: what makes them, and those that one event touches."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Protocol

from genmon_otel.conventions import Metric
from genmon_otel.instruments.labels import LabelValues

LabelSet = tuple[str, ...]


class Backend(Protocol):
    """Makes series, of prometheus_client's interface: ``inc``, ``dec``, ``set``, ``observe``."""

    #: Whether ``inc`` and ``observe`` keep exemplars.
    exemplars: bool
    #: Called before series are read; None where nobody can tell that they are.
    before_reading: list[Callable[[], None]] | None

    def series(self, metric: Metric, label_values: LabelSet) -> Any:
        """The series with these label values; created at 0 where the backend can."""

    def set_start_time(self, label_sets: Iterable[LabelSet], at: float) -> None:
        """Set the birth of each series of GENERATIONS that has none yet."""

    def close(self) -> None:
        """Serve these series no longer."""


class SeriesOf(dict[LabelSet, tuple[Any, ...]]):
    """The series that one event touches, by the raw values of its labels.

    Looking series up in a backend costs three times what adding to them does, so
    they are looked up once. Those of values beyond the bound are not kept: memory
    stays bounded whatever the values.
    """

    def __init__(
        self,
        make: Callable[[Metric, LabelSet], Any],
        values: LabelValues,
        labels: tuple[str, ...],
        *metrics: Metric,
    ) -> None:
        super().__init__()
        self._make = make
        self._values = values
        self._labels = labels
        self._metrics = metrics

    def __missing__(self, raw: LabelSet) -> tuple[Any, ...]:
        admitted, whole = {}, True
        for label, value in zip(self._labels, raw, strict=True):
            admitted[label], fits = self._values.admit(label, value)
            whole = whole and fits
        series = tuple(
            self._make(metric, tuple(admitted[label] for label in metric.labels))
            for metric in self._metrics
        )
        if whole:
            self[raw] = series
        return series
