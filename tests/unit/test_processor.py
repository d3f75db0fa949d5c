"""The span processor: each generation is delivered exactly once, whatever OpenTelemetry does."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ParentBased, TraceIdRatioBased

from genmon_otel import conventions as names
from genmon_otel import failure_log, generation, phase, recorder, step
from genmon_otel.processor import ForeignFailureProcessor
from genmon_otel.processor.bounded_set import BoundedSet
from genmon_otel.records import Outcome
from genmon_otel.testing import Captured, capture
from genmon_otel.wiring.zero_code import RecordGenerations


@step
def call_model(prompt: str) -> str:
    return prompt.upper()


@generation(name="build_app")
def build_app(request: str) -> str:
    with phase("plan"):
        call_model(request)
    if "fail" in request:
        raise ValueError(f"cannot do {request}")
    return request


def run(times: int = 20) -> None:
    """Half of them fail."""
    for number in range(times):
        try:
            build_app("fail" if number % 2 else "fine")
        except ValueError:
            pass


def exactly(seen: Captured, times: int = 20) -> None:
    """Every one was delivered once, with its stages, half of them as failures."""
    assert len(seen.records) == len({record.generation_id for record in seen.records}) == times
    assert sum(record.outcome is Outcome.FAILURE for record in seen.records) == times // 2
    for record in seen.records:
        assert [stage.name for stage in record.stages] == ["plan", "call_model"]


class Raises(SpanProcessor):
    """A processor with a bug in its ``on_end``."""

    def on_end(self, span: ReadableSpan) -> None:
        raise RuntimeError("a bug of somebody else's")


def provider(*processors: SpanProcessor, **options: Any) -> TracerProvider:
    made = TracerProvider(shutdown_on_exit=False, **options)
    for processor in processors:
        made.add_span_processor(processor)
    return made


PROVIDERS: dict[str, Callable[[], trace.TracerProvider]] = {
    "sampled 100 %": lambda: provider(ForeignFailureProcessor()),
    "sampled 10 %": lambda: provider(
        ForeignFailureProcessor(), sampler=ParentBased(TraceIdRatioBased(0.1))
    ),
    "sampled 0 %": lambda: provider(ForeignFailureProcessor(), sampler=ALWAYS_OFF),
    "recorded at 0 %": lambda: provider(
        ForeignFailureProcessor(), sampler=RecordGenerations(ALWAYS_OFF)
    ),
    "no processor": provider,
    "twice": lambda: provider(ForeignFailureProcessor(), ForeignFailureProcessor()),
    "the same one twice": lambda: provider(*[ForeignFailureProcessor()] * 2),
    "behind one that raises": lambda: provider(Raises(), ForeignFailureProcessor()),
    "before one that raises": lambda: provider(ForeignFailureProcessor(), Raises()),
    "no SDK": trace.NoOpTracerProvider,
    "a proxy": trace.ProxyTracerProvider,
}


@pytest.mark.parametrize("make", PROVIDERS.values(), ids=PROVIDERS)
def test_exactly_once(make: Callable[[], trace.TracerProvider]) -> None:
    """Every generation is delivered once, with all its stages, under any provider."""
    with capture(tracer_provider=make()) as seen:
        run()
    exactly(seen)


def test_exactly_once_after_the_provider_was_shut_down() -> None:
    """A provider that the application stops under us changes nothing."""
    made = provider(ForeignFailureProcessor())
    with capture(tracer_provider=made) as seen:
        run(10)
        made.shutdown()
        run(10)
    exactly(seen)


def test_exactly_once_when_the_body_seeds_the_random_numbers() -> None:
    """Trace and span ids that repeat do not merge generations, nor foreign failures into them."""
    made = provider(ForeignFailureProcessor())

    @generation(name="seeded")
    def seeded() -> None:
        random.seed(7)

    with capture(tracer_provider=made) as seen:
        for _ in range(10):
            seeded()
    assert len(seen.records) == 10


def test_exactly_once_in_threads() -> None:
    """Eight threads under one provider with two processors deliver each generation once."""
    made = provider(ForeignFailureProcessor(), ForeignFailureProcessor())
    with capture(tracer_provider=made) as seen:
        threads = [threading.Thread(target=run, args=(50,)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    exactly(seen, 400)


def test_delivered_before_the_span_ends() -> None:
    """No processor of anybody's keeps a record waiting, however slow it is."""
    seen_then: list[int] = []

    class Looks(SpanProcessor):
        def on_end(self, span: ReadableSpan) -> None:
            if names.ATTR_OUTCOME in (span.attributes or {}):
                seen_then.append(len(seen.records))

    with capture(tracer_provider=provider(Looks(), ForeignFailureProcessor())) as seen:
        run(2)
    assert seen_then == [1, 2]


# --- hooks never raise --------------------------------------------------------------


class Hostile:
    """Whatever is asked of it, it raises."""

    @property
    def attributes(self) -> Any:
        raise RuntimeError

    instrumentation_scope = attributes


@pytest.mark.parametrize("span", [None, Hostile(), object()], ids=["none", "hostile", "other"])
def test_no_hook_raises(span: Any) -> None:
    """Spans of a broken SDK are passed over."""
    processor = ForeignFailureProcessor()
    processor.on_start(span)
    processor.on_end(span)
    processor._on_ending(span)
    processor.shutdown()


def test_a_sink_that_breaks_is_kept_from_the_application() -> None:
    """Neither an own generation nor a foreign failure surfaces what the sink raised."""
    made = provider(ForeignFailureProcessor())

    class Broken(Captured):
        def deliver(self, *args: Any, **kwargs: Any) -> None:
            raise OSError("no space left")

    with capture(tracer_provider=made):
        recorder.active_runtime().sink = Broken()
        assert build_app("fine") == "fine"
        with made.get_tracer("theirs").start_as_current_span(
            "agent", attributes={names.GEN_AI_OPERATION_NAME: "invoke_agent"}
        ) as span:
            span.set_status(trace.StatusCode.ERROR)


def test_flushing_waits_for_the_sink_but_not_for_long() -> None:
    """``force_flush`` asks the sink, for five seconds at most."""
    asked: list[float] = []

    class Slow(Captured):
        def flush(self, timeout_s: float) -> bool:
            asked.append(timeout_s)
            return False

    with capture(tracer_provider=provider(ForeignFailureProcessor())):
        recorder.active_runtime().sink = Slow()
        assert ForeignFailureProcessor().force_flush(30_000) is False
        assert ForeignFailureProcessor().force_flush(1_000) is False
    assert asked == [5.0, 1.0]


# --- foreign spans --------------------------------------------------------------------


@pytest.fixture
def made() -> TracerProvider:
    return provider(ForeignFailureProcessor())


@pytest.fixture
def tracer(made: TracerProvider) -> trace.Tracer:
    return made.get_tracer("somebody.elses.instrumentation")


@pytest.fixture
def seen(made: TracerProvider) -> Iterator[Captured]:
    with capture(tracer_provider=made) as captured:
        yield captured


def fail(tracer: trace.Tracer, name: str = "agent", **attributes: Any) -> None:
    """A span of another instrumentation that ends with an error."""
    attributes = attributes or {names.GEN_AI_OPERATION_NAME: "invoke_agent"}
    with pytest.raises(ConnectionError), tracer.start_as_current_span(name, attributes=attributes):
        raise ConnectionError("the model does not answer")


ROOTS: dict[str, dict[str, str]] = {
    "OpenTelemetry workflow": {names.GEN_AI_OPERATION_NAME: "invoke_workflow"},
    "OpenTelemetry agent": {names.GEN_AI_OPERATION_NAME: "invoke_agent"},
    "OpenTelemetry chat": {names.GEN_AI_OPERATION_NAME: "chat"},
    "OpenInference chain": {"openinference.span.kind": "CHAIN"},
    "OpenInference agent": {"openinference.span.kind": "AGENT"},
    "OpenLLMetry workflow": {"traceloop.span.kind": "workflow"},
    "Langfuse observation": {"langfuse.observation.type": "span"},
    "LangSmith chain": {"langsmith.span.kind": "chain"},
    "MLflow, in JSON": {"mlflow.spanType": '"AGENT"'},
}


@pytest.mark.parametrize("attributes", ROOTS.values(), ids=ROOTS)
def test_a_foreign_failure_is_classified_and_kept(
    tracer: trace.Tracer, seen: Captured, attributes: dict[str, str]
) -> None:
    """The failed root of any of the known instrumentations leaves one classified record."""
    fail(tracer, **attributes)
    failure = seen.record.failure
    assert failure is not None
    assert failure.origin == "foreign_span"
    assert failure.category == "provider_error"
    assert failure.error_type == "ConnectionError"
    assert failure.error_message == "the model does not answer"
    assert failure.function == "fail"
    assert failure.file == __file__
    assert failure.fingerprint.startswith("v2:")
    assert seen.record.outcome is Outcome.FAILURE
    assert seen.record.trace_id
    assert seen.recordings == []


def test_alike_foreign_failures_share_a_fingerprint(tracer: trace.Tracer, seen: Captured) -> None:
    """The same failure of the same agent is one failure; another agent's is another."""
    fail(tracer, "planner")
    fail(tracer, "planner")
    fail(tracer, "coder")
    one, same, other = (record.failure.fingerprint for record in seen.records if record.failure)
    assert one == same != other


def test_a_foreign_failure_has_a_name_and_a_user(tracer: trace.Tracer, seen: Captured) -> None:
    """The agent's name is the operation, and who was hit is kept."""
    attributes = {
        names.GEN_AI_OPERATION_NAME: "invoke_agent",
        names.GEN_AI_AGENT_NAME: "planner",
        "user.id": "u-7",
    }
    fail(tracer, "invoke_agent planner", **attributes)
    assert seen.record.operation == "planner"
    assert seen.record.user_id == "u-7"


def test_only_the_root_of_a_foreign_tree_counts(tracer: trace.Tracer, seen: Captured) -> None:
    """A chain, its agent and its chat all failing of one error are one failure, the chain's."""
    chain, chat = {"openinference.span.kind": "CHAIN"}, {"openinference.span.kind": "LLM"}
    with (
        pytest.raises(ConnectionError),
        tracer.start_as_current_span("GET /"),
        tracer.start_as_current_span("chain", attributes=chain),
        tracer.start_as_current_span("plain"),
        tracer.start_as_current_span("chat", attributes=chat),
    ):
        raise ConnectionError("gone")
    assert seen.record.operation == "chain"


def test_foreign_spans_inside_a_generation_are_ignored(
    tracer: trace.Tracer, seen: Captured
) -> None:
    """Under a generation of ours its record tells the failure, and nothing else does."""

    @generation(name="outer")
    def outer() -> None:
        with tracer.start_as_current_span("middle"):
            fail(tracer)
        raise ValueError("no model")

    with pytest.raises(ValueError, match="no model"):
        outer()
    assert seen.record.operation == "outer"


def test_foreign_spans_under_a_phase_in_a_bare_thread_are_ignored(
    tracer: trace.Tracer, seen: Captured
) -> None:
    """A span given its parent by hand, in a thread that knows nothing of us, is still inside."""

    @generation(name="outer")
    def outer() -> None:
        with phase("plan"):
            context = trace.set_span_in_context(trace.get_current_span())

        def work() -> None:
            span = tracer.start_span(
                "agent", context, attributes={names.GEN_AI_OPERATION_NAME: "invoke_agent"}
            )
            span.set_status(trace.StatusCode.ERROR, "broken")
            span.end()

        thread = threading.Thread(target=work)
        thread.start()
        thread.join()

    outer()
    assert seen.record.outcome is Outcome.SUCCESS


def test_a_foreign_root_around_a_failed_generation_is_not_told_twice(
    tracer: trace.Tracer, seen: Captured
) -> None:
    """An agent that fails because the generation in it failed is the generation's failure."""
    with (
        pytest.raises(ValueError, match="cannot do fail"),
        tracer.start_as_current_span(
            "agent", attributes={names.GEN_AI_OPERATION_NAME: "invoke_agent"}
        ),
    ):
        build_app("fail")
    assert seen.record.operation == "build_app"


@pytest.mark.parametrize(
    "attributes",
    [
        {},
        {"http.request.method": "GET"},
        {names.GEN_AI_OPERATION_NAME: "execute_tool"},
        {names.GEN_AI_OPERATION_NAME: "embeddings"},
        {"openinference.span.kind": "TOOL"},
    ],
)
def test_errors_that_are_no_generations_are_not_kept(
    tracer: trace.Tracer, seen: Captured, attributes: dict[str, str]
) -> None:
    """A failed request, tool or embedding is nobody's generation."""
    with pytest.raises(ConnectionError), tracer.start_as_current_span("x", attributes=attributes):
        raise ConnectionError
    assert seen.records == []


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_somebody_leaving_is_no_foreign_failure(
    tracer: trace.Tracer, seen: Captured, kind: type[BaseException]
) -> None:
    """Interrupts and cancellations are not failures, whatever the status says."""
    span = tracer.start_span("agent", attributes={names.GEN_AI_OPERATION_NAME: "invoke_agent"})
    span.record_exception(kind())
    span.set_status(trace.StatusCode.ERROR)
    span.end()
    assert seen.records == []


def test_a_foreign_success_is_not_kept(tracer: trace.Tracer, seen: Captured) -> None:
    """Foreign spans are never attempts."""
    with tracer.start_as_current_span(
        "agent", attributes={names.GEN_AI_OPERATION_NAME: "invoke_agent"}
    ):
        pass
    assert seen.records == []


def test_an_error_without_an_exception_is_told_by_its_status(
    tracer: trace.Tracer, seen: Captured
) -> None:
    """Where no exception event is, error.type and the status description decide."""
    span = tracer.start_span(
        "chat gpt",
        attributes={names.GEN_AI_OPERATION_NAME: "chat", names.ERROR_TYPE: "429"},
    )
    span.set_status(trace.StatusCode.ERROR, "Rate limit reached for requests")
    span.end()
    assert seen.record.failure is not None
    assert seen.record.failure.category == "rate_limit"


def test_langfuse_says_error_by_a_level(tracer: trace.Tracer, seen: Captured) -> None:
    """Langfuse leaves the status unset and sets a level and a message."""
    attributes = {
        "langfuse.observation.type": "agent",
        names.LANGFUSE_LEVEL: "ERROR",
        names.LANGFUSE_STATUS_MESSAGE: "Request timed out.",
    }
    tracer.start_span("run", attributes=attributes).end()
    assert seen.record.failure is not None
    assert seen.record.failure.category == "ai_timeout"


def test_a_foreign_failure_is_told_once_by_two_processors() -> None:
    """The processor added twice keeps a foreign failure once."""
    made = provider(ForeignFailureProcessor(), ForeignFailureProcessor())
    with capture(tracer_provider=made) as seen:
        fail(made.get_tracer("theirs"))
    assert len(seen.records) == 1


def test_names_of_foreign_failures_are_redacted(tracer: trace.Tracer, seen: Captured) -> None:
    """Neither the span's name nor the type that it states brings a secret into the record."""
    secret = "ghp_Rt6Yu8Io0Pa2Sd4Fg6Hj8Kl0Zx2Cv4Bn6Mq1"
    span = tracer.start_span(
        f"invoke_agent {secret}",
        attributes={"gen_ai.operation.name": "invoke_agent", "error.type": f"refused {secret}"},
    )
    span.set_status(trace.Status(trace.StatusCode.ERROR, "no"))
    span.end()
    (record,) = seen.records
    assert record.operation.startswith("invoke_agent ghp_redacted")
    assert record.failure is not None
    assert record.failure.error_type.startswith("refused ghp_redacted")


def test_foreign_failures_are_redacted_and_bounded(tracer: trace.Tracer, seen: Captured) -> None:
    """Secrets and megabytes in somebody else's span do not reach the record."""
    secret = "sk-proj-abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGH"
    span = tracer.start_span("chat", attributes={names.GEN_AI_OPERATION_NAME: "chat"})
    span.add_event(
        names.EXCEPTION_EVENT,
        {
            names.EXCEPTION_TYPE: "ValueError",
            names.EXCEPTION_MESSAGE: f"refused {secret} " + "x" * 5_000_000,
            names.EXCEPTION_STACKTRACE: f"{secret} " + "y\n" * 2_000_000,
        },
    )
    span.set_status(trace.StatusCode.ERROR)
    span.end()
    failure = seen.record.failure
    assert failure is not None
    assert secret not in repr(seen.record)
    assert len(failure.error_message) <= 2_000
    assert len(failure.stack_trace) <= 16_000


def test_memory_of_spans_is_bounded() -> None:
    """Spans that never end are forgotten, oldest first."""
    spans: BoundedSet[tuple[int, int]] = BoundedSet()
    for number in range(25_000):
        assert spans.add((1, number))
    assert not spans.add((1, 24_999))
    assert spans.pop((1, 24_999))
    assert not spans.pop((1, 24_999))
    assert not spans.pop((1, 0))
    assert len(spans._keys) < 10_001


def test_nothing_is_kept_without_setup(
    tracer: trace.Tracer, made: TracerProvider, caplog: pytest.LogCaptureFixture
) -> None:
    """Without setup a foreign failure is logged, not kept, and no error of ours is."""
    fail(tracer)
    assert [record.msg for record in caplog.records] == [failure_log._LINE]
