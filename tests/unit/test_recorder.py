"""What the recorder makes of a generation: one record, one span, one delivery, whatever breaks."""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pydantic
import pytest
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import TraceIdRatioBased
from opentelemetry.trace import NoOpTracerProvider
from prometheus_client import CollectorRegistry

from genmon_otel import conventions as names
from genmon_otel import internal_errors, recorder
from genmon_otel.decorators import current_generation, generation, phase, step
from genmon_otel.identity import new_id
from genmon_otel.instruments import PrometheusMetrics
from genmon_otel.null_sink import NullSink
from genmon_otel.processor import ForeignFailureProcessor
from genmon_otel.recorder.diagnosis.content import Contents, hide
from genmon_otel.records import Outcome
from genmon_otel.testing import Captured, ManualClock, capture, sequential_ids


class Boom(Exception):
    """What decorated code raises here."""


@generation("recorded", framework="react")
def recorded(fail: bool = False, **_: Any) -> str:
    """An orchestrator with a phase that works or does not."""
    with phase("plan"):
        if fail:
            raise Boom("no plan for request 42")
    return "done"


@contextmanager
def traced(sampler: Any = None, *processors: SpanProcessor) -> Iterator[Any]:
    """Capture under an SDK provider; gives records and exported spans."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider(sampler=sampler)
    for processor in processors:
        provider.add_span_processor(processor)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    with capture(tracer_provider=provider) as seen:
        yield seen, exporter, provider


# --- spans -----------------------------------------------------------------------


def test_the_span_of_a_success() -> None:
    """Name, attributes and children are those of the conventions; no content is on it."""
    with traced() as (seen, exporter, _):
        recorded(request="secret plan")
    child, root = exporter.get_finished_spans()
    assert root.name == "invoke_workflow recorded"
    assert dict(root.attributes) == {
        names.GEN_AI_OPERATION_NAME: "invoke_workflow",
        names.GEN_AI_WORKFLOW_NAME: "recorded",
        names.ATTR_FRAMEWORK: "react",
        names.ATTR_OUTCOME: "success",
    }
    assert (child.name, dict(child.attributes)) == ("plan", {})
    assert child.parent.span_id == root.context.span_id
    assert seen.record.trace_id == f"{root.context.trace_id:032x}"
    assert seen.record.span_id == f"{root.context.span_id:016x}"


def test_the_span_of_a_failure() -> None:
    """One exception event of our making, status and failure attributes, all redacted."""
    secret = "sk-proj-" + "a1B2" * 12

    @generation("leaky")
    def leaky() -> None:
        raise Boom(f"refused key {secret}")

    with traced() as (seen, exporter, _), pytest.raises(Boom):
        leaky()
    (span,) = exporter.get_finished_spans()
    (event,) = span.events
    failure = seen.record.failure
    assert span.attributes[names.ERROR_TYPE] == failure.error_type
    assert span.attributes[names.ATTR_FAILURE_CATEGORY] == failure.category
    assert span.attributes[names.ATTR_FAILURE_FINGERPRINT] == failure.fingerprint
    assert span.attributes[names.CODE_FUNCTION_NAME].endswith("leaky")
    assert not span.status.is_ok
    assert "leaky" in event.attributes[names.EXCEPTION_STACKTRACE]
    assert secret not in span.to_json() + str(seen.record)


def test_a_framework_that_a_user_named_holds_no_secret() -> None:
    """A parameter, a callable and ``set`` may carry what a user typed: attribute and record are redacted."""
    secret = "ghp_" + "a1B2c3D4e5F6" * 3

    @generation(framework="target")
    def by_name(target: str) -> None: ...

    @generation(framework=lambda given: given["target"])
    def by_callable(target: str) -> None: ...

    @generation
    def by_set(target: str) -> None:
        current_generation().set(framework=target)

    for build in (by_name, by_callable, by_set):
        for given in (secret, "x" * 40 + secret):
            with traced() as (seen, exporter, _):
                build(given)
            (span,) = exporter.get_finished_spans()
            assert secret[:24] not in span.to_json() + str(seen.record)
            assert span.attributes[names.ATTR_FRAMEWORK] == seen.record.framework


def test_content_and_pseudonym_only_when_asked() -> None:
    """Request and result go on spans only if the runtime says so, a pseudonym only with a key."""

    @generation
    def build(request: str, user_id: str) -> str:
        return "a page"

    for on in (False, True):
        with traced() as (_, exporter, _provider):
            recorder.active_runtime().content_on_spans = on
            recorder.active_runtime().pseudonym_key = "k" if on else None
            build("a shop", "ann")
        (span,) = exporter.get_finished_spans()
        assert ("a shop" in span.to_json()) is on
        assert ("a page" in span.to_json()) is on
        assert (names.ENDUSER_PSEUDO_ID in span.attributes) is on
        assert '"ann"' not in span.to_json()


# --- exactly once --------------------------------------------------------------------


class Raises(SpanProcessor):
    """A processor of somebody else that breaks."""

    def on_end(self, span: Any) -> None:
        raise RuntimeError("not ours")


@pytest.mark.parametrize("ratio", [0.0, 0.5, 1.0])
@pytest.mark.parametrize(
    "processors",
    [
        (),
        (ForeignFailureProcessor(),),
        (ForeignFailureProcessor(), ForeignFailureProcessor()),
        (Raises(), ForeignFailureProcessor()),
    ],
    ids=["absent", "once", "twice", "behind one that raises"],
)
def test_delivered_exactly_once(ratio: float, processors: tuple[SpanProcessor, ...]) -> None:
    """At any sampling ratio and with any processors, each generation is delivered once."""
    with traced(TraceIdRatioBased(ratio), *processors) as (seen, _, _provider):
        for number in range(20):
            if number % 2:
                with pytest.raises(Boom):
                    recorded(fail=True)
            else:
                assert recorded() == "done"
    assert len({r.generation_id for r in seen.records}) == len(seen.records) == 20
    assert sum(r.outcome == "failure" for r in seen.records) == 10


def test_delivered_after_the_provider_was_shut_down() -> None:
    """The application's tracing may be gone; generations still count."""
    with traced(None, ForeignFailureProcessor()) as (seen, _, provider):
        provider.shutdown()
        recorded()
    assert len(seen.records) == 1


def test_without_an_sdk_ids_are_none() -> None:
    """Against the bare API there is no trace id, and everything else works."""
    with capture(tracer_provider=NoOpTracerProvider()) as seen:
        recorded()
    assert (seen.record.trace_id, seen.record.span_id) == (None, None)
    assert len(seen.record.generation_id) == 32


def test_attributes_that_break_cost_only_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be put on the span loses neither span nor record."""

    @generation("named")
    def named(project_id: str) -> str:
        return "done"

    def breaks(_: Any) -> Any:
        raise RuntimeError("no attributes")

    monkeypatch.setattr("genmon_otel.recorder.generation.start_attributes", breaks)
    with traced() as (seen, exporter, _):
        assert named("shop") == "done"
    (span,) = exporter.get_finished_spans()
    assert (seen.record.project_id, span.name) == ("shop", "invoke_workflow named")


def test_a_tracer_that_breaks_costs_only_the_span() -> None:
    """A sampler that raises changes neither the call nor the count."""

    class Broken:
        def start_span(self, *_: Any, **__: Any) -> Any:
            raise RuntimeError("sampler")

    with capture() as seen:
        recorder.active_runtime().tracer = Broken()  # type: ignore[assignment]
        assert recorded() == "done"
    assert seen.record.outcome == "success"
    assert [s.name for s in seen.record.stages] == ["plan"]


def test_a_sink_and_metrics_that_raise_are_contained(caplog: pytest.LogCaptureFixture) -> None:
    """Whatever breaks inside us stays inside us, logged at most once a minute a place."""

    class BrokenSink(NullSink):
        def deliver(self, *_: Any, **__: Any) -> None:
            raise RuntimeError("sink")

    registry = CollectorRegistry()
    internal_errors._next_line.clear()
    with capture(metrics=PrometheusMetrics(registry)):
        recorder.active_runtime().sink = BrokenSink()
        with caplog.at_level(logging.WARNING, names.LOGGER):
            for _ in range(5):
                assert recorded() == "done"
    errors = registry.get_sample_value("genmon_internal_errors_total", {"where": "deliver"})
    assert errors == 5
    assert len(caplog.records) == 1


def test_without_set_up_decorators_are_harmless() -> None:
    """The default runtime counts and keeps nothing."""
    before = recorder.active_runtime()
    recorder.uninstall()
    try:
        assert recorded() == "done"
        with pytest.raises(Boom):
            recorded(fail=True)
    finally:
        recorder.install(before)


# --- metrics -----------------------------------------------------------------------------


@pytest.mark.parametrize("set_up_first", [True, False])
def test_series_are_there_at_zero(set_up_first: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """As soon as decoration and metrics both are, in whatever order, every series is at 0."""
    # Labels have room for a hundred operations; other tests of this process have decorated more.
    monkeypatch.setattr(recorder.runtime, "_operations", {})
    operation = f"zero_{set_up_first}"
    registry = CollectorRegistry()

    def decorate() -> None:
        generation(operation, framework="vue")(lambda: None)

    if not set_up_first:
        decorate()
    with capture(metrics=PrometheusMetrics(registry)):
        if set_up_first:
            decorate()
        labels = {"operation": operation, "framework": "vue"}
        for outcome in ("success", "failure", "cancelled", "rejected"):
            value = registry.get_sample_value(
                "genmon_generations_total", {**labels, "outcome": outcome}
            )
            assert value == 0


def test_counts() -> None:
    """Started, ended, failed and in progress add up; stages are timed."""
    registry = CollectorRegistry()
    with capture(metrics=PrometheusMetrics(registry)):
        recorded()
        with pytest.raises(Boom):
            recorded(fail=True)
    labels = {"operation": "recorded", "framework": "react"}
    for outcome in ("success", "failure"):
        assert (
            registry.get_sample_value("genmon_generations_total", {**labels, "outcome": outcome})
            == 1
        )
    assert registry.get_sample_value("genmon_records_started_total") is not None
    assert (
        registry.get_sample_value("genmon_generations_in_progress", {"operation": "recorded"}) == 0
    )
    stage = {"operation": "recorded", "phase": "plan", "outcome": "failure"}
    assert registry.get_sample_value("genmon_phase_duration_seconds_count", stage) == 1


def test_resources_are_measured_only_when_on() -> None:
    """CPU time and peak memory reach the metrics when the runtime says so."""
    import tracemalloc

    registry = CollectorRegistry()

    @generation("hungry")
    def hungry() -> int:
        return len(bytearray(3_000_000))

    with capture(metrics=PrometheusMetrics(registry, resources=True)):
        recorder.active_runtime().resources = True
        try:
            hungry()
        finally:
            tracemalloc.stop()
    peak = registry.get_sample_value(
        "genmon_generation_peak_memory_bytes_sum", {"operation": "hungry"}
    )
    assert peak is not None
    assert 3_000_000 <= peak < 6_000_000


# --- the record -----------------------------------------------------------------------


def test_time_and_ids_are_the_runtimes() -> None:
    """With a manual clock and sequential ids a record is the same each time."""
    clock = ManualClock()

    @generation("timed")
    def timed() -> None:
        with phase("wait"):
            clock.advance(2)
        clock.unix_s -= 3600  # the machine's clock jumps back

    with capture(clock=clock, new_id=sequential_ids()) as seen:
        timed()
    record = seen.record
    assert record.generation_id == f"{1:032x}"
    assert (record.duration_s, record.stages[0].duration_s) == (2, 2)
    assert record.ended_at == record.started_at + 2 - 3600


def test_generation_ids_are_unique_and_ordered() -> None:
    """Ids of 32 hex digits, different in threads, ordered by time."""
    found: list[str] = []

    def draw() -> None:
        found.extend(new_id() for _ in range(2_000))

    threads = [threading.Thread(target=draw) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 8_000
    assert {len(i) for i in found} == {32}
    first, second = new_id(), new_id()
    assert first[:16] <= second[:16]


def test_in_flight() -> None:
    """What runs is listed with its last step, and not afterwards."""
    listed: list[Any] = []
    seen: Captured

    @step("ask")
    def ask() -> None:
        listed.extend(seen.in_flight())

    @generation("running", framework="react")
    def running(user_id: str) -> None:
        with phase("plan"):
            ask()

    with capture() as seen:
        running("ann")
        assert list(seen.in_flight()) == []
    (note,) = listed
    assert (note.operation, note.framework, note.user_id) == ("running", "react", "ann")
    assert note.last_step == "ask"
    assert note.generation_id == seen.record.generation_id


def _in_child(queue: Any) -> None:
    with capture() as seen:
        recorded()
    queue.put([r.operation for r in seen.records])


def test_a_forked_child_leaves_its_parents_generations_alone() -> None:
    """A generation that was open at the fork is ended by the parent alone."""
    context = multiprocessing.get_context("fork")

    @generation("parent")
    def parent() -> Any:
        queue = context.Queue()
        child = context.Process(target=_in_child, args=(queue,))
        child.start()
        found = queue.get(timeout=30)
        child.join()
        return found

    with capture() as seen:
        assert parent() == ["recorded"], "the child's own call is an attempt of its own"
    assert [r.operation for r in seen.records] == ["parent"]


def test_a_stream_is_sampled_by_the_number_of_its_items() -> None:
    """Exhausted or cut off after complete(), a sample tells how many items there were."""

    @generation("counted", stream=True)
    def counted(kind: str) -> Any:
        if kind == "iterator":
            return iter([1, 2, 3])
        return (number for number in (1, 2, 3))

    @generation("cut")
    def cut() -> Any:
        yield 1
        current_generation().complete()
        yield 2
        yield 3

    with capture() as seen:
        list(counted("generator"))
        list(counted("iterator"))
        served = cut()
        next(served), next(served)
        served.close()
        assert [sample.shape["items"] for sample in seen.samples] == [3, 3, 2]
        assert {sample.shape["type"] for sample in seen.samples} == {"stream"}


def test_what_is_not_known_of_a_success_is_not_sampled() -> None:
    """A call that was cancelled after complete() succeeded, with a result nobody saw."""

    @generation("cancelled")
    def cancelled() -> None:
        current_generation().complete()
        raise asyncio.CancelledError

    with capture() as seen:
        with pytest.raises(asyncio.CancelledError):
            cancelled()
        assert seen.record.outcome is Outcome.SUCCESS
        assert seen.samples == []


def test_success_samples_are_few() -> None:
    """Shapes of results are taken three times at first, then once a minute."""
    clock = ManualClock()

    @generation("sampled")
    def sampled() -> dict[str, Any]:
        return {"files": ["a"], "notes": ""}

    with capture(clock=clock) as seen:
        for _ in range(10):
            sampled()
        assert len(seen.samples) == 3
        clock.advance(61)
        sampled()
        sampled()
    assert len(seen.samples) == 4
    assert seen.samples[0].shape["keys"] == ["files", "notes"]
    assert seen.samples[0].steps == ()


def test_donors_are_kept_from_the_first_failure_on() -> None:
    """Three successes after a failure give their step outcomes, then one an hour; none with donors off."""
    clock = ManualClock()

    @step("ask")
    def ask(prompt: str) -> str:
        return prompt.upper()

    @generation("donating")
    def donating(prompt: str) -> str:
        if prompt == "bad":
            raise ValueError(ask(prompt))
        return ask(prompt)

    with capture(clock=clock) as seen:
        for _ in range(5):
            donating("good")
        assert [len(sample.steps) for sample in seen.samples] == [0, 0, 0]
        with pytest.raises(ValueError):
            donating("bad")
        for _ in range(5):
            donating("good")
        assert [len(sample.steps) for sample in seen.samples] == [0, 0, 0, 1, 1, 1]
        assert [sample.asked for sample in seen.samples] == [("ask",)] * 6
        clock.advance(61)
        donating("good")
        assert len(seen.samples) == 6
        clock.advance(3600)
        donating("good")
        assert [len(sample.steps) for sample in seen.samples[6:]] == [1]

    with capture(clock=clock) as seen:
        recorder.active_runtime().donors = False
        with pytest.raises(ValueError):
            donating("bad")
        donating("good")
        assert [len(sample.steps) for sample in seen.samples] == [0]


def test_donors_with_capture_all() -> None:
    """With ``capture="all"`` a success keeps the outcomes of its steps."""

    @step("ask")
    def ask(prompt: str) -> str:
        return "answer"

    @generation("donor", capture="all")
    def donor() -> str:
        return ask("q")

    with capture() as seen:
        donor()
    (donated,) = seen.samples[0].steps
    assert (donated.name, donated.arguments, donated.outcome) == ("ask", {"prompt": "q"}, "answer")


def test_one_celery_task_is_one_strike(monkeypatch: pytest.MonkeyPatch) -> None:
    """Inside a Celery task the strike's key is the task's id, however often it is retried."""
    celery = pytest.importorskip("celery")
    app = celery.Celery("t", broker="memory://", backend="cache+memory://")
    app.conf.task_always_eager = True

    @app.task(bind=True)
    def job(self: Any) -> str:
        with pytest.raises(Boom):
            recorded(fail=True)
        return str(self.request.id)

    with capture() as seen:
        task_id = job.apply(task_id="task-1").get()
        with pytest.raises(Boom):
            recorded(fail=True)
    assert task_id == "task-1"
    assert [r.strike_key for r in seen.records] == ["task-1", None]


def test_celerys_hard_limit_is_no_user_who_left() -> None:
    """A worker that is stopped cancels its task; one whose task used up its time has failed."""
    celery = pytest.importorskip("celery")
    app = celery.Celery("t", broker="memory://", backend="cache+memory://")
    clock = ManualClock()

    def stop(*_: object) -> None:
        raise SystemExit(-241)  # what billiard's handler of SIGTERM does

    @step("ask")
    def ask(seconds: float) -> None:
        clock.advance(seconds)
        signal.raise_signal(signal.SIGTERM)

    @app.task(time_limit=20)
    @generation("job")
    def job(seconds: float) -> None:
        ask(seconds)

    before = signal.signal(signal.SIGTERM, stop)
    try:
        with capture(clock=clock) as seen:
            for seconds in (3, 20):
                with pytest.raises(SystemExit):
                    job.apply((seconds,))
            with pytest.raises(SystemExit):
                generation("job")(ask)(20)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert [record.outcome for record in seen.records] == ["cancelled", "failure", "cancelled"]
    failure = seen.records[1].failure
    assert failure is not None
    assert (failure.category, failure.stage) == ("ai_timeout", "ask")


def test_stages_from_many_tasks_and_threads() -> None:
    """Stages opened in tasks and threads that were given the context all end up in the record."""
    import contextvars

    @step("work")
    def work(number: int) -> int:
        with phase("inner"):
            return number

    async def task(number: int) -> None:
        with phase("task"):
            await asyncio.to_thread(work, number)

    @generation("busy")
    async def busy() -> None:
        await asyncio.gather(*(task(number) for number in range(20)))
        context = contextvars.copy_context()
        thread = threading.Thread(target=context.run, args=(work, 99))
        thread.start()
        thread.join()
        await asyncio.get_running_loop().run_in_executor(None, work, 100)

    with capture() as seen:
        asyncio.run(busy())
    found = [stage.name for stage in seen.record.stages]
    assert (found.count("task"), found.count("work"), found.count("inner")) == (20, 21, 21)


def test_a_million_stages_do_not_fill_the_memory() -> None:
    """Stages beyond a thousand are timed but not kept."""

    @generation("many")
    def many() -> None:
        for _ in range(1_500):
            with phase("p"):
                pass

    with capture() as seen:
        many()
    assert len(seen.record.stages) == 1_000


def test_current_generation_after_the_end_is_harmless() -> None:
    """A handle kept too long changes nothing any more."""
    with capture() as seen:
        with generation("kept") as handle:
            assert current_generation() is handle
        handle.set(file_count=9)
        handle.complete()
    assert seen.record.file_count is None


def test_the_line_of_a_failure(caplog: pytest.LogCaptureFixture) -> None:
    """Each failure logs one line with handle, operation, category and stage."""
    bare = NoOpTracerProvider()  # whatever another test made the global one
    with (
        capture(tracer_provider=bare) as seen,
        caplog.at_level(logging.ERROR, names.LOGGER),
        pytest.raises(Boom),
    ):
        recorded(fail=True)
    (line,) = [r.getMessage() for r in caplog.records]
    assert seen.record.failure is not None
    assert line.startswith("genmon failure F-")
    assert f" recorded {seen.record.failure.category} at plan trace=-" in line


def test_nothing_waits_for_the_garbage_collector() -> None:
    """A generation that ended is freed at once: no cycle is left, neither on success nor failure."""
    import gc
    import weakref

    alive: list[Any] = []

    @generation("freed")
    def freed(fail: bool) -> None:
        alive.append(weakref.ref(current_generation()))
        with phase("plan"), step("ask"):
            if fail:
                raise Boom

    with capture():
        gc.collect()
        gc.disable()
        try:
            freed(False)
            with pytest.raises(Boom):
                freed(True)
            assert [reference() for reference in alive] == [None, None]
        finally:
            gc.enable()


def test_a_generation_that_returns_in_both_processes_is_counted_by_the_parent() -> None:
    """After a bare ``os.fork`` inside a generation the child's way out counts nothing."""
    reader, writer = os.pipe()

    @generation("forks")
    def forks() -> int:
        return os.fork()

    with capture() as seen:
        child = forks()
        if child == 0:
            os.write(writer, str(len(seen.records)).encode())
            os._exit(0)
        os.waitpid(child, 0)
        assert os.read(reader, 10) == b"0"
    assert [r.operation for r in seen.records] == ["forks"]
    os.close(reader)
    os.close(writer)


def test_a_phase_left_in_another_task_gives_way_to_what_was_around_it() -> None:
    """Opened while one task asked for an item and left while another did: no later child is its."""

    @generation("crossed")
    async def crossed() -> Any:
        with phase("first"):
            yield 1
        with phase("second"):
            yield 2

    async def main() -> None:
        items = crossed()
        for expected in (1, 2, None):
            assert await asyncio.create_task(anext(items, None)) == expected  # type: ignore[arg-type]

    with traced() as (_, exporter, _provider):
        asyncio.run(main())
    spans = {span.name: span for span in exporter.get_finished_spans()}
    root = spans["invoke_workflow crossed"].context.span_id
    assert spans["first"].parent.span_id == root
    assert spans["second"].parent.span_id == root


# --- content ----------------------------------------------------------------------


class Files(pydantic.BaseModel):
    """What a model is asked to answer with."""

    files: list[int]


PROMPT = "a shop for hand-made kites with a cart"
ANSWER = '{"files": "confidential kite patterns of the north"}'


@step
def ask_model(prompt: str) -> str:
    """Answer."""
    return ANSWER


def _validate() -> None:
    Files.model_validate_json(ask_model(PROMPT))


def _quote_all() -> None:
    raise Boom(f"no answer to {PROMPT!r}: {ask_model(PROMPT)}")


def _quote_much() -> None:
    raise Boom(f"too long: {PROMPT * 40}")


def _quote_a_line() -> None:
    compile("def kite(:", "<answer>", "exec")


@pytest.mark.parametrize("quote", [_validate, _quote_all, _quote_much, _quote_a_line])
@pytest.mark.parametrize("on", [False, True])
def test_errors_quote_no_content_on_spans(quote: Any, on: bool) -> None:
    """Neither request nor answers reach the span in an error's words; the record keeps them."""

    @generation("quoting")
    def build(request: str, code: str) -> None:
        quote()

    with traced() as (seen, exporter, _):
        recorder.active_runtime().content_on_spans = on
        with pytest.raises(Exception):
            build(PROMPT, "def kite(:")
    root = exporter.get_finished_spans()[-1]
    (event,) = root.events
    quoted = ("kite patterns", "hand-made", "a shop", "def kite(:")
    shown = [
        root.status.description,
        event.attributes[names.EXCEPTION_MESSAGE],
        event.attributes[names.EXCEPTION_STACKTRACE],
    ]
    told = [word for word in quoted if any(word in text for text in shown)]
    assert bool(told) is on, shown
    assert ("<content>" in str(shown)) is not on
    failure = seen.record.failure
    assert any(word in failure.error_message + failure.stack_trace for word in quoted)


def test_both_ends_of_a_long_content_are_kept_off_spans() -> None:
    """Of a request that is too long to compare as a whole, what errors quote of either end is hidden."""
    request = "".join(f"{number} sheep went over the hill. " for number in range(8_000))

    @generation("counting")
    def build(request: str) -> None:
        raise Boom(f"cannot count {request[:200]} and {request[-200:]}")

    with traced() as (_, exporter, _provider), pytest.raises(Boom):
        build(request)
    (event,) = exporter.get_finished_spans()[-1].events
    shown = str(event.attributes[names.EXCEPTION_MESSAGE])
    assert "cannot count" in shown
    assert "sheep" not in shown


def test_a_refused_result_is_not_shown_on_the_span() -> None:
    """A result that does not say why it failed is content; one that says so gives its reason."""
    for result, description in (
        ({"page": "kites"}, "<content>"),
        ({"error": "out of kites"}, "out of kites"),
    ):

        @generation("refusing", failure_if=bool)
        def build(made: Any = result) -> Any:
            return made

        with traced() as (_, exporter, _provider):
            build()
        assert exporter.get_finished_spans()[-1].status.description == description


def test_hiding_content_takes_bounded_time() -> None:
    """Texts that are alike everywhere cost no more than any other."""
    contents = ["a" * 65_000 + "b", "ab" * 30_000, " " * 60_000]
    begun = time.thread_time()
    assert hide("ab" * 2_000 + "a" * 500, Contents(contents)) == "<content>"
    assert time.thread_time() - begun < 5


def test_error_types_have_one_form() -> None:
    """A step's span and its generation's name an exception alike: qualified, built-in ones bare."""
    for error, name in ((Boom("x"), f"{__name__}.Boom"), (KeyError("x"), "KeyError")):

        @generation("alike")
        def build(error: BaseException = error) -> None:
            with step("call"):
                raise error

        with traced() as (_, exporter, _provider), pytest.raises(type(error)):
            build()
        types = [span.attributes[names.ERROR_TYPE] for span in exporter.get_finished_spans()]
        assert types == [name, name]
