"""Spans of other instrumentations for the same calls of models: ours stands back, whatever way they make theirs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import httpx2
import openai
import pytest
import wrapt
from integration.capture_server import Server
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind

from genmon_otel import generation
from genmon_otel.processor import ForeignFailureProcessor
from genmon_otel.testing import capture

pytestmark = pytest.mark.usefixtures("installed")

#: As OpenLLMetry's instrumentations say at the start of a span.
LLM = {"llm.request.type": "chat"}


class OpenInferenceSpan(wrapt.ObjectProxy[Any]):
    """As OpenInference's: its kind becomes an attribute when it ends."""

    def __init__(self, span: Any) -> None:
        super().__init__(span)
        self._self_important_attributes = {"openinference.span.kind": "LLM"}


def ask(url: str, text: str = "hi", **more: Any) -> Any:
    client = openai.OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=more.pop("tries", 0))
    messages: Any = [{"role": "user", "content": text}]
    return client.chat.completions.create(model="m", messages=messages, **more)


def spans_of(do: Callable[[Any], Any], scope: str = "others") -> list[str]:
    """Names of the spans below a generation that does something with a tracer of another's."""
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(ForeignFailureProcessor())
    provider.add_span_processor(SimpleSpanProcessor(exporter))

    @generation(name="op")
    def op() -> None:
        do(provider.get_tracer(scope))

    with capture(tracer_provider=provider):
        op()
    return [s.name for s in exporter.get_finished_spans() if s.name != "invoke_workflow op"]


def test_a_span_that_is_not_current(server: Server) -> None:
    """It stands for every attempt of its call, and for no other call, though it be left open."""

    def do(tracer: Any) -> None:
        theirs = tracer.start_span("theirs", kind=SpanKind.CLIENT, attributes=LLM)
        with pytest.raises(openai.RateLimitError):
            ask(server.url, "RATE", tries=2)
        ask(server.url, "another call")
        theirs.end()

    asked = len(server.asked)
    assert spans_of(do) == ["chat m", "theirs"]
    assert len(server.asked) == asked + 4


def test_a_stream_s_span_that_is_not_current(server: Server) -> None:
    """One that ends after its stream has; a call after it has a span of ours."""

    def do(tracer: Any) -> None:
        theirs = tracer.start_span("theirs", attributes=LLM)
        list(ask(server.url, stream=True))
        theirs.end()
        ask(server.url)

    assert spans_of(do) == ["theirs", "chat m"]


def test_spans_of_http_and_of_tools_between(server: Server) -> None:
    """The model's span stands for the call, whatever else began after it; a tool's alone does not."""

    def do(tracer: Any) -> None:
        theirs = tracer.start_span("theirs", attributes=LLM)
        with tracer.start_as_current_span("POST", kind=SpanKind.CLIENT):
            ask(server.url)
        theirs.end()
        tracer.start_span("tool", attributes={"traceloop.span.kind": "tool"})
        ask(server.url)

    assert spans_of(do) == ["POST", "theirs", "chat m"]


def test_a_span_of_another_task(server: Server) -> None:
    """A call beside it, in a task of its own, has a span of ours."""

    async def post(prompt: str) -> None:
        async with httpx2.AsyncClient() as client:
            await client.post(f"{server.url}/v1/chat/completions", json={"model": prompt})

    async def instrumented(tracer: Any) -> None:
        theirs = tracer.start_span("theirs", attributes=LLM)
        await post("one")
        theirs.end()

    async def both(tracer: Any) -> None:
        await asyncio.gather(instrumented(tracer), post("two"))

    assert sorted(spans_of(lambda tracer: asyncio.run(both(tracer)))) == ["chat two", "theirs"]


def test_a_span_that_says_its_kind_at_its_end(server: Server) -> None:
    """OpenInference's: current, and, by the library it is of, where it is not."""

    def current(tracer: Any) -> None:
        theirs: Any = OpenInferenceSpan(tracer.start_span("theirs"))
        with trace.use_span(theirs, end_on_exit=True):
            ask(server.url)

    def not_current(tracer: Any, name: str = "theirs") -> None:
        theirs = tracer.start_span(name)
        ask(server.url)
        theirs.end()

    assert spans_of(current) == ["theirs"]
    assert spans_of(not_current) == ["chat m", "theirs"]
    scope = "openinference.instrumentation."
    assert spans_of(not_current, f"{scope}google_genai") == ["theirs"]
    agent, model = "FunctionAgent.run", "OpenAI.astream_chat"
    assert spans_of(lambda t: not_current(t, agent), f"{scope}llama_index") == ["chat m", agent]
    assert spans_of(lambda t: not_current(t, model), f"{scope}llama_index") == [model]
