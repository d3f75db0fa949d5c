"""Counts generations in metrics.

:class:`Instruments` decides what is counted and when. Its :class:`Backend` stores the values, in series
of prometheus_client or in OpenTelemetry's instruments (the same names after translation of OTLP).
"""

from __future__ import annotations

import functools
import logging
import os
import sys
import time
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import product
from typing import Any, Concatenate, Final, ParamSpec, TypeVar, cast

from prometheus_client import REGISTRY, CollectorRegistry

from genmon_otel import conventions as names
from genmon_otel.conventions import Metric
from genmon_otel.forks import forkable_lock, is_held_by_this_thread
from genmon_otel.instruments.labels import LabelValues, possible_failures
from genmon_otel.instruments.nothing import NullMetrics
from genmon_otel.instruments.pending import End, EndSeries, grouped, series_of_end, series_of_stage
from genmon_otel.instruments.prometheus import series_in
from genmon_otel.instruments.series import Backend, LabelSet, SeriesOf
from genmon_otel.internal_errors import stack_for_log
from genmon_otel.records import Category, GenerationRecord, Outcome, Severity, StageEnd

__all__ = ["LABEL_OVERFLOW", "Backend", "Instruments", "NullMetrics", "PrometheusMetrics"]

_log = logging.getLogger(names.LOGGER)

#: Label ``where`` of INTERNAL_ERRORS for a label value beyond the limit.
LABEL_OVERFLOW: Final = "label_overflow"
#: Label ``where`` of INTERNAL_ERRORS for an exception while counting.
COUNTING_FAILED: Final = "metrics"
#: Events that may be pending. A caller that finds more counts some itself.
MAX_EVENTS: Final = 5_000
#: Pending events of each kind that such a caller counts.
_EVENTS_PER_CALLER: Final = 16

P = ParamSpec("P")
E = TypeVar("E")
S = TypeVar("S")


def _deferred(
    method: Callable[Concatenate[Instruments, P], None],
) -> Callable[Concatenate[Instruments, P], None]:
    """Defer a method: a call is queued, and :meth:`Instruments.count_pending` executes it.

    An exception of the method is counted, never raised.
    """

    @functools.wraps(method)
    def enqueue(self: Instruments, /, *args: Any) -> None:
        self._events.append((method, *args))
        self.count_if_many_pending()

    return cast("Callable[Concatenate[Instruments, P], None]", enqueue)


class Instruments:
    """Counts generations. Implements :class:`genmon_otel.ports.Metrics`.

    A caller only appends events to deques, which is atomic. The events are counted, by the thread that
    holds the lock, on the writer's thread and when the metrics are read. Where the backend has no
    callback before a read (several processes, OTLP), each call counts its events at once.

    Args:
        backend: creates the series.
        resources: whether CPU time and peak memory are measured, so that their series are declared.
        now: returns Unix seconds, for the start times of series.
    """

    def __init__(
        self, backend: Backend, *, resources: bool = False, now: Callable[[], float] = time.time
    ) -> None:
        self._backend = backend
        self._now = now
        self._measured = resources
        self._warned_at = float("-inf")
        #: Pending events, by kind. Any thread appends; only the thread that holds the lock removes.
        self._starts: deque[str] = deque()
        self._ends: deque[End] = deque()
        self._stage_ends: deque[tuple[str, StageEnd]] = deque()
        self._events: deque[tuple[Any, ...]] = deque()
        self._pending: list[deque[Any]] = [self._starts, self._ends, self._stage_ends, self._events]
        self._lock = forkable_lock()
        self._counts_at_once = backend.before_reading is None
        self._report_levels: Callable[[], None] = lambda: None
        self._values = LabelValues(self._overflow)
        self._plain = {
            metric.name: backend.series(metric, ())
            for metric in names.METRICS
            if not metric.labels and metric.served_by == "applications"
        }
        of = functools.partial(SeriesOf, self._make, self._values)
        self._started = of(("operation",), names.RECORDS_STARTED, names.IN_PROGRESS)
        self._ended = of(
            names.GENERATIONS.labels,
            names.GENERATIONS,
            names.GENERATION_DURATION,
            names.GENERATED_FILES,
        )
        self._failed = of(names.FAILURES.labels, names.FAILURES)
        self._stages = {
            "phase": of(names.PHASE_DURATION.labels, names.PHASE_DURATION),
            "step": of(names.STEP_DURATION.labels, names.STEP_DURATION),
        }
        self._resources = of(("operation",), names.CPU_SECONDS, names.PEAK_MEMORY)
        self._reopened = of(names.FAILURES_REOPENED.labels, names.FAILURES_REOPENED)
        self._dropped = of(names.RECORDS_DROPPED.labels, names.RECORDS_DROPPED)
        self._errors = of(names.INTERNAL_ERRORS.labels, names.INTERNAL_ERRORS)
        for where in names.INTERNAL_PLACES:
            self._errors[(where,)]
        for reason in names.DROP_REASONS:
            self._dropped[(reason,)]
        if backend.before_reading is not None:
            backend.before_reading.append(self.count_pending)
        _all.add(self)

    def close(self) -> None:
        """Stop serving these metrics. Later calls still count, without effect."""
        self._counts_at_once = True
        self.count_pending()
        callbacks = self._backend.before_reading or []
        if self.count_pending in callbacks:
            callbacks.remove(self.count_pending)
        self._backend.close()

    # --- counting pending events

    def watch(self, report: Callable[[], None]) -> None:
        """Call ``report`` before pending events are counted, to set the gauges."""
        self._report_levels = report

    def count_pending(self) -> None:
        """Count all pending events. Waits for the lock; does nothing in a thread that holds it."""
        self._report_levels()
        if self._is_counting():
            return
        with self._lock:
            self._count()

    def count_if_many_pending(self) -> None:
        """Count some pending events if there are too many; return where another thread holds the lock."""
        allowed = 0 if self._counts_at_once else MAX_EVENTS
        while self._pending_events() > allowed and not self._is_counting():
            try:
                if not self._lock.acquire(blocking=False):
                    return
                self._count(_EVENTS_PER_CALLER)
            finally:
                try:
                    self._release()
                finally:
                    self._release()  # an interruption may have prevented the first call
            if not self._counts_at_once:
                return

    def _pending_events(self) -> int:
        return sum(map(len, self._pending))

    def _is_counting(self) -> bool:
        """Whether this thread is counting already: a finaliser ran a generation during a count."""
        return is_held_by_this_thread(self._lock)

    def _release(self) -> None:
        if self._is_counting():
            self._lock.release()

    def _count(self, limit: int = sys.maxsize) -> None:
        """Count the pending events, at most the oldest ``limit`` of each kind."""
        ends, starts = len(self._ends), len(self._starts)  # in this order: no end without its start
        stage_ends = min(len(self._stage_ends), limit)
        self._count_events(self._starts, min(starts, limit), str, self._start)
        self._count_events(self._ends, min(ends, limit), series_of_end, self._end)
        self._count_events(self._stage_ends, stage_ends, series_of_stage, self._end_stage)
        self._count_events(self._events, min(len(self._events), limit), id, self._call)

    def _count_events(
        self,
        pending: deque[E],
        number: int,
        series_of: Callable[[E], S],
        count: Callable[[S, list[E]], None],
    ) -> None:
        for series, events in grouped(pending, number, series_of):
            try:
                count(series, events)
            except Exception:
                self._report_exception(count.__name__)

    def _call(self, _: int, events: list[tuple[Any, ...]]) -> None:
        for method, *args in events:  # one: ``id`` puts each by itself
            method(self, *args)

    def clear_after_fork(self) -> None:
        """Drop the pending events in a forked child: the parent counts them."""
        for pending in self._pending:
            pending.clear()

    # --- events

    def declare(
        self, operation: str, frameworks: Iterable[str] = (), severity: Severity | None = None
    ) -> None:
        with self._lock:
            try:
                self._declare(operation, tuple(frameworks) or (names.NO_FRAMEWORK,), severity)
            except Exception:
                self._report_exception("declare")

    def _declare(
        self, operation: str, declared: tuple[str, ...], severity: Severity | None
    ) -> None:
        ends = list(product((operation,), declared, Outcome))
        self._backend.set_start_time(
            [
                tuple(
                    self._values.admit(*pair)[0]
                    for pair in zip(names.GENERATIONS.labels, end, strict=True)
                )
                for end in ends
            ],
            self._now(),
        )
        self._started[(operation,)]
        for end in ends:
            self._ended[end]
        for framework, (category, level) in product(declared, possible_failures(severity)):
            self._failed[(operation, framework, category, level)]
        for category in Category.known():
            self._reopened[(operation, category)]
        if self._measured:
            self._resources[(operation,)]

    # The next three are part of every call: they only append, except where events count at once.

    def count_starts(self, operations: Iterator[str]) -> None:
        self._starts.extend(operations)  # one C call, which no signal handler interrupts
        if self._counts_at_once:
            self.count_if_many_pending()

    def count_ends(self, ends: Iterator[End]) -> None:
        self._ends.extend(ends)
        if self._counts_at_once or len(self._ends) > MAX_EVENTS:
            self.count_if_many_pending()

    def stage(self, ended: tuple[str, StageEnd]) -> None:
        self._stage_ends.append(ended)
        if self._counts_at_once:
            self.count_if_many_pending()

    def started(self, operation: str) -> None:
        """Count one generation that starts."""
        self.count_starts(iter((operation,)))

    def ended(self, record: GenerationRecord) -> None:
        self.count_ends(iter(((record, None),)))

    def _start(self, operation: str, starts: list[str]) -> None:
        started, in_progress = self._started[(operation,)]
        started.inc(len(starts))
        in_progress.inc(len(starts))

    def _end(self, series: EndSeries, ends: list[End]) -> None:
        operation, framework, outcome, label, has_start = series
        # First, so that no generation is counted as running if an exception follows.
        if has_start:  # else another process counted its start
            self._started[(operation,)][1].dec(len(ends))
        total, duration, files = self._ended[(operation, framework, outcome)]
        has_exemplars = label is not None and self._backend.exemplars
        exemplars = [{"trace_id": found} if found and has_exemplars else None for _, found in ends]
        if label is not None:
            (failed,) = self._failed[(operation, framework, *label)]
            failed.inc(len(ends), next(filter(None, reversed(exemplars)), None))
        total.inc(len(ends))
        for (record, _), exemplar in zip(ends, exemplars, strict=True):
            duration.observe(record.duration_s, exemplar)
            if record.file_count is not None and outcome is Outcome.SUCCESS:
                files.observe(record.file_count)

    def _end_stage(self, series: LabelSet, ends: list[tuple[str, StageEnd]]) -> None:
        kind, *labels = series
        (duration,) = self._stages[kind][tuple(labels)]
        for _, (_, _, duration_s, _) in ends:
            duration.observe(duration_s)

    @_deferred
    def declare_failure(
        self, operation: str, framework: str, category: Category, severity: Severity
    ) -> None:
        if (operation, framework, Outcome.FAILURE) in self._ended:  # else of another service
            self._failed[(operation, framework, category, severity)]

    @_deferred
    def resources(self, operation: str, cpu_s: float | None, peak_bytes: int | None) -> None:
        cpu, peak = self._resources[(operation,)]
        if cpu_s is not None:
            cpu.inc(max(0.0, cpu_s))
        if peak_bytes is not None:
            peak.observe(peak_bytes)

    @_deferred
    def reopened(self, operation: str, category: str) -> None:
        self._reopened[(operation, category)][0].inc()

    @_deferred
    def written(self, count: int) -> None:
        self._plain[names.RECORDS_WRITTEN.name].inc(count)

    @_deferred
    def retried(self, count: int) -> None:
        self._plain[names.RECORDS_RETRIED.name].inc(count)

    @_deferred
    def dropped(self, reason: str, count: int = 1) -> None:
        self._dropped[(reason,)][0].inc(count)

    @_deferred
    def queue_depth(self, depth: int) -> None:
        self._plain[names.QUEUE_DEPTH.name].set(depth)

    @_deferred
    def journal_bytes(self, size: int) -> None:
        self._plain[names.JOURNAL_BYTES.name].set(size)

    @_deferred
    def store_up(self, up: bool) -> None:
        self._plain[names.STORE_UP.name].set(1 if up else 0)

    @_deferred
    def batch_seconds(self, duration_s: float) -> None:
        self._plain[names.WRITE_DURATION.name].observe(duration_s)

    @_deferred
    def internal_error(self, where: str) -> None:
        self._errors[(where,)][0].inc()

    def _make(self, metric: Metric, label_values: LabelSet) -> Any:
        """Create a series; the start time of one of GENERATIONS is set before it can be scraped."""
        if metric is names.GENERATIONS:
            self._backend.set_start_time((label_values,), self._now())
        return self._backend.series(metric, label_values)

    def _overflow(self, label: str) -> None:
        """Count a refused label value."""
        self._errors[(LABEL_OVERFLOW,)][0].inc()

    def _report_exception(self, method: str) -> None:
        """Count an exception while counting, and log it at most once a minute."""
        try:
            if time.monotonic() - self._warned_at > 60:
                self._warned_at = time.monotonic()
                _log.warning("genmon could not count (%s):\n%s", method, stack_for_log())
            self._errors[(COUNTING_FAILED,)][0].inc()
        except Exception:
            pass  # the application comes first


class PrometheusMetrics(Instruments):
    """Counts generations in a prometheus_client registry.

    Args:
        registry: where to register; None: ``prometheus_client.REGISTRY``, which its endpoints serve
            by default. A second use of a registry finds the series of the first.
        resources: whether CPU time and peak memory are measured, so that their series are declared.
        now: returns Unix seconds, for the start times of series.

    Raises:
        ConfigurationError: the registry has a metric of the same name that is not genmon's.
    """

    def __init__(
        self,
        registry: CollectorRegistry | None = None,
        *,
        resources: bool = False,
        now: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(
            series_in(REGISTRY if registry is None else registry), resources=resources, now=now
        )


_all: Final[weakref.WeakSet[Instruments]] = weakref.WeakSet()


def _after_fork() -> None:
    for instruments in list(_all):
        instruments.clear_after_fork()


os.register_at_fork(after_in_child=_after_fork)
