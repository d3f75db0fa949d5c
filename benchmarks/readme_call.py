"""What a call of the README's function costs, while calls come without a pause.

Three clocks: the caller's CPU time, wall clock with the writer at work beside the calls, and CPU time
of the whole process until all that the calls left is stored and exported. Beside it, in the same
run: a bare span, a span with a counter and a histogram as one writes them by hand, and a
decorated function of one argument.

Variants take turns within each round, and the ratio is the median of the rounds' ratios to the
bare span of the same round, so that only a noise which changes within a round counts.
"""

from __future__ import annotations

import gc
import logging
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Final

from prometheus_client import CollectorRegistry, Counter, Histogram

from benchmarks.decorated_call import ATTRIBUTES, BARE, bare_tracer, everything_on, frames, provider
from benchmarks.table import Table
from genmon_otel import conventions as names
from genmon_otel import generation, recorder

REQUEST: Final = "a todo app with lists that can be shared, and a calendar of what is due"
#: Seconds in which the writer stores what one turn left.
_SETTLE_S: Final = 120.0
_QUICK_PART: Final = 4


def build_app(request: str, *, user_id: str, project_id: str) -> str:
    """Do nothing: the README's function without its body, so that only what is around it counts."""
    return request


def fail_app(request: str, *, user_id: str, project_id: str) -> str:
    """Fail in the first frame."""
    return frames(1)


def fail_deep(request: str, *, user_id: str, project_id: str) -> str:
    """Fail eleven frames down."""
    return frames(11)


def build_page(request: str) -> str:
    """Do nothing, with one argument."""
    return request


App = Callable[..., str]


def bare(function: App) -> App:
    """Put a span with two attributes around a function."""

    def call(request: str, *, user_id: str, project_id: str) -> str:
        with bare_tracer.start_as_current_span("invoke_workflow build_app", attributes=ATTRIBUTES):
            return function(request, user_id=user_id, project_id=project_id)

    return call


class ByHand:
    """A span, a counter and a histogram, as one writes them."""

    def __init__(self) -> None:
        labels = ("operation", "framework", "outcome")
        registry = CollectorRegistry()
        self._count = Counter("generations", "x", labels, registry=registry)
        self._duration = Histogram("generation_seconds", "x", labels, registry=registry)
        self.provider = provider()
        self._tracer = self.provider.get_tracer("hand")

    def around(self, function: App) -> App:
        """Put them around a function."""

        def call(request: str, *, user_id: str, project_id: str) -> str:
            started, outcome = time.perf_counter(), "success"
            try:
                with self._tracer.start_as_current_span("build_app", attributes=ATTRIBUTES):
                    return function(request, user_id=user_id, project_id=project_id)
            except BaseException:
                outcome = "failure"
                raise
            finally:
                self._count.labels("build_app", "react", outcome).inc()
                taken = time.perf_counter() - started
                self._duration.labels("build_app", "react", outcome).observe(taken)

        return call


def decorated(function: App) -> App:
    """Decorate as the README does: the framework a constant, user and project by their names."""
    return generation(framework="react")(function)


one_argument = generation(framework="react")(build_page)


@dataclass(frozen=True)
class Cost:
    """One call, in seconds."""

    caller: float
    wall: float
    process: float

    def times(self, base: Cost) -> Cost:
        """Return the ratio to another, clock by clock."""
        return Cost(self.caller / base.caller, self.wall / base.wall, self.process / base.process)


@dataclass(frozen=True)
class Comparison:
    """Variants that take turns; the first is what the others are compared with."""

    what: str
    variants: dict[str, Callable[[], Any]]
    #: Calls of one turn, without a pause.
    calls: int
    rounds: int
    #: Of the README's function: what its wall clock and its process' CPU must not exceed.
    wall_bar: float
    process_bar: float | None = None


def comparisons(hand: ByHand) -> list[Comparison]:
    """Return what is measured."""

    def app(made: App) -> Callable[[], Any]:
        return lambda: made(REQUEST, user_id="user-4711", project_id="project-15")

    def failing(made: App) -> Callable[[], None]:
        def call() -> None:
            try:
                made(REQUEST, user_id="user-4711", project_id="project-15")
            except ValueError:
                pass

        return call

    success = {
        "bare span": app(bare(build_app)),
        "by hand": app(hand.around(build_app)),
        "genmon, one argument": lambda: one_argument(REQUEST),
        "genmon, the README's": app(decorated(build_app)),
    }

    def failure(function: App) -> dict[str, Callable[[], Any]]:
        return {
            "bare span": failing(bare(function)),
            "by hand": failing(hand.around(function)),
            "genmon, the README's": failing(decorated(function)),
        }

    return [
        Comparison("success", success, 2_000, 12, wall_bar=1.9, process_bar=3.0),
        Comparison("success", success, 14_000, 4, wall_bar=2.2),
        Comparison("failure", failure(fail_app), 500, 12, wall_bar=1.05),
        Comparison("failure, 11 frames", failure(fail_deep), 300, 12, wall_bar=0.6),
    ]


def measure(comparison: Comparison, settle: Callable[[], None]) -> dict[str, list[Cost]]:
    """Measure all variants in turns; another one begins each round.

    Args:
        comparison: what, and how often.
        settle: waits until nothing is left to do for anybody.
    """
    found: dict[str, list[Cost]] = {name: [] for name in comparison.variants}
    order = list(comparison.variants.items())
    for call in comparison.variants.values():
        for _ in range(200):
            call()
    for turn in range(comparison.rounds):
        first = turn % len(order)
        for name, call in (*order[first:], *order[:first]):
            settle()
            gc.collect()
            found[name].append(cost(call, comparison.calls, settle))
    return found


def cost(call: Callable[[], Any], calls: int, settle: Callable[[], None]) -> Cost:
    """Return what one call costs of ``calls`` without a pause."""
    process, caller, wall = time.process_time(), time.thread_time(), time.perf_counter()
    for _ in range(calls):
        call()
    wall = time.perf_counter() - wall
    caller = time.thread_time() - caller
    settle()
    return Cost(caller / calls, wall / calls, (time.process_time() - process) / calls)


def median(costs: list[Cost]) -> Cost:
    """Return the median, clock by clock."""
    return Cost(
        statistics.median(each.caller for each in costs),
        statistics.median(each.wall for each in costs),
        statistics.median(each.process for each in costs),
    )


def report(table: Table, comparison: Comparison, found: dict[str, list[Cost]]) -> None:
    """Add a line for each variant."""
    base, *_ = comparison.variants
    for name, costs in found.items():
        taken = median(costs)
        ratio = median([each.times(of) for each, of in zip(costs, found[base], strict=True)])
        is_ours = name == "genmon, the README's"
        table.add(
            call=f"{comparison.what}: {name}",
            calls=comparison.calls,
            caller_us=round(taken.caller * 1e6, 1), caller=round(ratio.caller, 2),
            wall_us=round(taken.wall * 1e6, 1), wall=round(ratio.wall, 2),
            wall_bar=comparison.wall_bar if is_ours else None,
            process_us=round(taken.process * 1e6, 1), process=round(ratio.process, 2),
            process_bar=comparison.process_bar if is_ours else None,
        )  # fmt: skip


@contextmanager
def quiet() -> Iterator[None]:
    """Log failures to nowhere: what a log costs is the application's choice."""
    logger = logging.getLogger(names.LOGGER)
    handler = logging.NullHandler()
    logger.addHandler(handler)
    propagate, logger.propagate = logger.propagate, False
    try:
        yield
    finally:
        logger.propagate = propagate
        logger.removeHandler(handler)


def run(quick: bool) -> list[Table]:
    """Measure all, in one process with everything on."""
    table = Table(
        "readme_call", "A call of the README's function, calls without a pause, in µs",
        "caller, wall, process: the ratio to the bare span, of the caller's CPU time, of wall clock, "
        "and of CPU time of the whole process until all is stored",
    )  # fmt: skip
    hand = ByHand()
    with quiet(), everything_on():

        def settle() -> None:
            recorder.active_runtime().sink.flush(_SETTLE_S)
            for each in (BARE, hand.provider):
                each.force_flush()

        for planned in comparisons(hand):
            rounds = max(2, planned.rounds // _QUICK_PART) if quick else planned.rounds
            comparison = replace(planned, rounds=rounds)
            report(table, comparison, measure(comparison, settle))
    return [table]
