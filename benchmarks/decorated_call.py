"""What a decorated call costs its caller's thread, as a ratio to a bare span in the same process.

The yardstick is ``start_as_current_span`` with two attributes and a
BatchSpanProcessor. Variants take turns within each round, and the figure is the
median of the rounds' ratios, so that only a noise which changes within a round counts.
Everything is on, as ``setup()`` makes it: span, counters, histogram, the span processor, the
record handed to the writer of a SQLite store, a failure in the journal. Only the caller's
thread is measured; the writer catches up between rounds. For calls without a pause, the writer at
work beside them, see ``readme_call``, which has the bars.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import statistics
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from prometheus_client import CollectorRegistry

from benchmarks.table import Table
from genmon_otel import conventions as names
from genmon_otel import generation, phase, recorder, setup, shutdown, step


class Drop(SpanExporter):
    """An exporter that takes no time."""

    def export(self, spans: Any) -> SpanExportResult:
        return SpanExportResult.SUCCESS


def provider(*, sampled: bool = True) -> TracerProvider:
    """A provider with a batch processor."""
    made = TracerProvider() if sampled else TracerProvider(sampler=ALWAYS_OFF)
    made.add_span_processor(BatchSpanProcessor(Drop()))
    return made


BARE = provider()
bare_tracer = BARE.get_tracer("bare")


@contextmanager
def everything_on(*, sampled: bool = True) -> Iterator[None]:
    """``setup()`` with a store of its own."""
    with tempfile.TemporaryDirectory() as folder:
        setup(
            store=f"sqlite:///{folder}/genmon.db",
            journal_dir=folder,
            registry=CollectorRegistry(),
            tracer_provider=provider(sampled=sampled),
            code_version="1",
        )
        try:
            yield
        finally:
            shutdown()


ROUNDS, QUICK_ROUNDS = 30, 5

ATTRIBUTES = {"gen_ai.operation.name": "invoke_workflow", "gen_ai.workflow.name": "build"}


def build(request: str) -> str:
    """What is decorated: nothing, so that only the decorator is measured."""
    return request


def bare(request: str) -> str:
    with bare_tracer.start_as_current_span("invoke_workflow build", attributes=ATTRIBUTES):
        return build(request)


ours = generation("build", framework="react")(build)


async def build_async(request: str) -> str:
    return request


async def bare_async(request: str) -> str:
    with bare_tracer.start_as_current_span("invoke_workflow build", attributes=ATTRIBUTES):
        return await build_async(request)


ours_async = generation("build_async", framework="react")(build_async)


#: What the message names: most failures of one kind differ in that alone.
request = [8841]


def frames(depth: int) -> str:
    """Raise under distinct frames, as a real orchestrator does."""
    return _FRAMES[depth - 1](depth)


def _frame(number: int) -> Callable[[int], str]:
    source = (
        f"def stage_{number}(depth):\n"
        "    if depth > 1:\n"
        "        return frames(depth - 1)\n"
        "    raise ValueError(f'model returned no files for request {request[0]}')\n"
    )
    exec(compile(source, __file__, "exec"), globals())
    made: Callable[[int], str] = globals()[f"stage_{number}"]
    return made


_FRAMES = [_frame(number) for number in range(12)]


def caught(function: Callable[[int], Any], depth: int, *, anew: bool = False) -> Callable[[], None]:
    def call() -> None:
        request[0] += anew
        try:
            function(depth)
        except ValueError:
            pass

    return call


def bare_fail(depth: int) -> str:
    with bare_tracer.start_as_current_span("invoke_workflow fail", attributes=ATTRIBUTES):
        return frames(depth)


ours_fail = generation("fail", framework="react")(frames)


# --- stages and items: many in one generation, so that the generation itself hardly counts

MANY = 100


def bare_children() -> None:
    with bare_tracer.start_as_current_span("parent"):
        for _ in range(MANY):
            with bare_tracer.start_as_current_span("plan"):
                build("x")


@generation("phases")
def our_phases() -> None:
    for _ in range(MANY):
        with phase("plan"):
            build("x")


model = step(build, name="model")


@generation("steps")
def our_steps() -> None:
    for _ in range(MANY):
        model("a prompt")


def valued(size: int) -> Callable[[], None]:
    """A generation of steps that return a chat completion of about ``size`` bytes."""
    answer = {
        "id": "chatcmpl-1",
        "choices": [
            {"message": {"role": "assistant", "content": f"{number:040}"}}
            for number in range(size // 100)
        ],
    }
    call = step(lambda prompt: answer, name="valued")

    @generation(f"valued_{size}")
    def run() -> None:
        for _ in range(MANY):
            call("a prompt")

    return run


ITEMS = 1000


def items() -> Iterator[int]:
    yield from range(ITEMS)


our_items = generation("items")(items)


async def async_items() -> Any:
    for item in range(ITEMS):
        yield item


our_async_items = generation("async_items")(async_items)


async def consume(source: Any) -> None:
    async for _ in source:
        pass


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    name: str
    yardstick: Callable[[], Any]
    measured: Callable[[], Any]
    #: The ratio it must not exceed; None: for information.
    bar: float | None
    calls: int = 200
    sampled: bool = True
    #: Divide the difference by so many items instead of taking a ratio; the bar is in µs.
    items: int = 0


def rows(loop: asyncio.AbstractEventLoop) -> list[Row]:
    """The table's lines."""
    run = loop.run_until_complete

    async def many(function: Any) -> None:
        for _ in range(100):
            await function("a todo app")

    def once(source: Callable[[], Any]) -> Callable[[], None]:
        return lambda: deque(source(), maxlen=0) and None

    return [
        Row("success", lambda: bare("a todo app"), lambda: ours("a todo app"), None),
        Row(
            "success, async", lambda: run(many(bare_async)), lambda: run(many(ours_async)), None, 3
        ),
        Row("0 % sampled", lambda: bare("x"), lambda: ours("x"), 1.0, sampled=False),
        Row("failure", caught(bare_fail, 1), caught(ours_fail, 1), 1.0, 50),
        Row(
            "failure, its message never seen",
            caught(bare_fail, 1, anew=True),
            caught(ours_fail, 1, anew=True),
            None,
            50,
        ),
        Row("failure, 11 frames", caught(bare_fail, 11), caught(ours_fail, 11), 0.5, 50),
        Row("phase", bare_children, our_phases, None, 3),
        Row("step -> str", bare_children, our_steps, None, 3),
        *(
            Row(f"step -> {size} B of dict", bare_children, valued(size), None, 2)
            for size in (1_000, 10_000, 100_000)
        ),
        Row("generator, µs an item", once(items), once(our_items), 2.0, 3, items=ITEMS),
        Row(
            "async generator, µs an item",
            lambda: run(consume(async_items())),
            lambda: run(consume(our_async_items())),
            2.0,
            3,
            items=ITEMS,
        ),
    ]


def seconds(call: Callable[[], Any], calls: int) -> float:
    """CPU time of one call in this thread: what others on the machine do hardly counts."""
    started = time.thread_time()
    for _ in range(calls):
        call()
    return (time.thread_time() - started) / calls


def measure(row: Row, rounds: int) -> dict[str, Any]:
    """Measure one line: yardstick and candidate in turns."""
    ratios, bares, candidates = [], [], []
    seconds(row.yardstick, row.calls), seconds(row.measured, row.calls)
    for turn in range(rounds):
        recorder.active_runtime().sink.flush(60.0)
        gc.collect()
        if turn % 2:
            candidate = seconds(row.measured, row.calls)
            base = seconds(row.yardstick, row.calls)
        else:
            base = seconds(row.yardstick, row.calls)
            candidate = seconds(row.measured, row.calls)
        bares.append(base)
        candidates.append(candidate)
        ratios.append((candidate - base) / row.items * 1e6 if row.items else candidate / base)
    return {
        "name": row.name,
        "bare_us": statistics.median(bares) * 1e6,
        "genmon_us": statistics.median(candidates) * 1e6,
        "ratio": statistics.median(ratios),
        "bar": row.bar,
    }


def run(quick: bool) -> list[Table]:
    """Measure every line."""
    logger = logging.getLogger(names.LOGGER)
    logger.addHandler(logging.NullHandler())
    propagate, logger.propagate = logger.propagate, False
    table = Table(
        "decorated_call", "A decorated call, CPU time in µs",
        "ratio: to a bare start_as_current_span with two attributes, its failing call where "
        "ours fails; items: µs that an item costs over a plain one",
    )  # fmt: skip
    loop = asyncio.new_event_loop()
    try:
        for row in rows(loop):
            with everything_on(sampled=row.sampled):
                line = measure(row, QUICK_ROUNDS if quick else ROUNDS)
            table.add(
                call=line["name"], bare_us=round(line["bare_us"], 1),
                genmon_us=round(line["genmon_us"], 1), ratio=round(line["ratio"], 2),
                bar=line["bar"],
            )  # fmt: skip
    finally:
        loop.close()
        logger.propagate = propagate
    return [table]
