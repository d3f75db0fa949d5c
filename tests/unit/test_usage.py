"""What model APIs say of the tokens they counted, and of the model that answered."""

from __future__ import annotations

import base64
import json
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.semconv._incubating.attributes import gen_ai_attributes

from genmon_otel import conventions
from genmon_otel.capture.usage import answering_model, is_streamed, requested_model, tokens_of


def sse(*events: Any) -> bytes:
    """A stream of server-sent events."""
    return b"".join(b"data: %s\n\n" % json.dumps(event).encode() for event in events)


def packed(*events: Any) -> bytes:
    """Frames of a Bedrock stream, their binary heads left out, each with an event of the model's own API."""
    return b"".join(
        b'\x00\x00:{"bytes":"%s","p":"abc"}\x01' % base64.b64encode(json.dumps(event).encode())
        for event in events
    )


#: Of each API: an answer as it comes, and the tokens it tells of. Sources: the providers' API references.
_ANSWERS: Final[dict[str, tuple[Any, dict[str, int]]]] = {
    "openai chat": (
        {"model": "gpt-4o-2024", "choices": [{"message": {"content": 'x "usage": {'}}],
         "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15,
                   "prompt_tokens_details": {"cached_tokens": 4, "audio_tokens": 0},
                   "completion_tokens_details": {"reasoning_tokens": 2}}},
        {"input": 10, "output": 5, "cache_read": 4, "reasoning": 2},
    ),
    "openai chat stream": (
        sse({"choices": [{"delta": {"content": "a"}}], "usage": None},
            {"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 3}}) + b"data: [DONE]\n\n",
        {"input": 7, "output": 3},
    ),
    "a stream that counts as it goes": (
        sse(*({"usage": {"prompt_tokens": 7, "completion_tokens": n}} for n in range(50))),
        {"input": 7, "output": 49},
    ),
    "openai responses": (
        {"object": "response", "output": [], "usage": {"input_tokens": 36, "output_tokens": 87,
         "input_tokens_details": {"cached_tokens": 6}, "output_tokens_details": {"reasoning_tokens": 9}}},
        {"input": 36, "output": 87, "cache_read": 6, "reasoning": 9},
    ),
    "openai responses stream": (
        sse({"type": "response.created", "response": {"usage": None}},
            {"type": "response.completed", "response": {"usage": {"input_tokens": 3, "output_tokens": 4}}}),
        {"input": 3, "output": 4},
    ),
    "openai embeddings": ({"data": [{"embedding": [0.1]}], "usage": {"prompt_tokens": 8, "total_tokens": 8}},
                          {"input": 8}),
    "cohere embed": ({"embeddings": {"float": [[0.1]]}, "meta": {"api_version": {"version": "2"}, "billed_units": {"input_tokens": 4}}},
                     {"input": 4}),
    "cohere's first chat": ({"text": "hi", "meta": {"billed_units": {"input_tokens": 4, "output_tokens": 2},
                             "tokens": {"input_tokens": 70, "output_tokens": 2}}}, {"input": 4, "output": 2}),
    "replicate": ({"output": ["hi"], "metrics": {"predict_time": 0.5, "input_token_count": 9, "output_token_count": 6}},
                  {"input": 9, "output": 6}),
    "groq": (sse({"x_groq": {"id": "r", "usage": {"prompt_tokens": 1, "completion_tokens": 2}}}),
             {"input": 1, "output": 2}),
    "anthropic": (
        {"model": "claude", "content": [{"type": "tool_use", "input": {"usage": {"note": "none"}}}],
         "usage": {"input_tokens": 10, "cache_creation_input_tokens": 100, "cache_read_input_tokens": 1000,
                   "output_tokens": 5}},
        {"input": 1110, "output": 5, "cache_read": 1000, "cache_write": 100},
    ),
    "anthropic stream": (
        sse({"type": "message_start", "message": {"model": "claude", "usage": {
                "input_tokens": 25, "cache_read_input_tokens": 5, "output_tokens": 1}}},
            {"type": "content_block_delta", "delta": {"text": "hi"}},
            {"type": "message_delta", "delta": {}, "usage": {"output_tokens": 15}}),
        {"input": 30, "output": 15, "cache_read": 5},
    ),
    "gemini": (
        {"candidates": [], "modelVersion": "gemini-2.5", "usageMetadata": {
            "promptTokenCount": 4, "candidatesTokenCount": 6, "thoughtsTokenCount": 10,
            "cachedContentTokenCount": 2, "toolUsePromptTokenCount": 3, "totalTokenCount": 23}},
        {"input": 7, "output": 16, "cache_read": 2, "reasoning": 10},
    ),
    "gemini stream": (
        sse({"usageMetadata": {"promptTokenCount": 4, "totalTokenCount": 4}},
            {"usageMetadata": {"promptTokenCount": 4, "candidatesTokenCount": 9}}),
        {"input": 4, "output": 9},
    ),
    "bedrock converse": ({"output": {}, "usage": {"inputTokens": 3, "outputTokens": 4, "totalTokens": 12,
                          "cacheReadInputTokens": 5}}, {"input": 8, "output": 4, "cache_read": 5}),
    "bedrock converse stream": (
        b'\x00\x00\x00\xc6:event-type\x07\x00\x08metadata{"metrics":{"latencyMs":5},'
        b'"usage":{"inputTokens":3,"outputTokens":4},"p":"abcd"}\x8a\xff',
        {"input": 3, "output": 4},
    ),
    "bedrock invoke stream": (
        packed({"type": "message_start", "message": {"usage": {"input_tokens": 2, "output_tokens": 1}}},
               {"type": "message_stop", "amazon-bedrock-invocationMetrics": {
                   "inputTokenCount": 2, "outputTokenCount": 8}}),
        {"input": 2, "output": 8},
    ),
    "mistral": ({"usage": {"prompt_tokens": 2, "completion_tokens": 3, "total_tokens": 5}},
                {"input": 2, "output": 3}),
    "cohere": ({"usage": {"billed_units": {"input_tokens": 5, "output_tokens": 7},
                          "tokens": {"input_tokens": 71, "output_tokens": 9}}}, {"input": 5, "output": 7}),
    "cohere stream": (
        sse({"type": "message-end", "delta": {"usage": {"billed_units": {"input_tokens": 1, "output_tokens": 2}}}}),
        {"input": 1, "output": 2},
    ),
    "ollama": (b'{"message":{"content":"a"},"done":false}\n'
               b'{"done":true,"prompt_eval_count":26,"eval_count":298}\n', {"input": 26, "output": 298}),
    "an answer without usage": ({"choices": []}, {}),
    "usage of another kind": ({"usage": {"cpu": 3, "prompt_tokens": "many", "output_tokens": True}}, {}),
    "a text that quotes usage": ({"content": json.dumps({"usage": {"input_tokens": 9}})}, {}),
    "usage that is cut off": (b'{"usage": {"input_tokens": 9', {}),
}  # fmt: skip


def test_tokens_of_each_api() -> None:
    """Input holds what caches count, output the reasoning; of a stream the last counts are taken."""
    wrong = {}
    for name, (answer, expected) in _ANSWERS.items():
        body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        if (found := tokens_of(body, {})) != expected:
            wrong[name] = (found, expected)
    assert not wrong


def test_headers_tell_of_tokens() -> None:
    """Bedrock's InvokeModel counts in headers alone; what is no number there counts nothing."""
    told = {"x-amzn-bedrock-input-token-count": "12", "x-amzn-bedrock-output-token-count": "3"}
    assert tokens_of(b"{}", told) == {"input": 12, "output": 3}
    raw = [(name.title().encode(), value.encode()) for name, value in told.items()]
    assert tokens_of(b"{}", raw) == {"input": 12, "output": 3}
    assert tokens_of(b"{}", {"x-amzn-bedrock-input-token-count": "-1e9"}) == {}


@pytest.mark.parametrize(
    ("path", "body", "model"),
    [
        ("/v1/chat/completions", b'{"messages":[{"content":"\\"model\\":\\"no\\""}],"model":"gpt-4o"}', "gpt-4o"),
        ("/v1beta/models/gemini-2.5-pro:generateContent", b"{}", "gemini-2.5-pro"),
        ("/model/anthropic.claude-3%3A0/converse", b"{}", "anthropic.claude-3:0"),
        ("/openai/deployments/mine/chat/completions", b'{"model":"x"}', "mine"),
        ("/v1/messages", b"{" + b'"a":"' + b"x" * 9000 + b'","model":"c",' + b'"b":"' + b"x" * 9000 + b'"}', "c"),
        ("/v1/models/meta/llama-3/predictions", b"{}", "meta/llama-3"),
        ("/v1/deployments/mine/predictions", b"{}", "mine"),
        ("/v1/chat/completions", None, ""),
        ("/v1/chat/completions", b'{"model":7}', ""),
    ],
)  # fmt: skip
def test_the_model_that_is_asked(path: str, body: bytes | None, model: str) -> None:
    """The path's, else the body's, wherever it stands there."""
    assert requested_model(path, body) == model


@pytest.mark.parametrize(
    ("path", "body", "expected"),
    [
        ("/v1/chat/completions", b'{"stream": true, "model": "m"}', True),
        ("/v1/chat/completions", b'{"stream":false,"stream_options":null}', False),
        ("/v1/chat/completions", b'{"messages":[{"content":"\\"stream\\":true"}]}', False),
        ("/v1beta/models/gemini-3:streamGenerateContent", b"{}", True),
        ("/model/claude/converse-stream", b"{}", True),
        ("/model/claude/invoke-with-response-stream", None, True),
        ("/model/claude/invoke", None, False),
    ],
)
def test_a_stream_that_is_asked_for(path: str, body: bytes | None, expected: bool) -> None:
    """By the body or the path, as each API has it; not by what a prompt quotes."""
    assert is_streamed(path, body) is expected


def test_the_model_that_answers() -> None:
    """Of a stream that of its first event; Google calls it a version."""
    assert answering_model(sse({"model": "gpt-4o-2024"}, {"model": "other"})) == "gpt-4o-2024"
    assert answering_model(b'{"modelVersion":"gemini-2.5"}') == "gemini-2.5"
    assert answering_model(b"\xff\x00") == ""


@given(st.binary(max_size=300) | st.text(max_size=200).map(lambda t: f'{{"usage": {t}'.encode()))
def test_any_bytes_are_read(body: bytes) -> None:
    """Whatever is answered, the counts are whole numbers above 0, and nothing is raised."""
    assert all(type(n) is int and n > 0 for n in tokens_of(body, {}).values())
    assert isinstance(answering_model(body), str)


def test_attributes_are_the_conventions() -> None:
    """Each ``gen_ai`` attribute is one that OpenTelemetry's package of conventions names; an event is none."""
    known = {name for name in vars(gen_ai_attributes).values() if isinstance(name, str)}
    names = {name for name in vars(conventions).values() if isinstance(name, str)}
    ours = {name for name in names if name.startswith("gen_ai.")}
    assert ours | {*conventions.GEN_AI_USAGE.values()} <= known | {conventions.EVALUATION_EVENT}
