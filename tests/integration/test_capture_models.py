"""Calls of models by real SDKs over loopback: tokens, spans, labels, and that nothing else changes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import anthropic
import httpx2
import openai
import pytest
from opentelemetry.context import attach, detach, set_value
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from genmon_otel import current_generation, generation, step
from genmon_otel.testing import Captured, capture
from tests.http_kit import JsonHandler, serving

pytestmark = pytest.mark.usefixtures("installed")

USAGE = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}


def _chat(content: str, usage: Any = USAGE) -> dict[str, Any]:
    message = {"role": "assistant", "content": content}
    return {
        "id": "c1", "object": "chat.completion", "created": 1, "model": "gpt-4o-2024-08-06", "usage": usage,
        "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
    }  # fmt: skip


def _chat_events(with_usage: bool) -> list[Any]:
    events: list[Any] = [
        {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4o-2024-08-06",
         "choices": [{"index": 0, "delta": {"content": text}}]}
        for text in ("a", "b")
    ]  # fmt: skip
    if with_usage:
        events.append({**events[0], "choices": [], "usage": USAGE})
    return events


_MESSAGE = {"id": "m", "type": "message", "role": "assistant", "model": "claude-4", "stop_reason": "end_turn",
            "content": [{"type": "text", "text": "hello"}], "stop_sequence": None}  # fmt: skip
_MESSAGE_EVENTS = [
    {"type": "message_start", "message": {**_MESSAGE, "content": [], "usage": {
        "input_tokens": 20, "cache_read_input_tokens": 5, "output_tokens": 1}}},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "hi"}},
    {"type": "content_block_stop", "index": 0},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 9}},
    {"type": "message_stop"},
]  # fmt: skip


class _Handler(JsonHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.reply(200, {"ok": True})

    def do_POST(self) -> None:
        asked = self.asked()
        said = json.dumps(asked)
        if "FAIL" in said:
            self.reply(400, {"error": {"message": "bad request", "type": "invalid_request_error"}})
        elif self.path.endswith("/messages") and asked.get("stream"):
            self._events(_MESSAGE_EVENTS, lambda e: f"event: {e['type']}\n")
        elif self.path.endswith("/messages"):
            self.reply(200, {**_MESSAGE, "usage": {"input_tokens": 20, "output_tokens": 9}})
        elif asked.get("stream"):
            self._events(_chat_events("stream_options" in asked), lambda _: "", b"data: [DONE]\n\n")
        else:
            self.reply(200, _chat("Sorry" if "BAD" in said else "{}"))

    def _events(self, events: list[Any], head: Any, end: bytes = b"") -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        for data in (
            *(f"{head(e)}data: {json.dumps(e)}\n\n".encode() for e in events),
            end or b": \n",
        ):
            self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.write(b"0\r\n\r\n")


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with serving(_Handler) as address:
        yield address


class Traced:
    """Spans that ended, beside what was recorded."""

    def __init__(self, seen: Captured, exporter: InMemorySpanExporter, provider: Any) -> None:
        self.seen = seen
        self.provider = provider
        self._exporter = exporter

    def spans(self) -> list[ReadableSpan]:
        """Those that ended so far, the generation's left out."""
        ended: Any = self._exporter.get_finished_spans()
        return [span for span in ended if not span.name.startswith("invoke_workflow")]


@contextmanager
def traced() -> Iterator[Traced]:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    with capture(tracer_provider=provider) as seen:
        yield Traced(seen, exporter, provider)


def _openai(url: str) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0)


def _ask(url: str, text: str = "hi", **more: Any) -> Any:
    messages: Any = [{"role": "user", "content": text}]
    return _openai(url).chat.completions.create(model="gpt-4o", messages=messages, **more)


def _claude(url: str, **more: Any) -> Any:
    client = anthropic.Anthropic(base_url=url, api_key="none", max_retries=0)
    messages: Any = [{"role": "user", "content": "hi"}]
    return client.messages.create(model="claude-4-latest", max_tokens=5, messages=messages, **more)


@pytest.mark.parametrize(
    ("asked", "name", "attributes", "tokens"),
    [
        (_ask, "chat gpt-4o", ("openai", "gpt-4o", "gpt-4o-2024-08-06", None), {"input": 11, "output": 7}),
        (
            lambda url: list(_ask(url, stream=True, stream_options={"include_usage": True})),
            "chat gpt-4o", ("openai", "gpt-4o", "gpt-4o-2024-08-06", True), {"input": 11, "output": 7},
        ),
        (
            lambda url: list(_ask(url, stream=True)),
            "chat gpt-4o", ("openai", "gpt-4o", "gpt-4o-2024-08-06", True), {},
        ),
        (
            lambda url: _ask(url).choices and _ask(url),
            "chat gpt-4o", ("openai", "gpt-4o", "gpt-4o-2024-08-06", None), {"input": 22, "output": 14},
        ),
        (
            _claude, "chat claude-4-latest", ("anthropic", "claude-4-latest", "claude-4", None),
            {"input": 20, "output": 9},
        ),
        (
            lambda url: list(_claude(url, stream=True)),
            "chat claude-4-latest", ("anthropic", "claude-4-latest", "claude-4", True),
            {"input": 25, "output": 9, "cache_read": 5},
        ),
    ],
)  # fmt: skip
def test_a_model_call_has_its_span_and_tokens(
    url: str, asked: Any, name: str, attributes: Any, tokens: dict[str, int]
) -> None:
    """The span follows the GenAI convention, and the generation's tokens are those that the answers count."""

    @generation(name="op")
    def op() -> None:
        asked(url)

    with traced() as t:
        op()
    span = t.spans()[0]
    said = span.attributes or {}
    assert (span.name, span.kind) == (name, SpanKind.CLIENT)
    assert said["gen_ai.operation.name"] == "chat"
    assert attributes == tuple(
        said.get(f"gen_ai.{key}")
        for key in ("provider.name", "request.model", "response.model", "request.stream")
    )
    count = len(t.spans())
    assert said.get("gen_ai.usage.input_tokens", 0) * count == tokens.get("input", 0)
    assert said.get("gen_ai.usage.output_tokens", 0) * count == tokens.get("output", 0)
    assert t.seen.record.tokens == tokens
    assert [s.name for s in t.seen.record.stages] == [f"{attributes[0]} chat"] * count


def test_a_fault_is_on_the_span(url: str) -> None:
    """An answer by its status, no connection by its exception; content is on neither."""

    @generation(name="op")
    def op() -> None:
        with pytest.raises(openai.BadRequestError):
            _ask(url, "FAIL secret words")
        with pytest.raises(openai.APIConnectionError):
            _ask("http://127.0.0.1:9")

    with traced() as t:
        op()
    refused, unreachable = t.spans()
    assert refused.status.status_code is unreachable.status.status_code is StatusCode.ERROR
    assert (refused.attributes or {})["error.type"] == "400"
    assert (unreachable.attributes or {})["error.type"] == "httpx2.ConnectError"
    assert "secret words" not in refused.to_json()


def test_the_application_counts_itself(url: str) -> None:
    """Where it calls add_tokens, its counts alone are the generation's: nothing counts twice."""

    @generation(name="op")
    def op() -> None:
        used = _ask(url).usage
        current_generation().add_tokens(input=used.prompt_tokens, output=used.completion_tokens)

    with capture() as seen:
        op()
    assert seen.record.tokens == {"input": 11, "output": 7}


def test_a_call_in_a_decorated_step_is_no_second_one(url: str) -> None:
    """Neither a step nor a span; a plain call has one with the step's own name."""

    @step(name="model")
    def model() -> Any:
        return _ask(url)

    @generation(name="op")
    def op() -> None:
        model()
        httpx2.get(f"{url}/json")

    with traced() as t:
        op()
    assert [s.name for s in t.seen.record.stages] == ["model", "GET 127.0.0.1"]
    assert [(s.name, s.kind) for s in t.spans()] == [
        ("model", SpanKind.INTERNAL), ("GET 127.0.0.1", SpanKind.INTERNAL)
    ]  # fmt: skip
    assert t.seen.record.tokens == {"input": 11, "output": 7}


def test_tokens_in_decorated_steps(url: str) -> None:
    """Streams count as they end, broken requests count nothing, and what a step within a step asks counts once."""

    @step(name="inner")
    def inner() -> Any:
        return list(_ask(url, stream=True, stream_options={"include_usage": True}))

    @step(name="outer")
    def outer() -> Any:
        inner()
        with pytest.raises(openai.BadRequestError):
            _ask(url, "FAIL")
        with pytest.raises(openai.APIConnectionError):
            _ask("http://127.0.0.1:9")
        return _ask(url)

    @generation(name="op")
    def op() -> None:
        outer()
        _ask(url)

    with traced() as t:
        op()
    assert t.seen.record.tokens == {"input": 33, "output": 21}
    assert [s.name for s in t.seen.record.stages] == ["outer", "inner", "openai chat"]


@pytest.mark.parametrize(
    ("kind", "attributes", "asks_model", "spans"),
    [
        (SpanKind.CLIENT, {"gen_ai.operation.name": "chat"}, True, 0),
        (SpanKind.INTERNAL, {"openinference.span.kind": "LLM"}, True, 0),
        (SpanKind.INTERNAL, {"mlflow.spanType": '"CHAT_MODEL"'}, True, 0),
        (SpanKind.CLIENT, {"http.request.method": "POST"}, True, 1),
        (SpanKind.INTERNAL, {"gen_ai.operation.name": "invoke_agent"}, True, 1),
        (SpanKind.INTERNAL, {}, True, 1),
        (SpanKind.CLIENT, {"http.request.method": "GET"}, False, 0),
        (SpanKind.INTERNAL, {}, False, 1),
    ],
)
def test_another_instrumentation_has_the_span(
    url: str, kind: SpanKind, attributes: dict[str, str], asks_model: bool, spans: int
) -> None:
    """A span of the same call by another stands for ours; a span around it, or of its HTTP, does not."""

    @generation(name="op")
    def op(tracer: Any) -> None:
        with tracer.start_as_current_span("theirs", kind=kind, attributes=attributes):
            if asks_model:
                _ask(url)
            else:
                httpx2.get(f"{url}/json")

    with traced() as t:
        op(t.provider.get_tracer("others"))
    assert len([s for s in t.spans() if s.name != "theirs"]) == spans
    assert len(t.seen.record.stages) == 1
    assert bool(t.seen.record.tokens) == asks_model


def test_suppressed_instrumentation(url: str) -> None:
    """A context that says the model's call has a span, or that HTTP clients make none, is heeded."""

    @generation(name="op")
    def op() -> None:
        from opentelemetry.context import _SUPPRESS_HTTP_INSTRUMENTATION_KEY as HTTP

        token = attach(set_value("suppress_language_model_instrumentation", True))
        _ask(url)
        detach(token)
        token = attach(set_value(HTTP, True))
        httpx2.get(f"{url}/json")
        detach(token)

    with traced() as t:
        op()
    assert t.spans() == []
    assert len(t.seen.record.stages) == 2


def test_what_a_request_says_of_itself(url: str) -> None:
    """The server's address and port, and that a stream was asked for, though the answer is an error."""

    @generation(name="op")
    def op() -> None:
        _ask(url)
        with pytest.raises(openai.BadRequestError):
            _ask(url, "FAIL", stream=True)

    with traced() as t:
        op()
    plain, streamed = (span.attributes or {} for span in t.spans())
    host, _, port = url.removeprefix("http://").partition(":")
    assert (plain["server.address"], plain["server.port"]) == (host, int(port))
    assert [said.get("gen_ai.request.stream") for said in (plain, streamed)] == [None, True]


def test_streams_that_are_not_read_to_their_end(url: str) -> None:
    """Each has its span and tokens when the generation ends; after ``[DONE]`` nothing is left to read."""

    @generation(name="op")
    def op() -> None:
        client = httpx2.Client()
        asked = {"stream": True, "model": "m", "stream_options": {}}
        request = client.build_request("POST", f"{url}/v1/chat/completions", json=asked)
        # what it leaves open stays so: references of a cycle keep it
        kept.append(client.send(request, stream=True).iter_lines())
        assert any(line == "data: [DONE]" for line in kept[0])
        request = client.build_request("POST", f"{url}/v1/messages", json=asked)
        kept.append(client.send(request, stream=True).iter_lines())
        assert any("message_start" in line for line in kept[1])

    kept: list[Any] = []
    with traced() as t:
        op()
        spans = t.spans()
    assert [s.outcome for s in t.seen.record.stages] == ["success", "cancelled"]
    assert [(s.attributes or {}).get("gen_ai.usage.input_tokens") for s in spans] == [11, 25]
    assert t.seen.record.tokens["input"] == 36
