"""One product's decorated call against a bare span, in a process with only that product.

    python peer_call.py NAME [ROUNDS]

Run by :mod:`benchmarks.peers` with the Python of the product's own environment, so
it imports nothing of ours but for ``genmon`` itself. Exporters drop what they get and
nothing leaves the process. Prints one line of JSON.
"""

from __future__ import annotations

import gc
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from inspect import signature
from typing import Any

for variable, value in {
    "LANGSMITH_TRACING": "true", "LANGSMITH_API_KEY": "none",
    "LANGSMITH_ENDPOINT": "http://127.0.0.1:9", "TRACELOOP_TELEMETRY": "false",
    "TRACELOOP_TRACE_CONTENT": "true", "ANONYMIZED_TELEMETRY": "false", "DO_NOT_TRACK": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "LOGFIRE_SEND_TO_LOGFIRE": "false", "OTEL_METRICS_EXPORTER": "none",
    "OTEL_LOGS_EXPORTER": "none", "OTEL_TRACES_EXPORTER": "none",
}.items():  # fmt: skip
    os.environ[variable] = value

from opentelemetry.sdk.trace import TracerProvider  # noqa: E402
from opentelemetry.sdk.trace.export import (  # noqa: E402
    BatchSpanProcessor,
    SpanExporter,
    SpanExportResult,
)

Call = Callable[[str], str]
CALLS = 200
ATTRIBUTES = {"gen_ai.operation.name": "invoke_workflow", "gen_ai.workflow.name": "build"}


class Drop(SpanExporter):
    """An exporter that takes no time."""

    def export(self, spans: Any) -> SpanExportResult:
        return SpanExportResult.SUCCESS


def provider() -> TracerProvider:
    """A provider that exports to nowhere."""
    made = TracerProvider()
    made.add_span_processor(BatchSpanProcessor(Drop()))
    return made


def build(request: str) -> str:
    """What is decorated: it succeeds, or fails one frame down."""
    if request == "fail":
        raise ValueError("model returned no files for request 8841")
    return request


# --- the products; each imports its own, and returns its decorated call


def hand_written() -> Call:
    """A span, a counter and a histogram, by hand."""
    from prometheus_client import CollectorRegistry, Counter, Histogram

    registry = CollectorRegistry()
    count = Counter("generations", "x", ["operation", "framework", "outcome"], registry=registry)
    taken = Histogram("seconds", "x", ["operation", "framework", "outcome"], registry=registry)
    tracer = provider().get_tracer("hand")

    def call(request: str) -> str:
        started, outcome = time.perf_counter(), "success"
        try:
            with tracer.start_as_current_span("build", attributes=ATTRIBUTES):
                return build(request)
        except BaseException:
            outcome = "failure"
            raise
        finally:
            count.labels("build", "react", outcome).inc()
            taken.labels("build", "react", outcome).observe(time.perf_counter() - started)

    return call


def genmon() -> Call:
    """Ours, everything on, as ``setup()`` makes it: a writer, a SQLite store, the journal."""
    import logging
    import tempfile

    from prometheus_client import CollectorRegistry

    from genmon_otel import conventions, generation, setup

    logging.getLogger(conventions.LOGGER).setLevel(logging.CRITICAL)
    folder = tempfile.mkdtemp(prefix="genmon-bench-")
    setup(
        store=f"sqlite:///{folder}/genmon.db",
        journal_dir=folder,
        registry=CollectorRegistry(),
        tracer_provider=provider(),
        code_version="1",
    )
    made: Call = generation("build", framework="react")(build)
    return made


def langfuse() -> Call:
    """``@observe``, its client on a provider of ours."""
    from langfuse import Langfuse, observe

    Langfuse(
        public_key="pk", secret_key="sk", base_url="http://127.0.0.1:9", tracer_provider=provider(),
        span_exporter=Drop(), flush_interval=3600, flush_at=512,
    )  # fmt: skip
    made: Call = observe(name="build")(build)
    return made


def logfire() -> Call:
    """``@logfire.instrument``."""
    import logfire as product

    product.configure(
        send_to_logfire=False, console=False, metrics=False,
        additional_span_processors=[BatchSpanProcessor(Drop())],
    )  # fmt: skip
    made: Call = product.instrument("build")(build)
    return made


def traceloop() -> Call:
    """``@workflow``."""
    from traceloop.sdk import Traceloop
    from traceloop.sdk.decorators import workflow

    Traceloop.init(app_name="bench", exporter=Drop(), disable_batch=False, telemetry_enabled=False)
    made: Call = workflow(name="build")(build)
    return made


def openinference() -> Call:
    """``@tracer.chain``."""
    from openinference.instrumentation import OITracer, TraceConfig

    tracer = OITracer(provider().get_tracer("bench"), config=TraceConfig())
    made: Call = tracer.chain(build)
    return made


def openlit() -> Call:
    """``@openlit.trace``, on a provider of ours."""
    import openlit as product
    from opentelemetry import trace

    ours = provider()
    trace.set_tracer_provider(ours)
    # What it is called differs between versions.
    named = {"otel_tracer", "tracer"} & set(signature(product.init).parameters)
    product.init(**dict.fromkeys(named, ours.get_tracer("bench")), disable_metrics=True)
    made: Call = product.trace(build)
    return made


def mlflow() -> Call:
    """``@mlflow.trace``, to an OTLP endpoint that is not there."""
    import tempfile

    import mlflow as product
    from mlflow.tracing.provider import trace_disabled  # noqa: F401 - fails early where it moved

    os.environ["MLFLOW_ENABLE_ASYNC_TRACE_LOGGING"] = "true"
    product.set_tracking_uri(f"file:{tempfile.mkdtemp()}")
    made: Call = product.trace(build)
    return made


def langsmith() -> Call:
    """``@traceable``, to a client whose session goes nowhere."""
    from langsmith import Client, traceable

    class Nowhere:
        """Takes every request and answers nothing."""

        headers: dict[str, str] = {}

        def request(self, *args: Any, **kwargs: Any) -> Any:
            import requests

            answer = requests.Response()
            answer.status_code, answer._content = 202, b"{}"
            return answer

        def mount(self, *args: Any) -> None:
            pass

        def close(self) -> None:
            pass

    client = Client(api_key="none", api_url="http://127.0.0.1:9", session=Nowhere(), info={})
    made: Call = traceable(name="build", client=client)(build)
    return made


def sentry() -> Call:
    """``@sentry_sdk.trace`` within a transaction, every one sampled; failures captured."""
    import sentry_sdk
    from sentry_sdk.transport import Transport

    class Nowhere(Transport):
        def capture_envelope(self, envelope: Any) -> None:
            pass

    sentry_sdk.init(
        dsn="http://key@127.0.0.1:9/1", transport=Nowhere, traces_sample_rate=1.0,
        default_integrations=False,
    )  # fmt: skip

    def call(request: str) -> str:
        with sentry_sdk.start_transaction(name="build", op="function"):
            try:
                return build(request)
            except BaseException as error:
                sentry_sdk.capture_exception(error)
                raise

    return call


PRODUCTS: dict[str, Callable[[], Call]] = {
    made.__name__: made
    for made in (hand_written, genmon, langfuse, logfire, traceloop, openinference, openlit,
                 mlflow, langsmith, sentry)
}  # fmt: skip


def seconds(call: Call, request: str) -> float:
    """CPU time of one call in this thread."""
    started = time.thread_time()
    for _ in range(CALLS):
        try:
            call(request)
        except ValueError:
            pass
    return (time.thread_time() - started) / CALLS


def main(name: str, rounds: int) -> None:
    """Measure, in turns, and print."""
    tracer = provider().get_tracer("bare")

    def bare(request: str) -> str:
        with tracer.start_as_current_span("invoke_workflow build", attributes=ATTRIBUTES):
            return build(request)

    made = PRODUCTS[name]()
    found: dict[str, float] = {}
    for kind in ("success", "fail"):
        pairs = []
        seconds(bare, kind), seconds(made, kind)
        for _ in range(rounds):
            gc.collect()
            pairs.append((seconds(bare, kind), seconds(made, kind)))
        found[f"{kind}_us"] = statistics.median(ours for _, ours in pairs) * 1e6
        found[f"{kind}_ratio"] = statistics.median(ours / base for base, ours in pairs)
    print(json.dumps(found), flush=True)
    os._exit(0)  # what a product still wants to send at exit goes nowhere anyway


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 30)
