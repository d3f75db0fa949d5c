"""Responses of real SDKs are encoded cheaply, come back as their class, and are shown by what they say."""

from __future__ import annotations

import json
from typing import Any

import pytest
from anthropic.types import Message
from openai.types.chat import ChatCompletion

from genmon_otel.payload import decode, encode
from genmon_otel.recordings import prepare
from genmon_otel.records import Recording, StepRecord
from genmon_otel.redaction import Redactor
from genmon_otel.wording.values import text_of
from tests.work_kit import instructions

KEY = "sk-proj-abcdefghijklmnopqrstuvwxyz0123456789ABCDEF"
CHAT = ChatCompletion.model_validate(
    {
        "id": "c", "object": "chat.completion", "created": 1, "model": "m",
        "choices": [{
            "index": 0, "finish_reason": "length",
            "message": {"role": "assistant", "content": "half a"},
        }],
    }
)  # fmt: skip
MESSAGE = Message.model_validate(
    {
        "id": "m", "type": "message", "role": "assistant", "model": "m",
        "content": [{"type": "text", "text": "half a"}], "stop_reason": "max_tokens",
        "stop_sequence": None, "usage": {"input_tokens": 1, "output_tokens": 1},
    }
)  # fmt: skip


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


def test_structure_survives_redaction() -> None:
    """A real response with its token counts and ids is rebuilt as its class after redaction."""
    chat = ChatCompletion.model_validate({
        "id": "chatcmpl-A1b2C3d4E5f6", "object": "chat.completion", "created": 1, "model": "m",
        "choices": [{"index": 0, "finish_reason": "stop",
                     "message": {"role": "assistant", "content": f"token {KEY}"}}],
        "usage": {"prompt_tokens": 11, "completion_tokens": 2, "total_tokens": 13},
    })  # fmt: skip
    prepared = prepare(
        Recording(
            generation_id="9f", fingerprint="v2:0", operation="build", target="app:build",
            inputs=encode({"request": "a shop"}), trigger_step=None, duration_s=1.0,
            steps=(StepRecord("chat", encode({}), "value", encode(chat), ended_s=1.0),),
        ),
        Redactor(),
    )  # fmt: skip
    again = decode(prepared.steps[0].outcome)
    assert type(again) is ChatCompletion
    assert again.usage.prompt_tokens == 11
    assert KEY not in again.choices[0].message.content
    assert not prepared.unreplayable


@pytest.mark.parametrize(
    ("answer", "why"), [(CHAT, "length"), (MESSAGE, "max_tokens")], ids=["openai", "anthropic"]
)
def test_a_models_answer_is_told_by_what_it_says(answer: Any, why: str) -> None:
    """The text that the model wrote, and why it ended there."""
    assert text_of(encode(answer)) == f"half a\n(ended by: {why})"


def test_an_answer_without_a_text_is_told_whole() -> None:
    """A refusal or an empty list of choices is shown as it came."""
    empty = CHAT.model_copy(update={"choices": []})
    assert json.loads(text_of(encode(empty)))["choices"] == []
