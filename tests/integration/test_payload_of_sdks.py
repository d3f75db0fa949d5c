"""Responses of real SDKs are encoded cheaply, and come back as their class."""

from __future__ import annotations

import json
from typing import Any

from anthropic.types import Message
from openai.types.chat import ChatCompletion

from genmon_otel.payload import decode, encode
from tests.work_kit import instructions


def through(value: Any) -> Any:
    """Encode, store as JSON, decode."""
    return decode(json.loads(json.dumps(encode(value), allow_nan=False)))


def test_model_responses_come_back_as_their_class() -> None:
    """An openai and an anthropic response answer attribute access as before."""
    chat = ChatCompletion.model_validate({
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "m",
        "choices": [{"index": 0, "finish_reason": "stop",
                     "message": {"role": "assistant", "content": "hello", "new_field": 1}}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3},
    })  # fmt: skip
    again = through(chat)
    assert type(again) is ChatCompletion
    assert again.choices[0].message.content == "hello"
    assert again.choices[0].message.new_field == 1
    assert again.usage.total_tokens == 3
    assert again.model_dump(exclude_unset=True) == chat.model_dump(exclude_unset=True)
    message = Message.model_validate({
        "id": "msg_1", "type": "message", "role": "assistant", "model": "m",
        "content": [{"type": "text", "text": "hi"}], "stop_reason": "end_turn",
        "stop_sequence": None, "usage": {"input_tokens": 1, "output_tokens": 2},
    })  # fmt: skip
    read = through(message)
    assert read.content[0].text == "hi"
    assert type(read.content[0]) is type(message.content[0])


def test_encoding_a_chat_completion_is_cheap() -> None:
    """An 8 KiB response costs a few thousand instructions: tens of microseconds."""
    chat = ChatCompletion.model_validate({
        "id": "c", "object": "chat.completion", "created": 1, "model": "m",
        "choices": [{"index": 0, "finish_reason": "stop",
                     "message": {"role": "assistant", "content": "x" * 8192}}],
    })  # fmt: skip
    encode(chat)
    assert instructions(lambda: encode(chat)) < 5_000
