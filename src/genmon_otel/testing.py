"""Tools for your own tests: see what decorated code records, without a store.

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
    """A clock that only :meth:`advance` moves. Implements :class:`genmon_otel.ports.Clock`."""

    #: Unix seconds.
    unix_s: float = 1_700_000_000.0
    #: Seconds of the monotonic clock.
    monotonic_s: float = 1_000.0

    def now(self) -> float:
        """Return Unix seconds."""
        return self.unix_s

    def monotonic(self) -> float:
        """Return seconds that never decrease."""
        return self.monotonic_s

    def advance(self, seconds: float) -> None:
        """Move both times forward by ``seconds``."""
        self.unix_s += seconds
        self.monotonic_s += seconds


def sequential_ids() -> Callable[[], str]:
    """Return a function that returns the ids 1, 2, 3 and so on, as 32 hex digits."""
    numbers = itertools.count(1)
    return lambda: f"{next(numbers):032x}"


def _redacted(request: str) -> str | None:
    """Redact a request as the writer does; None where the application's ``redact`` breaks."""
    try:
        return recorder.active_runtime().redactor.text(request, MAX_REQUEST)
    except Exception:
        return None


@dataclass(slots=True)
class Captured:
    """What generations recorded, in the order in which they ended.

    Implements :class:`genmon_otel.ports.Sink`.
    """

    records: list[GenerationRecord] = field(default_factory=list)
    #: Recordings of failures, which a regression test replays; not redacted.
    recordings: list[Recording] = field(default_factory=list)
    #: Shapes of the results of successes.
    samples: list[SuccessSample] = field(default_factory=list)
    in_flight: Callable[[], Iterable[InFlight]] = tuple

    @property
    def is_started(self) -> bool:
        """True: there is nothing to start."""
        return True

    @property
    def corrections(self) -> Corrections:
        """Empty: without a store nobody can relabel a failure."""
        return NO_CORRECTIONS

    @property
    def record(self) -> GenerationRecord:
        """The record of the only generation that ended.

        Raises:
            AssertionError: none ended, or more than one.
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
        """Append a record, its request redacted as the writer does it."""
        if record.user_request is not None:
            record = record._replace(user_request=_redacted(record.user_request))
        self.records.append(record)
        if recording is not None:
            self.recordings.append(recording)
        if sample is not None:
            self.samples.append(sample)

    def start(self) -> None:
        """Do nothing: there is nothing to start."""

    def watch(self, in_flight: Callable[[], Iterable[InFlight]]) -> None:
        """Store the function that lists running generations."""
        self.in_flight = in_flight

    def flush(self, timeout_s: float) -> bool:
        """Return True: nothing is pending."""
        return True

    def close(self, timeout_s: float) -> bool:
        """Return True: nothing is open."""
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
    """Collect in memory what generations record, instead of sending it to the store of ``setup()``.

    At the end of the block the runtime of before is restored, after an exception too.

    Args:
        capture: what is recorded, as in ``setup()``.
        frameworks: declared frameworks, as in ``setup()``.
        metrics: counts generations; None counts nothing.
        clock: None for the system clock.
        new_id: returns generation ids, such as :func:`sequential_ids`; None for unique ones.
        player: returns recorded outcomes instead of calling steps; None calls them.
        tracer_provider: creates spans; None for the application's, if it has one.
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
    """Mark a function that a case file may name as its postcondition.

    It gets the result of the replayed function; it raises, or returns ``False``, where the result is
    wrong. Case files are untrusted data, so they can only name marked functions, and those that
    ``genmon_postconditions`` in pytest's configuration lists.

    Raises:
        GenmonError: the object is not callable or takes no attribute.
    """
    return _marked(function, "postcondition", names.MARK_POSTCONDITION)


def factory(function: F) -> F:
    """Mark a function or class that a case file may name as the factory of an argument.

    A replay calls it without arguments to create what cannot be recorded: a session, a client.
    A factory that the decorator names (``@generation(factories=...)``) needs no mark.

    Raises:
        GenmonError: the object is not callable or takes no attribute.
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
