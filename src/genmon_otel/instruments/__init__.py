"""The instruments: how finished generations become metrics.

:class:`Instruments` knows what is counted and when. What it counts *with* is a
:class:`Backend`: prometheus_client's series or OpenTelemetry's, under the very
same names once OTLP has been translated.
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
from genmon_otel.forks import forkable_lock
from genmon_otel.instruments.labels import LabelValues, failures_with
from genmon_otel.instruments.nothing import NullMetrics
from genmon_otel.instruments.prometheus import series_in
from genmon_otel.instruments.series import Backend, LabelSet, SeriesOf
from genmon_otel.records import Category, GenerationRecord, Outcome, Severity, StageEnd

__all__ = ["LABEL_OVERFLOW", "Backend", "Instruments", "NullMetrics", "PrometheusMetrics"]

_log = logging.getLogger(names.LOGGER)

#: Place under which INTERNAL_ERRORS counts a label value beyond the bound.
LABEL_OVERFLOW: Final = "label_overflow"
#: Place under which INTERNAL_ERRORS counts an instrument that broke.
BROKEN: Final = "metrics"
#: What may wait to be counted, and how much of it a caller counts who finds more.
MAX_EVENTS: Final = 5_000
_STRIDE: Final = 16

P = ParamSpec("P")
E = TypeVar("E")


def _counted(
    method: Callable[Concatenate[Instruments, P], None],
) -> Callable[Concatenate[Instruments, P], None]:
    """Note a call; :meth:`Instruments.fold` makes it. What breaks in it is counted, never raised."""

    @functools.wraps(method)
    def note(self: Instruments, /, *args: Any) -> None:
        self._events.append((method, *args))
        self.relieve()

    return cast("Callable[Concatenate[Instruments, P], None]", note)


class Instruments:
    """Count generations. Implements :class:`genmon_otel.ports.Metrics`.

    Args:
        backend: makes the series.
        resources: whether CPU time and peak memory are measured, and so declared.
        now: Unix seconds, for births.
    """

    def __init__(
        self, backend: Backend, *, resources: bool = False, now: Callable[[], float] = time.time
    ) -> None:
        self._backend = backend
        self._now = now
        self._measured = resources
        self._warned_at = float("-inf")
        #: What happened and is not counted yet. Only who holds the lock counts.
        self._starts: deque[str] = deque()
        self._ends: deque[tuple[GenerationRecord, str | None]] = deque()
        self._stage_ends: deque[tuple[str, StageEnd]] = deque()
        self._events: deque[tuple[Any, ...]] = deque()
        self._noted: list[deque[Any]] = [self._starts, self._ends, self._stage_ends, self._events]
        self._lock = forkable_lock()
        self._at_once = backend.before_reading is None
        self._report: Callable[[], None] = lambda: None
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
            backend.before_reading.append(self.fold)
        _all.add(self)

    def close(self) -> None:
        """Serve these metrics no longer; counting goes on harmlessly."""
        self._at_once = True
        self.fold()
        if self.fold in (told := self._backend.before_reading or []):
            told.remove(self.fold)
        self._backend.close()

    # --- counting what was noted

    def watch(self, report: Callable[[], None]) -> None:
        """Ask for levels whenever series are read: a writer inside its store tells none."""
        self._report = report

    def fold(self) -> None:
        """Count what happened until now."""
        self._report()
        if self._is_counting():
            return
        with self._lock:
            self._count()

    def relieve(self) -> None:
        """Count some of what waits, if that is much; wait for nobody: who counts looks again."""
        allowed = 0 if self._at_once else MAX_EVENTS
        while self._waiting() > allowed and not self._is_counting():
            try:
                if not self._lock.acquire(blocking=False):
                    return
                self._count(_STRIDE)
            finally:
                try:
                    self._release()
                finally:
                    self._release()  # the first may have been interrupted
            if not self._at_once:
                return

    def _waiting(self) -> int:
        return sum(map(len, self._noted))

    def _is_counting(self) -> bool:
        """Whether it is this very thread that counts: a finaliser struck amidst."""
        return bool(self._lock._is_owned())  # type: ignore[attr-defined]

    def _release(self) -> None:
        if self._is_counting():
            self._lock.release()

    def _count(self, limit: int = sys.maxsize) -> None:
        """Count what has happened until now, the oldest ``limit`` of each kind."""
        ends, starts = len(self._ends), len(self._starts)  # in this order, and counted in the
        self._fold(self._starts, self._start, min(starts, limit))  # other: so no generation
        self._fold(self._ends, self._end, min(ends, limit))  # ends before it started
        self._fold(self._stage_ends, self._end_stage, min(len(self._stage_ends), limit))
        self._fold(self._events, self._call, min(len(self._events), limit))

    def _fold(self, waiting: deque[E], count: Callable[[E], None], number: int) -> None:
        for _ in range(number):
            if not waiting:  # it is another process's by now
                return
            what = waiting.popleft()
            try:
                count(what)
            except Exception:
                self._broke(count.__name__)

    def _call(self, event: tuple[Any, ...]) -> None:
        method, *args = event
        method(self, *args)

    def _forked(self) -> None:
        """What waits in a forked child is its parent's."""
        for waiting in self._noted:
            waiting.clear()

    # --- what is counted

    def declare(
        self, operation: str, frameworks: Iterable[str] = (), severity: Severity | None = None
    ) -> None:
        with self._lock:
            try:
                self._declare(operation, tuple(frameworks) or (names.NO_FRAMEWORK,), severity)
            except Exception:
                self._broke("declare")

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
        for framework, (category, level) in product(declared, failures_with(severity)):
            self._failed[(operation, framework, category, level)]
        for category in Category.known():
            self._reopened[(operation, category)]
        if self._measured:
            self._resources[(operation,)]

    # What each call leaves is only noted where notes can wait: no caller counts here.

    def count_starts(self, operations: Iterator[str]) -> None:
        self._starts.extend(operations)  # one C call: nothing can interrupt it
        if self._at_once:
            self.relieve()

    def count_ends(self, ends: Iterator[tuple[GenerationRecord, str | None]]) -> None:
        self._ends.extend(ends)
        if self._at_once or len(self._ends) > MAX_EVENTS:
            self.relieve()

    def stage(self, ended: tuple[str, StageEnd]) -> None:
        self._stage_ends.append(ended)
        if self._at_once:
            self.relieve()

    def started(self, operation: str) -> None:
        """Count one generation that starts."""
        self.count_starts(iter((operation,)))

    def ended(self, record: GenerationRecord) -> None:
        self.count_ends(iter(((record, None),)))

    def _start(self, operation: str) -> None:
        started, in_progress = self._started[(operation,)]
        started.inc()
        in_progress.inc()

    def _end(self, ended: tuple[GenerationRecord, str | None]) -> None:
        record, trace_id = ended
        operation, framework, failure = record.operation, record.framework, record.failure
        # First: whatever breaks below, it runs no more.
        if failure is None or failure.origin == "generation":
            self._started[(operation,)][1].dec()  # else it ran in a process that is gone
        total, duration, files = self._ended[(operation, framework, record.outcome)]
        exemplar = None
        if failure is not None:
            if trace_id is not None and self._backend.exemplars:
                exemplar = {"trace_id": trace_id}
            (failed,) = self._failed[(operation, framework, *failure.label)]
            failed.inc(1, exemplar)
        total.inc()
        duration.observe(record.duration_s, exemplar)
        if record.file_count is not None and record.outcome is Outcome.SUCCESS:
            files.observe(record.file_count)

    def _end_stage(self, ended: tuple[str, StageEnd]) -> None:
        operation, (name, kind, duration_s, outcome) = ended
        self._stages[kind][(operation, name, outcome)][0].observe(duration_s)

    @_counted
    def declare_failure(
        self, operation: str, framework: str, category: Category, severity: Severity
    ) -> None:
        if (operation, framework, Outcome.FAILURE) in self._ended:  # else another service's
            self._failed[(operation, framework, category, severity)]

    @_counted
    def resources(self, operation: str, cpu_s: float | None, peak_bytes: int | None) -> None:
        cpu, peak = self._resources[(operation,)]
        if cpu_s is not None:
            cpu.inc(max(0.0, cpu_s))
        if peak_bytes is not None:
            peak.observe(peak_bytes)

    @_counted
    def reopened(self, operation: str, category: str) -> None:
        self._reopened[(operation, category)][0].inc()

    @_counted
    def written(self, count: int) -> None:
        self._plain[names.RECORDS_WRITTEN.name].inc(count)

    @_counted
    def retried(self, count: int) -> None:
        self._plain[names.RECORDS_RETRIED.name].inc(count)

    @_counted
    def dropped(self, reason: str, count: int = 1) -> None:
        self._dropped[(reason,)][0].inc(count)

    @_counted
    def queue_depth(self, depth: int) -> None:
        self._plain[names.QUEUE_DEPTH.name].set(depth)

    @_counted
    def journal_bytes(self, size: int) -> None:
        self._plain[names.JOURNAL_BYTES.name].set(size)

    @_counted
    def store_up(self, up: bool) -> None:
        self._plain[names.STORE_UP.name].set(1 if up else 0)

    @_counted
    def batch_seconds(self, duration_s: float) -> None:
        self._plain[names.WRITE_DURATION.name].observe(duration_s)

    @_counted
    def internal_error(self, where: str) -> None:
        self._errors[(where,)][0].inc()

    def _make(self, metric: Metric, label_values: LabelSet) -> Any:
        """Ask the backend for a series; one of GENERATIONS is born before it can be seen."""
        if metric is names.GENERATIONS:
            self._backend.set_start_time((label_values,), self._now())
        return self._backend.series(metric, label_values)

    def _overflow(self, label: str) -> None:
        """Count a label value that was turned away."""
        self._errors[(LABEL_OVERFLOW,)][0].inc()

    def _broke(self, method: str) -> None:
        """Count an instrument that broke, and say so at most once a minute."""
        try:
            now = time.monotonic()
            if now - self._warned_at > 60:
                self._warned_at = now
                _log.warning("genmon could not count (%s)", method, exc_info=True)
            self._errors[(BROKEN,)][0].inc()
        except Exception:
            pass  # the application comes first


class PrometheusMetrics(Instruments):
    """The instruments in a prometheus_client registry.

    Args:
        registry: where to register; None: the registry that every endpoint serves
            (``prometheus_client.REGISTRY``). A second use of the same registry finds
            the series of the first.
        resources: whether CPU time and peak memory are measured, and so declared.
        now: Unix seconds, for births.

    Raises:
        ConfigurationError: the registry has a metric of that name from somebody else.
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
        instruments._forked()


os.register_at_fork(after_in_child=_after_fork)
