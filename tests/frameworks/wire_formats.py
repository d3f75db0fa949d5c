"""What the model APIs say, in their own words: one answer, as a body or as the events of a stream."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class ToolCall:
    """The model wants a tool called."""

    name: str
    arguments: str


#: What a model says: a text, or a call of a tool.
Said = str | ToolCall


def halves(text: str) -> tuple[str, str]:
    """A text in two chunks."""
    return text[: len(text) // 2], text[len(text) // 2 :]


def sse(*events: dict[str, Any], named: bool = False) -> list[bytes]:
    """Server-sent events; with the name that their ``type`` says, where the API has it."""
    return [
        f"{'event: ' + event['type'] + chr(10) if named else ''}data: {json.dumps(event)}\n\n".encode()
        for event in events
    ]


def openai_chat(said: Said) -> dict[str, Any]:
    message: dict[str, Any] = {
        "role": "assistant",
        "content": said if isinstance(said, str) else None,
    }
    if isinstance(said, ToolCall):
        function = {"name": said.name, "arguments": said.arguments}
        message["tool_calls"] = [{"id": "call_1", "type": "function", "function": function}]
    reason = "stop" if isinstance(said, str) else "tool_calls"
    return {
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1_700_000_000, "model": "m",
        "choices": [{"index": 0, "finish_reason": reason, "message": message}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 5, "total_tokens": 8},
    }  # fmt: skip


def openai_chat_stream(said: Said) -> Iterator[bytes]:
    def event(delta: dict[str, Any], reason: str | None = None) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "finish_reason": reason}
        return {
            "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1_700_000_000,
            "model": "m", "choices": [choice],
        }  # fmt: skip

    if isinstance(said, ToolCall):
        call = {"index": 0, "id": "call_1", "type": "function"}
        begin, end = halves(said.arguments)
        yield from sse(
            event({"tool_calls": [{**call, "function": {"name": said.name, "arguments": begin}}]}),
            event({"tool_calls": [{"index": 0, "function": {"arguments": end}}]}),
        )
    else:
        yield from sse(*(event({"role": "assistant", "content": half}) for half in halves(said)))
    yield from sse(event({}, "stop" if isinstance(said, str) else "tool_calls"))
    yield b"data: [DONE]\n\n"


def openai_response(said: Said) -> dict[str, Any]:
    item: dict[str, Any] = {
        "id": "msg_1", "type": "message", "role": "assistant", "status": "completed",
        "content": [{"type": "output_text", "text": said, "annotations": []}],
    }  # fmt: skip
    if isinstance(said, ToolCall):
        item = {
            "id": "fc_1", "type": "function_call", "call_id": "call_1", "name": said.name,
            "arguments": said.arguments, "status": "completed",
        }  # fmt: skip
    return {
        "id": "resp_1", "object": "response", "created_at": 1_700_000_000, "model": "m",
        "status": "completed", "output": [item], "parallel_tool_calls": True, "tool_choice": "auto",
        "tools": [], "error": None, "incomplete_details": None, "instructions": None, "metadata": {},
        "temperature": 1.0, "top_p": 1.0,
        "usage": {
            "input_tokens": 3, "output_tokens": 5, "total_tokens": 8,
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens_details": {"reasoning_tokens": 0},
        },
    }  # fmt: skip


def openai_response_stream(said: str) -> Iterator[bytes]:
    whole = openai_response(said)
    place = {"item_id": "msg_1", "output_index": 0, "content_index": 0, "logprobs": []}
    began = {**whole, "status": "in_progress", "output": [], "usage": None}
    yield from sse(
        {"type": "response.created", "sequence_number": 0, "response": began}, named=True
    )
    item = {**whole["output"][0], "content": [], "status": "in_progress"}
    yield from sse(
        {"type": "response.output_item.added", "sequence_number": 1, "output_index": 0, "item": item},
        {"type": "response.content_part.added", "sequence_number": 2, **place,
         "part": {"type": "output_text", "text": "", "annotations": []}},
        named=True,
    )  # fmt: skip
    for number, half in enumerate(halves(said), 3):
        kind = "response.output_text.delta"
        yield from sse(
            {"type": kind, "sequence_number": number, **place, "delta": half}, named=True
        )
    yield from sse(
        {"type": "response.output_text.done", "sequence_number": 5, **place, "text": said},
        {"type": "response.completed", "sequence_number": 6, "response": whole},
        named=True,
    )


def anthropic_message(said: Said) -> dict[str, Any]:
    block: dict[str, Any] = {"type": "text", "text": said}
    if isinstance(said, ToolCall):
        block = {
            "type": "tool_use", "id": "toolu_1", "name": said.name,
            "input": json.loads(said.arguments),
        }  # fmt: skip
    return {
        "id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": [block],
        "stop_reason": "end_turn" if isinstance(said, str) else "tool_use", "stop_sequence": None,
        "usage": {"input_tokens": 3, "output_tokens": 5},
    }  # fmt: skip


def anthropic_stream(said: str) -> Iterator[bytes]:
    message = {**anthropic_message(""), "content": [], "stop_reason": None}
    block = {"type": "text", "text": ""}
    yield from sse(
        {"type": "message_start", "message": message},
        {"type": "content_block_start", "index": 0, "content_block": block},
        named=True,
    )
    for half in halves(said):
        delta = {"type": "text_delta", "text": half}
        yield from sse({"type": "content_block_delta", "index": 0, "delta": delta}, named=True)
    delta = {"stop_reason": "end_turn", "stop_sequence": None}
    yield from sse(
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": delta, "usage": {"output_tokens": 5}},
        {"type": "message_stop"},
        named=True,
    )


def gemini_content(said: Said) -> dict[str, Any]:
    part: dict[str, Any] = {"text": said}
    if isinstance(said, ToolCall):
        part = {"functionCall": {"name": said.name, "args": json.loads(said.arguments)}}
    content = {"role": "model", "parts": [part]}
    return {
        "candidates": [{"content": content, "finishReason": "STOP", "index": 0}],
        "usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 5, "totalTokenCount": 8},
        "modelVersion": "m",
    }


def gemini_stream(said: str) -> Iterator[bytes]:
    yield from sse(*(gemini_content(half) for half in halves(said)))


def cohere_chat(said: Said) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": [{"type": "text", "text": said}]}
    used = {"tokens": {"input_tokens": 3, "output_tokens": 5}}
    return {"id": "c1", "finish_reason": "COMPLETE", "message": message, "usage": used}


def cohere_stream(said: str) -> Iterator[bytes]:
    message = {
        "role": "assistant",
        "content": [],
        "tool_plan": "",
        "tool_calls": [],
        "citations": [],
    }
    text = {"content": {"type": "text", "text": ""}}
    yield from sse(
        {"type": "message-start", "id": "c1", "delta": {"message": message}},
        {"type": "content-start", "index": 0, "delta": {"message": text}},
        named=True,
    )
    for half in halves(said):
        delta = {"message": {"content": {"text": half}}}
        yield from sse({"type": "content-delta", "index": 0, "delta": delta}, named=True)
    used = {"tokens": {"input_tokens": 3, "output_tokens": 5}}
    yield from sse(
        {"type": "content-end", "index": 0},
        {"type": "message-end", "delta": {"finish_reason": "COMPLETE", "usage": used}},
        named=True,
    )


def bedrock_converse(said: Said) -> dict[str, Any]:
    block: dict[str, Any] = {"text": said}
    if isinstance(said, ToolCall):
        tool = {"toolUseId": "tool_1", "name": said.name, "input": json.loads(said.arguments)}
        block = {"toolUse": tool}
    return {
        "output": {"message": {"role": "assistant", "content": [block]}},
        "stopReason": "end_turn" if isinstance(said, str) else "tool_use",
        "usage": {"inputTokens": 3, "outputTokens": 5, "totalTokens": 8},
        "metrics": {"latencyMs": 1},
    }


def bedrock_stream(said: str) -> Iterator[bytes]:
    yield aws_event("messageStart", {"role": "assistant"})
    for half in halves(said):
        yield aws_event("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": half}})
    yield aws_event("contentBlockStop", {"contentBlockIndex": 0})
    yield aws_event("messageStop", {"stopReason": "end_turn"})
    used = {"inputTokens": 3, "outputTokens": 5, "totalTokens": 8}
    yield aws_event("metadata", {"usage": used, "metrics": {"latencyMs": 1}})


def aws_event(kind: str, payload: dict[str, Any]) -> bytes:
    """A frame of an AWS event stream: lengths, headers, payload, each half with its checksum."""
    texts = {":event-type": kind, ":content-type": "application/json", ":message-type": "event"}
    headers = b"".join(
        bytes([len(name)])
        + name.encode()
        + b"\x07"
        + struct.pack(">H", len(value))
        + value.encode()
        for name, value in texts.items()
    )
    body = json.dumps(payload).encode()
    prelude = struct.pack(">II", 16 + len(headers) + len(body), len(headers))
    prelude += struct.pack(">I", zlib.crc32(prelude))
    frame = prelude + headers + body
    return frame + struct.pack(">I", zlib.crc32(frame))
