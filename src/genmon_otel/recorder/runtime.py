"""The runtime that decorated code uses at call time, and the registry of decorated operations.

``setup()`` installs a :class:`Runtime`; without it there is a default one that
works against the bare OpenTelemetry API, counts nothing and keeps nothing, so
that decorators are harmless. Set-up and decoration may come in any order.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from opentelemetry import trace

from genmon_otel import conventions as names
from genmon_otel import internal_errors
from genmon_otel.clock import SystemClock
from genmon_otel.identity import new_id
from genmon_otel.instruments import NullMetrics
from genmon_otel.null_sink import NullSink
from genmon_otel.policy import SAMPLES_PER_OPERATION
from genmon_otel.ports import Clock, Metrics, Sink, StepPlayer
from genmon_otel.records import Capture, InFlight, Severity
from genmon_otel.redaction import Redactor

#: Seconds between success samples of one operation, once there are as many as are kept.
_SAMPLE_EVERY_S: Final = 60.0
#: Seconds between two samples with step outcomes, after the first three.
_DONOR_EVERY_S: Final = 3600.0


def working_folder() -> str:
    """Return the working directory; empty where it was deleted."""
    try:
        return os.getcwd()
    except OSError:
        return ""


class Running(Protocol):
    """What the runtime asks of a generation that is running."""

    def in_flight(self) -> InFlight: ...


@dataclass(slots=True, kw_only=True, eq=False)
class Runtime:
    """Everything decorated code needs at call time.

    ``setup()`` builds one from settings; tests build their own (see
    :mod:`genmon_otel.testing`). Fields may be replaced while it is installed:
    a generation uses the runtime that it began with to its end.
    """

    tracer: trace.Tracer = field(default_factory=lambda: trace.get_tracer(names.TRACER))
    metrics: Metrics = field(default_factory=NullMetrics)
    sink: Sink = field(default_factory=NullSink)
    clock: Clock = field(default_factory=SystemClock)
    capture: Capture = "failures"
    redactor: Redactor = field(default_factory=Redactor)
    #: Serves steps instead of calling them, in a replay.
    player: StepPlayer | None = None
    #: Frameworks that may become label values when they come from a parameter.
    frameworks: frozenset[str] = frozenset()
    code_version: str | None = None
    #: Where the application runs: the working directory, before a generation changes it.
    folder: str = field(default_factory=working_folder)
    #: Key of ``enduser.pseudo.id``; None: the attribute is not written.
    pseudonym_key: str | None = None
    #: Whether CPU time and peak memory of each generation are measured.
    resources: bool = False
    #: Whether request and result may become span attributes.
    content_on_spans: bool = False
    new_id: Callable[[], str] = new_id
    #: Generations that are running, by id. The thread that removes an id (one atomic ``del``)
    #: ends that generation; no other does.
    running: dict[str, Running] = field(default_factory=dict, repr=False)
    #: By operation: success samples taken, and when a generation must have begun to give the
    #: next one (monotonic); none at first.
    samples_taken: dict[str, int] = field(default_factory=dict, repr=False)
    sample_due: dict[str, float] = field(default_factory=dict, repr=False)
    #: Whether step outcomes of successes are kept as donors for operations that failed before.
    donors: bool = True
    #: By operation that has failed in this process: samples with step outcomes taken since.
    donors_taken: dict[str, int] = field(default_factory=dict, repr=False)
    #: Exceptions that were analysed (see :mod:`genmon_otel.recorder.diagnosis.exception_analysis`).
    analysed: dict[Any, Any] = field(default_factory=dict, repr=False)

    def in_flight(self) -> Iterator[InFlight]:
        """Return a note of each generation that is running."""
        for generation in list(self.running.values()):
            yield generation.in_flight()

    def note_sample(self, operation: str) -> None:
        """Note that a success sample is taken: after the first three, one a minute is."""
        taken = self.samples_taken.get(operation, 0) + 1
        self.samples_taken[operation] = taken
        every = _SAMPLE_EVERY_S
        if operation in self.donors_taken:
            taken = self.donors_taken[operation] = self.donors_taken[operation] + 1
            every = _DONOR_EVERY_S
        if taken >= SAMPLES_PER_OPERATION:
            self.sample_due[operation] = self.clock.monotonic() + every

    def note_failure(self, operation: str) -> None:
        """Note that an operation failed: its next successes give their step outcomes as donors.

        Three of a process, which runs one version of the code, then one an hour.
        """
        if self.donors and operation not in self.donors_taken:
            self.donors_taken[operation] = 0
            self.sample_due.pop(operation, None)


# --- which runtime ----------------------------------------------------------

_default: Final = Runtime()
#: The runtime in force; decorated code reads it without a call.
active: Runtime = _default


def active_runtime() -> Runtime:
    """Return the runtime in force."""
    return active


def install(new: Runtime) -> None:
    """Put a runtime in force and declare to it whatever has been decorated so far."""
    global active
    active = new
    try:
        new.sink.watch(new.in_flight)
    except Exception:
        suppress_and_count("watch", new)
    for operation in list(_operations.values()):
        _declare(operation, new)


def uninstall() -> None:
    """Go back to the default runtime, which keeps nothing."""
    global active
    active = _default


def suppress_and_count(place: str, runtime: Runtime | None = None) -> None:
    """Keep the exception being handled from the application: count it, log it seldom.

    See :func:`genmon_otel.internal_errors.suppress_and_count`.

    Args:
        place: where it happened; a label value, so one of a few fixed words.
        runtime: counts and redacts; None: the one in force.
    """
    chosen = runtime or active
    internal_errors.suppress_and_count(place, chosen.metrics, chosen.redactor)


# --- what is decorated --------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Operation:
    """What decoration knows of an operation before it ever ran."""

    name: str
    #: Frameworks that it can have.
    frameworks: tuple[str, ...]
    #: Whether those that the runtime declares are among them, too.
    is_open: bool
    #: Of every failure; None: as classified.
    severity: Severity | None


_operations: Final[dict[str, Operation]] = {}
#: Of a replay's process: what was decorated, by target.
_targets: Final[dict[str, Callable[..., Any]]] = {}


def register(operation: Operation, target: str, wrapper: Callable[..., Any]) -> None:
    """Remember a decorated operation; its series are there at 0 as soon as metrics are.

    In a replay its wrapper is kept, too: the module may hold a task or a command in its place,
    or nothing.

    Args:
        operation: what can be declared of it.
        target: its import path.
        wrapper: what the decorator made.
    """
    _operations[operation.name] = operation
    _declare(operation, active)
    if active.player is not None:
        _targets[target] = wrapper


def remembered_target(target: str) -> Callable[..., Any] | None:
    """Return what was decorated as this target in a replay's process; None where nothing was."""
    return _targets.get(target)


def _declare(operation: Operation, runtime: Runtime) -> None:
    try:
        frameworks = {*operation.frameworks, *(runtime.frameworks if operation.is_open else ())}
        runtime.metrics.declare(operation.name, sorted(frameworks), operation.severity)
    except Exception:
        suppress_and_count("declare", runtime)


def _after_fork() -> None:
    """Leave to the parent what is the parent's: it will end and deliver these generations."""
    _default.running.clear()
    active.running.clear()


os.register_at_fork(after_in_child=_after_fork)
