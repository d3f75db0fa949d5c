"""The interface of a metrics backend, and a cache of the series that one event updates."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Protocol

from genmon_otel.conventions import Metric
from genmon_otel.instruments.labels import LabelValues

LabelSet = tuple[str, ...]


class Backend(Protocol):
    """Creates series with prometheus_client's methods: ``inc``, ``dec``, ``set``, ``observe``."""

    #: Whether ``inc`` and ``observe`` store exemplars.
    exemplars: bool
    #: Callbacks before series are read; None where the backend cannot call any.
    before_reading: list[Callable[[], None]] | None

    def series(self, metric: Metric, label_values: LabelSet) -> Any:
        """Return the series with these label values; created as 0 where the backend can."""

    def set_start_time(self, label_sets: Iterable[LabelSet], at: float) -> None:
        """Set the start time of each series of GENERATIONS that has none yet; Unix seconds."""

    def close(self) -> None:
        """Stop serving these series."""


class SeriesOf(dict[LabelSet, tuple[Any, ...]]):
    """Caches the series that one event updates, by the unredacted values of its labels.

    To look series up in a backend takes three times as long as to add to them. Series of refused
    label values are not cached, so that memory stays bounded.
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
        admitted, all_admitted = {}, True
        for label, value in zip(self._labels, raw, strict=True):
            admitted[label], is_admitted = self._values.admit(label, value)
            all_admitted = all_admitted and is_admitted
        series = tuple(
            self._make(metric, tuple(admitted[label] for label in metric.labels))
            for metric in self._metrics
        )
        if all_admitted:
            self[raw] = series
        return series
