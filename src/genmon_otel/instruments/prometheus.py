"""Series of prometheus_client, in a registry of the application's choice."""

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

#: How the gauges of several processes become one, under PROMETHEUS_MULTIPROC_DIR. ``live``
#: ones are forgotten with their process, once ``mark_process_dead`` was called for it.
_MULTIPROCESS_MODES: Final = {
    names.IN_PROGRESS.name: "livesum",
    names.QUEUE_DEPTH.name: "livesum",
    names.JOURNAL_BYTES.name: "livesum",
    names.STORE_UP.name: "livemin",
}


def is_multiprocess() -> bool:
    """Whether prometheus_client keeps its values in PROMETHEUS_MULTIPROC_DIR.

    It decides when it is first imported; setting the variable later changes nothing.
    """
    return bool(getattr(values.ValueClass, "_multiprocess", False))


def serves_all_processes(registry: CollectorRegistry) -> bool:
    """Whether a registry serves the files of every process, this one's among them."""
    if not is_multiprocess():
        return False
    collectors = list(getattr(registry, "_collector_to_names", ()))
    return any(isinstance(each, MultiProcessCollector) for each in collectors)


class PrometheusSeries:
    """The collectors of every metric that applications serve, registered in one registry.

    They are registered in the order of ``conventions.METRICS`` and collected in
    that order: a scrape that sees a counter sees its birth too.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        _replace_those_of_another_import(registry)
        self._registry = weakref.ref(registry)
        self.exemplars = not is_multiprocess()
        # Another process reads the files of several, and cannot tell this one before.
        self.before_reading: list[Callable[[], None]] | None = None if is_multiprocess() else []
        self._collectors: dict[str, Any] = {}
        if is_multiprocess():
            shared_files.prepare(os.environ.get(names.ENV_MULTIPROC_DIR))
        own = None if serves_all_processes(registry) else registry
        for metric in names.METRICS:
            if metric.served_by != "applications":
                continue
            if metric is names.SERIES_START and is_multiprocess():
                continue  # SharedStarts writes its file
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
        """Whether this registry serves the files of all processes, so that ours are in them."""
        registry = self._registry()
        return registry is not None and serves_all_processes(registry)

    def _before_reading(self) -> None:
        for told in self.before_reading or ():
            told()

    def series(self, metric: Metric, label_values: LabelSet) -> Any:
        """The series with these label values; created at 0."""
        collector = self._collectors[metric.name]
        return collector.labels(*label_values) if metric.labels else collector

    def set_start_time(self, label_sets: Iterable[LabelSet], at: float) -> None:
        """Set the birth of each series of GENERATIONS that has none yet."""
        self._starts.set_start_time(label_sets, at)

    def close(self) -> None:
        """Take the collectors out of the registry."""
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
                pass  # somebody else took it out


class _Told:
    """A collector that tells before it is read; beside one of prometheus_client's own."""

    before_reading: Callable[[], None] = staticmethod(lambda: None)
    is_hidden: Callable[[], bool] = staticmethod(lambda: False)

    def collect(self) -> Iterable[Any]:
        """Tell, then collect."""
        if self.is_hidden():
            return ()
        self.before_reading()
        found: Iterable[Any] = super().collect()  # type: ignore[misc]
        return found


class _Counter(_Told, prometheus_client.Counter):
    pass


class _Gauge(_Told, prometheus_client.Gauge):
    pass


class _Histogram(_Told, prometheus_client.Histogram):
    pass


def _collector(
    metric: Metric, registry: CollectorRegistry | None, before_reading: Callable[[], None]
) -> Any:
    """Make and register the collector of one metric."""
    made: _Counter | _Gauge | _Histogram
    if metric.type == "counter":
        made = _Counter(metric.name, metric.help, metric.labels, registry=registry)
    elif metric.type == "histogram":
        made = _Histogram(
            metric.name, metric.help, metric.labels, buckets=metric.buckets, registry=registry
        )
    else:
        mode: Any = _MULTIPROCESS_MODES.get(metric.name, "min")
        made = _Gauge(
            metric.name, metric.help, metric.labels, registry=registry, multiprocess_mode=mode
        )
    made.before_reading = before_reading
    return made


#: Where a registry names the series that are in it, for a copy of this module imported later.
_MARK: Final = "_genmon_otel_series"


def _replace_those_of_another_import(registry: CollectorRegistry) -> None:
    """Take out the series of a copy of this package that was imported before (a reload, a notebook).

    What they counted begins anew, as after a restart.
    """
    earlier = getattr(registry, _MARK, None)
    if earlier is not None and type(earlier) is not PrometheusSeries:
        earlier.close()


_registered: weakref.WeakKeyDictionary[CollectorRegistry, PrometheusSeries] = (
    weakref.WeakKeyDictionary()
)
_lock = forkable_lock()


def series_in(registry: CollectorRegistry) -> PrometheusSeries:
    """The series of a registry, made once: whoever asks again finds the same."""
    with _lock:
        found = _registered.get(registry)
        if found is None:
            found = _registered[registry] = PrometheusSeries(registry)
            setattr(registry, _MARK, found)
        return found


def _after_fork() -> None:
    """Set aside, in a forked child, what an earlier process of its id left damaged."""
    folder = os.environ.get(names.ENV_MULTIPROC_DIR)
    if folder and _registered and is_multiprocess():
        shared_files.set_aside_damaged(folder)


os.register_at_fork(after_in_child=_after_fork)
