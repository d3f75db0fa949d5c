"""The runtime that decorated code finds at call time.

``setup()`` installs a :class:`Runtime`; without it there is a default one that
works against the bare OpenTelemetry API, counts nothing and keeps nothing, so
that decorators are harmless. Set-up and decoration may come in any order.
"""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol

from opentelemetry import trace

from genmon_otel import conventions as names
from genmon_otel.corrections import NO_CORRECTIONS
from genmon_otel.instruments import NullMetrics
from genmon_otel.interruption import must_propagate
from genmon_otel.ports import Clock, Ended, Metrics, Sink, StepPlayer
from genmon_otel.recorder.identity import new_id
from genmon_otel.records import (
    Capture,
    GenerationRecord,
    InFlight,
    Recording,
    Severity,
    StageKind,
    SuccessSample,
)
from genmon_otel.redaction import Redactor
from genmon_otel.stacks import MAX_STACK, format_stack

if TYPE_CHECKING:
    from genmon_otel.recorder.examination import Kept as Examinations

_log = logging.getLogger(names.LOGGER)

#: Seconds between two log lines about internal errors of one place.
INTERNAL_ERROR_EVERY_S: Final = 60.0
#: What such a line says: the place, then the stack.
BROKE_INSIDE: Final = "genmon broke inside (%s); the application goes on:\n%s"


class SystemClock:
    """The machine's clocks. Implements :class:`genmon_otel.ports.Clock`."""

    now = staticmethod(time.time)
    monotonic = staticmethod(time.monotonic)


class NullSink:
    """Keep nothing. Implements :class:`genmon_otel.ports.Sink`."""

    awake = True
    corrections = NO_CORRECTIONS

    def deliver(
        self,
        record: GenerationRecord,
        recording: Recording | None = None,
        sample: SuccessSample | None = None,
    ) -> None:
        """Let it go."""

    def take(self, ended: Ended) -> None:
        """As any other."""
        self.deliver(ended.record())

    def start(self) -> None:
        """Nothing to wake."""

    def watch(self, in_flight: Callable[[], Iterable[InFlight]]) -> None:
        """Nobody asks."""

    def flush(self, timeout_s: float) -> bool:
        return True

    def close(self, timeout_s: float) -> bool:
        return True


def working_folder() -> str:
    """The working directory; empty where it was deleted."""
    try:
        return os.getcwd()
    except OSError:
        return ""


class Live(Protocol):
    """What the runtime asks of a generation that is running."""

    def in_flight(self) -> InFlight: ...


@dataclass(slots=True, kw_only=True, eq=False)
class Runtime:
    """Everything decorated code needs at call time.

    ``setup()`` builds one from settings; tests build their own (see
    :mod:`genmon_otel.testing`). Fields may be replaced while it is installed:
    a generation uses the runtime that it began under to its end.
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
    #: Whether request and result may go on spans.
    content_on_spans: bool = False
    new_id: Callable[[], str] = new_id
    #: Generations that are running, by id.
    running: dict[str, Live] = field(default_factory=dict, repr=False)
    #: By operation: success samples taken, and when a generation must have begun to give the
    #: next one (monotonic); none at first.
    samples_taken: dict[str, int] = field(default_factory=dict, repr=False)
    sample_due: dict[str, float] = field(default_factory=dict, repr=False)
    #: What was found out of errors (see :mod:`genmon_otel.recorder.examination`).
    examined: Examinations = field(default_factory=dict, repr=False)

    def in_flight(self) -> Iterator[InFlight]:
        """The generations that are running under this runtime."""
        for live in list(self.running.values()):
            yield live.in_flight()


# --- which runtime ----------------------------------------------------------

_default: Final = Runtime()
#: The runtime in force; decorated code reads it without a call.
active: Runtime = _default


def runtime() -> Runtime:
    """The runtime in force."""
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
    #: Decorated phases and steps that its code names; asked anew at each declaration,
    #: because some are decorated after it.
    stages: Callable[[], Iterable[tuple[StageKind, str]]]


_operations: Final[dict[str, Operation]] = {}


def register(operation: Operation) -> None:
    """Remember a decorated operation; its series are there at 0 as soon as metrics are."""
    _operations[operation.name] = operation
    _declare(operation, active)


def _declare(operation: Operation, to: Runtime) -> None:
    try:
        frameworks = {*operation.frameworks, *(to.frameworks if operation.is_open else ())}
        to.metrics.declare(operation.name, sorted(frameworks), operation.severity)
        for kind, stage in operation.stages():
            to.metrics.declare_stage(operation.name, kind, stage)
    except Exception:
        suppress_and_count("declare", to)


# --- what breaks inside us --------------------------------------------------------

_next_line: Final[dict[str, float]] = {}


def suppress_and_count(where: str, under: Runtime | None = None) -> None:
    """Keep the internal error being handled from the application: count it, log it seldom.

    It may be any: values and callables of the application's raise what they like. Only what
    struck from outside goes on its way: it is meant for the application.

    Args:
        where: the place, a label value: few and fixed.
        under: the runtime to count in; None: the one in force.
    """
    if must_propagate(sys.exc_info()[1]):
        raise  # noqa: PLE0704 - it is called where the error is handled
    try:
        to = under or active
        to.metrics.internal_error(where)
        now = time.monotonic()
        if now >= _next_line.get(where, 0.0):
            _next_line[where] = now + INTERNAL_ERROR_EVERY_S
            _log.warning(BROKE_INSIDE, where, handled(to.redactor))
    except Exception:
        pass  # nothing is left to report to


def handled(redactor: Redactor) -> str:
    """The exception being handled with its stack, redacted and bounded.

    It may come from a callable of the application's and quote what a user typed.
    """
    error = sys.exc_info()[1]
    if error is None:
        return ""
    return redactor.text(format_stack(error), MAX_STACK)


def _after_fork() -> None:
    """Leave to the parent what is the parent's: it will end and deliver these generations."""
    _default.running.clear()
    active.running.clear()


os.register_at_fork(after_in_child=_after_fork)
