"""Tools for your own tests: see what decorated code leaves behind, without a store.

from genmon_otel.testing import capture

def test_a_refused_prompt_is_no_attempt():
    with capture() as seen:
        with pytest.raises(InvalidPrompt):
            build_app("")
    assert seen.record.outcome == "rejected"
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from opentelemetry import trace

from genmon_otel import conventions as names
from genmon_otel import recorder
from genmon_otel.corrections import NO_CORRECTIONS, Corrections
from genmon_otel.errors import GenmonError
from genmon_otel.instruments import NullMetrics
from genmon_otel.ports import Metrics, StepPlayer
from genmon_otel.records import (
    MAX_REQUEST,
    Capture,
    GenerationRecord,
    InFlight,
    Recording,
    SuccessSample,
)
from genmon_otel.text import safe_repr

__all__ = ["Captured", "ManualClock", "capture", "factory", "postcondition", "sequential_ids"]

F = TypeVar("F", bound=Callable[..., object])


@dataclass(slots=True)
class ManualClock:
    """A clock that moves only when told. Implements :class:`genmon_otel.ports.Clock`."""

    #: Unix seconds, and seconds of the monotonic clock.
    unix_s: float = 1_700_000_000.0
    monotonic_s: float = 1_000.0

    def now(self) -> float:
        """Unix seconds."""
        return self.unix_s

    def monotonic(self) -> float:
        """Seconds that never go back."""
        return self.monotonic_s

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.unix_s += seconds
        self.monotonic_s += seconds


def sequential_ids() -> Callable[[], str]:
    """Ids 1, 2, 3… in the form that real ones have."""
    numbers = itertools.count(1)
    return lambda: f"{next(numbers):032x}"


@dataclass(slots=True)
class Captured:
    """What generations left behind, in the order in which they ended.

    Implements :class:`genmon_otel.ports.Sink`.
    """

    records: list[GenerationRecord] = field(default_factory=list)
    #: Of failures: what a regression test would replay, before redaction.
    recordings: list[Recording] = field(default_factory=list)
    #: Of successes: shapes of results.
    samples: list[SuccessSample] = field(default_factory=list)
    in_flight: Callable[[], Iterable[InFlight]] = tuple

    @property
    def awake(self) -> bool:
        """Always: there is nothing to wake."""
        return True

    @property
    def corrections(self) -> Corrections:
        """None: there is no store in which a person could relabel a failure."""
        return NO_CORRECTIONS

    @property
    def record(self) -> GenerationRecord:
        """The only record there is.

        Raises:
            AssertionError: there is none, or more than one.
        """
        if len(self.records) != 1:
            raise AssertionError(
                f"{len(self.records)} generations ended, not one: "
                f"{[(r.operation, r.outcome.value) for r in self.records]}"
            )
        return self.records[0]

    def deliver(
        self,
        record: GenerationRecord,
        recording: Recording | None = None,
        sample: SuccessSample | None = None,
    ) -> None:
        """Keep it, its request redacted as the writer would."""
        if record.failure is None and record.user_request is not None:
            request = recorder.active_runtime().redactor.text(record.user_request, MAX_REQUEST)
            record = record._replace(user_request=request)
        self.records.append(record)
        if recording is not None:
            self.recordings.append(recording)
        if sample is not None:
            self.samples.append(sample)

    def start(self) -> None:
        """Nothing to wake."""

    def watch(self, in_flight: Callable[[], Iterable[InFlight]]) -> None:
        """Keep how to list what is running."""
        self.in_flight = in_flight

    def flush(self, timeout_s: float) -> bool:
        """Nothing waits."""
        return True

    def close(self, timeout_s: float) -> bool:
        """Nothing is open."""
        return True


@contextmanager
def capture(
    *,
    capture: Capture = "failures",
    frameworks: Iterable[str] = (),
    metrics: Metrics | None = None,
    clock: ManualClock | None = None,
    new_id: Callable[[], str] | None = None,
    player: StepPlayer | None = None,
    tracer_provider: trace.TracerProvider | None = None,
) -> Iterator[Captured]:
    """Keep in memory whatever generations leave behind, instead of what ``setup()`` arranged.

    What was in force before is so again afterwards, whatever happens in between.

    Args:
        capture: what is recorded, as for ``setup()``.
        frameworks: frameworks declared, as for ``setup()``.
        metrics: counts; None: nothing does.
        clock: tells the time; None: the machine's.
        new_id: makes generation ids; None: unique ones (see :func:`sequential_ids`).
        player: serves steps in place of calling them; None: they are called.
        tracer_provider: makes spans; None: the application's own, if it has one.
    """
    before = recorder.active_runtime()
    seen = Captured()
    runtime = recorder.Runtime(
        tracer=trace.get_tracer(names.TRACER, tracer_provider=tracer_provider),
        metrics=metrics if metrics is not None else NullMetrics(),
        sink=seen,
        capture=capture,
        frameworks=frozenset(frameworks),
        player=player,
    )
    if clock is not None:
        runtime.clock = clock
    if new_id is not None:
        runtime.new_id = new_id
    recorder.install(runtime)
    try:
        yield seen
    finally:
        recorder.install(before)


def postcondition(function: F) -> F:
    """Mark a function that a case may name as its postcondition.

    It is given the result of the replayed function; it raises, or returns ``False``, where the
    result is not right. A case file is a stranger's data: it cannot name functions that carry
    no mark, unless ``genmon_postconditions`` in pytest's configuration names them.

    Raises:
        GenmonError: it was put on what cannot be called, or cannot be marked.
    """
    return _marked(function, "postcondition", names.MARK_POSTCONDITION)


def factory(function: F) -> F:
    """Mark a function or class that a case may name as the factory of an argument.

    It is called without arguments in a replay, and makes what is no data: a session, a client.
    One that the decorator names (``@generation(factories=...)``) needs no mark.

    Raises:
        GenmonError: it was put on what cannot be called, or cannot be marked.
    """
    return _marked(function, "factory", names.MARK_FACTORY)


def _marked(function: F, kind: str, mark: str) -> F:
    code = getattr(function, "__func__", function)
    try:
        if not callable(code):
            raise TypeError
        setattr(code, mark, True)
    except (AttributeError, TypeError):
        raise GenmonError(
            f"@{kind} was put on {safe_repr(function, 60)}. Put it on a function of your own."
        ) from None
    return function
