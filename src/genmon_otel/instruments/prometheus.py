"""Series of prometheus_client, in a registry that the application chooses."""

from __future__ import annotations

import os
import struct
import weakref
from collections.abc import Callable, Iterable
from typing import Any, Final

import prometheus_client
from prometheus_client import CollectorRegistry, values
from prometheus_client.multiprocess import MultiProcessCollector

from genmon_otel import conventions as names
from genmon_otel.conventions import Metric
from genmon_otel.errors import ConfigurationError
from genmon_otel.forks import forkable_lock
from genmon_otel.instruments import shared_files
from genmon_otel.instruments.series import LabelSet
from genmon_otel.instruments.starts import SharedStarts, Starts

#: How gauges of several processes are combined under PROMETHEUS_MULTIPROC_DIR. The value of a process
#: is removed from ``live`` ones when ``mark_process_dead`` is called for it.
_MULTIPROCESS_MODES: Final = {
    names.IN_PROGRESS.name: "livesum",
    names.QUEUE_DEPTH.name: "livesum",
    names.JOURNAL_BYTES.name: "livesum",
    names.STORE_UP.name: "livemin",
}


def is_multiprocess() -> bool:
    """Whether prometheus_client stores its values in PROMETHEUS_MULTIPROC_DIR.

    It reads the variable when it is first imported; a later change has no effect.
    """
    return bool(getattr(values.ValueClass, "_multiprocess", False))


def serves_all_processes(registry: CollectorRegistry) -> bool:
    """Whether a registry serves the files of all processes, this one's included."""
    if not is_multiprocess():
        return False
    collectors = list(getattr(registry, "_collector_to_names", ()))
    return any(isinstance(each, MultiProcessCollector) for each in collectors)


class PrometheusSeries:
    """The collectors of all metrics that applications serve, in one registry.

    They are registered, and so collected, in the order of ``conventions.METRICS``: a scrape that
    contains a counter contains its start time too.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        _close_series_of_earlier_import(registry)
        self._registry = weakref.ref(registry)
        self.exemplars = not is_multiprocess()
        # With several processes another one may read the files, without a call in this one.
        self.before_reading: list[Callable[[], None]] | None = None if is_multiprocess() else []
        self._collectors: dict[str, Any] = {}
        if is_multiprocess():
            shared_files.prepare(os.environ.get(names.ENV_MULTIPROC_DIR))
        own = None if serves_all_processes(registry) else registry
        for metric in names.METRICS:
            if metric.served_by != "applications":
                continue
            if metric is names.SERIES_START and is_multiprocess():
                continue  # SharedStarts writes it to a file
            try:
                collector = _collector(metric, own, self._before_reading)
                collector.is_hidden = self._is_hidden
                self._collectors[metric.name] = collector
            except (OSError, struct.error, RuntimeError, UnicodeError) as error:
                self.close()
                raise shared_files.unusable(
                    os.environ.get(names.ENV_MULTIPROC_DIR), error
                ) from error
            except ValueError as error:
                self.close()
                raise ConfigurationError(
                    f"The metric {metric.name} is in this registry already, and not from genmon. "
                    "Give setup() a registry of its own, registry=CollectorRegistry(), and a "
                    "metrics_port to serve it."
                ) from error
        self._starts: Starts | SharedStarts = (
            SharedStarts()
            if is_multiprocess()
            else Starts(self._collectors[names.SERIES_START.name].labels)
        )

    def _is_hidden(self) -> bool:
        """Whether this registry serves the files of all processes, which contain this one's values."""
        registry = self._registry()
        return registry is not None and serves_all_processes(registry)

    def _before_reading(self) -> None:
        for callback in self.before_reading or ():
            callback()

    def series(self, metric: Metric, label_values: LabelSet) -> Any:
        """Return the series with these label values; it is created as 0."""
        collector = self._collectors[metric.name]
        return collector.labels(*label_values) if metric.labels else collector

    def set_start_time(self, label_sets: Iterable[LabelSet], at: float) -> None:
        """Set the start time of each series of GENERATIONS that has none yet; Unix seconds."""
        self._starts.set_start_time(label_sets, at)

    def close(self) -> None:
        """Unregister the collectors."""
        registry = self._registry()
        if registry is None:
            return
        with _lock:
            if _registered.get(registry) is self:
                del _registered[registry]
        for collector in self._collectors.values():
            try:
                registry.unregister(collector)
            except KeyError:
                pass  # the application unregistered it


class _Notifying:
    """Mixin for collectors of prometheus_client: calls ``before_reading`` before it is collected."""

    before_reading: Callable[[], None] = staticmethod(lambda: None)
    is_hidden: Callable[[], bool] = staticmethod(lambda: False)

    def collect(self) -> Iterable[Any]:
        """Call ``before_reading``, then collect; collect nothing while hidden."""
        if self.is_hidden():
            return ()
        self.before_reading()
        found: Iterable[Any] = super().collect()  # type: ignore[misc]
        return found


class _Counter(_Notifying, prometheus_client.Counter):
    pass


class _Gauge(_Notifying, prometheus_client.Gauge):
    pass


class _Histogram(_Notifying, prometheus_client.Histogram):
    pass


def _collector(
    metric: Metric, registry: CollectorRegistry | None, before_reading: Callable[[], None]
) -> Any:
    """Create and register the collector of one metric."""
    collector: _Counter | _Gauge | _Histogram
    if metric.type == "counter":
        collector = _Counter(metric.name, metric.help, metric.labels, registry=registry)
    elif metric.type == "histogram":
        collector = _Histogram(
            metric.name, metric.help, metric.labels, buckets=metric.buckets, registry=registry
        )
    else:
        mode: Any = _MULTIPROCESS_MODES.get(metric.name, "min")
        collector = _Gauge(
            metric.name, metric.help, metric.labels, registry=registry, multiprocess_mode=mode
        )
    collector.before_reading = before_reading
    return collector


#: Attribute of a registry that holds its PrometheusSeries, for a later import of this module.
_ATTRIBUTE: Final = "_genmon_otel_series"


def _close_series_of_earlier_import(registry: CollectorRegistry) -> None:
    """Unregister the series of an earlier import of this package (a reload, a notebook).

    Their counters start at 0 again, as after a restart.
    """
    earlier = getattr(registry, _ATTRIBUTE, None)
    if earlier is not None and type(earlier) is not PrometheusSeries:
        earlier.close()


_registered: weakref.WeakKeyDictionary[CollectorRegistry, PrometheusSeries] = (
    weakref.WeakKeyDictionary()
)
_lock = forkable_lock()


def series_in(registry: CollectorRegistry) -> PrometheusSeries:
    """Return the series of a registry; created on the first call."""
    with _lock:
        found = _registered.get(registry)
        if found is None:
            found = _registered[registry] = PrometheusSeries(registry)
            setattr(registry, _ATTRIBUTE, found)
        return found


def _after_fork() -> None:
    """Rename, in a forked child, damaged files that an earlier process with the same id left."""
    folder = os.environ.get(names.ENV_MULTIPROC_DIR)
    if folder and _registered and is_multiprocess():
        shared_files.set_aside_damaged(folder)


os.register_at_fork(after_in_child=_after_fork)
