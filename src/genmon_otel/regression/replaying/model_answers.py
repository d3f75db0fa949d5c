"""Make the answer of a known model API from the text that a reviewer gives.

``--recovery 'openai chat="…"'`` says what the model answers; its client wants the API's own JSON, and
where it asked for a stream, server-sent events. Sources: the providers' API references.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from genmon_otel.errors import PayloadError

_Body = Mapping[str, Any]


def _openai_chat(text: str, asked: _Body) -> _Body:
    return {
        "id": "chatcmpl-recovery", "object": "chat.completion", "created": 0,
        "model": asked.get("model", "model"),
        "choices": [{
            "index": 0, "message": {"role": "assistant", "content": text, "refusal": None},
            "logprobs": None, "finish_reason": "stop",
        }],
        "usage": {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0},
    }  # fmt: skip


def _openai_completions(text: str, asked: _Body) -> _Body:
    return {
        "id": "cmpl-recovery", "object": "text_completion", "created": 0,
        "model": asked.get("model", "model"),
        "choices": [{"index": 0, "text": text, "logprobs": None, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0},
    }  # fmt: skip


def _openai_responses(text: str, asked: _Body) -> _Body:
    return {
        "id": "resp_recovery", "object": "response", "created_at": 0, "status": "completed",
        "model": asked.get("model", "model"), "error": None, "incomplete_details": None,
        "instructions": None, "metadata": {}, "parallel_tool_calls": True, "tool_choice": "auto",
        "tools": [], "temperature": 1.0, "top_p": 1.0,
        "output": [{
            "type": "message", "id": "msg_recovery", "status": "completed", "role": "assistant",
            "content": [{"type": "output_text", "text": text, "annotations": []}],
        }],
        "usage": None,
    }  # fmt: skip


def _anthropic(text: str, asked: _Body) -> _Body:
    return {
        "id": "msg_recovery", "type": "message", "role": "assistant",
        "model": asked.get("model", "model"), "content": [{"type": "text", "text": text}],
        "stop_reason": "end_turn", "stop_sequence": None,
        "usage": {"input_tokens": 0, "output_tokens": 0},
    }  # fmt: skip


def _gemini(text: str, asked: _Body) -> _Body:
    content = {"role": "model", "parts": [{"text": text}]}
    return {"candidates": [{"index": 0, "content": content, "finishReason": "STOP"}]}


def _bedrock(text: str, asked: _Body) -> _Body:
    return {
        "output": {"message": {"role": "assistant", "content": [{"text": text}]}},
        "stopReason": "end_turn", "metrics": {"latencyMs": 0},
        "usage": {"inputTokens": 0, "outputTokens": 0, "totalTokens": 0},
    }  # fmt: skip


def _cohere(text: str, asked: _Body) -> _Body:
    return {
        "id": "recovery", "finish_reason": "COMPLETE",
        "message": {"role": "assistant", "content": [{"type": "text", "text": text}]},
    }  # fmt: skip


def _ollama(text: str, asked: _Body) -> _Body:
    return {
        "model": asked.get("model", "model"), "created_at": "1970-01-01T00:00:00Z", "done": True,
        "message": {"role": "assistant", "content": text}, "response": text, "done_reason": "stop",
    }  # fmt: skip


#: (end of a step's name, text that its path holds): what makes its answer. The first that fits.
_APIS: Final[tuple[tuple[str, str, Callable[[str, _Body], _Body]], ...]] = (
    (" chat", "/messages", _anthropic),
    (" chat", "enerateContent", _gemini),
    (" chat", "/converse", _bedrock),
    (" chat", "/v2/chat", _cohere),
    (" chat", "/api/", _ollama),
    (" chat", "/chat/completions", _openai_chat),
    (" responses", "/responses", _openai_responses),
    (" completions", "/completions", _openai_completions),
)


def is_model(name: str) -> bool:
    """Whether a step of this name is an automatic one of a known model API."""
    return name.endswith((" chat", " responses", " completions"))


def answer(request: Mapping[str, Any], name: str, value: Any) -> tuple[str, str]:
    """Return the content type and body by which a reviewer's value answers a request.

    Args:
        request: what is asked.
        name: of the automatic step.
        value: text for what a model says, or the whole body.

    Raises:
        PayloadError: the API streams in a form that cannot be made of a text.
    """
    if not isinstance(value, str):
        return "application/json", json.dumps(value)
    path = str(request.get("path", ""))
    make = next((make for end, held, make in _APIS if name.endswith(end) and held in path), None)
    if make is None:
        return "application/json", value
    asked = _asked(request)
    body = make(value, asked)
    if not (asked.get("stream") or "stream" in path.lower().rpartition("/")[2]):
        return "application/json", json.dumps(body)
    events = _STREAMS.get(make)
    if events is None:
        raise PayloadError(
            f"{name} answers in a stream that cannot be made of a text. Give the step a function of "
            "its own, decorated with @step, and say what that returns."
        )
    return "text/event-stream", events(value, body)


def _asked(request: Mapping[str, Any]) -> _Body:
    try:
        body = json.loads(request.get("body") or "{}")
    except (TypeError, ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}


# --- streams ----------------------------------------------------------------------


def _events(*events: tuple[str, Any]) -> str:
    return "".join(
        (f"event: {kind}\n" if kind else "") + f"data: {json.dumps(data)}\n\n"
        for kind, data in events
    )


def _chat_events(text: str, body: _Body) -> str:
    head = {k: body[k] for k in ("id", "created", "model")} | {"object": "chat.completion.chunk"}
    said = {"index": 0, "delta": {"role": "assistant", "content": text}, "finish_reason": None}
    end = {"index": 0, "delta": {}, "finish_reason": "stop"}
    return (
        _events(("", head | {"choices": [said]}), ("", head | {"choices": [end]}))
        + "data: [DONE]\n\n"
    )


def _message_events(text: str, body: _Body) -> str:
    start = {**body, "content": [], "stop_reason": None}
    return _events(
        ("message_start", {"type": "message_start", "message": start}),
        ("content_block_start", {"type": "content_block_start", "index": 0,
                                 "content_block": {"type": "text", "text": ""}}),
        ("content_block_delta", {"type": "content_block_delta", "index": 0,
                                 "delta": {"type": "text_delta", "text": text}}),
        ("content_block_stop", {"type": "content_block_stop", "index": 0}),
        ("message_delta", {"type": "message_delta", "usage": {"output_tokens": 0},
                           "delta": {"stop_reason": "end_turn", "stop_sequence": None}}),
        ("message_stop", {"type": "message_stop"}),
    )  # fmt: skip


def _response_events(text: str, body: _Body) -> str:
    item = body["output"][0]
    begun = {**body, "status": "in_progress", "output": []}
    at: dict[str, Any] = {"item_id": item["id"], "output_index": 0, "content_index": 0}
    part = {"type": "output_text", "text": "", "annotations": []}
    events: list[dict[str, Any]] = [
        {"type": "response.created", "response": begun},
        {"type": "response.output_item.added", "output_index": 0, "item": {**item, "content": []}},
        {"type": "response.content_part.added", **at, "part": part},
        {"type": "response.output_text.delta", **at, "delta": text, "logprobs": []},
        {"type": "response.output_text.done", **at, "text": text, "logprobs": []},
        {"type": "response.content_part.done", **at, "part": {**part, "text": text}},
        {"type": "response.output_item.done", "output_index": 0, "item": item},
        {"type": "response.completed", "response": body},
    ]
    return _events(*((str(e["type"]), e | {"sequence_number": n}) for n, e in enumerate(events)))


def _gemini_events(text: str, body: _Body) -> str:
    return _events(("", body))


_STREAMS: Final[Mapping[Any, Callable[[str, _Body], str]]] = {
    _openai_chat: _chat_events,
    _openai_responses: _response_events,
    _anthropic: _message_events,
    _gemini: _gemini_events,
}
