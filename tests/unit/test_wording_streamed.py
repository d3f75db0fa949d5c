"""What a streamed answer said, as the terminal and the page show it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from genmon_otel.ui.outcomes import as_lines, blocks, gist
from genmon_otel.wording.values import text_of


def recorded(*events: Any) -> list[Any]:
    """Return a stream as an automatic step records it: its head, then chunks with their times."""
    chunks = [f"data: {json.dumps(event)}\n\n" for event in events]
    return [
        {"status": 200, "at": 0.1},
        *([0.2, chunk] for chunk in chunks),
        [0.3, "data: [DONE]\n\n"],
    ]


OPENAI = [{"choices": [{"index": 0, "delta": {"content": text}}]} for text in ('{"a', '": 1')]
OPENAI_END = {"choices": [{"index": 0, "delta": {}, "finish_reason": "length"}]}
TOOL = [
    {"choices": [{"delta": {"tool_calls": [{"function": {"name": "find", "arguments": ""}}]}}]},
    {"choices": [{"delta": {"tool_calls": [{"function": {"arguments": '{"q": 1}'}}]}}]},
]
ANTHROPIC = [
    {"type": "content_block_start", "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "Sure"}},
    {"type": "content_block_start", "content_block": {"type": "tool_use", "name": "find"}},
    {"type": "content_block_delta", "delta": {"partial_json": '{"q": 1}'}},
    {"type": "message_delta", "delta": {"stop_reason": "tool_use"}},
]
RESPONSES = [
    {"type": "response.output_text.delta", "delta": "Su"},
    {"type": "response.output_text.delta", "delta": "re"},
    {"type": "response.completed", "response": {"status": "completed"}},
]
GEMINI = [
    {"candidates": [{"content": {"parts": [{"text": "Su"}]}}]},
    {"candidates": [{"content": {"parts": [{"text": "re"}]}, "finishReason": "STOP"}]},
]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_an_event_ends_where_its_format_says(end: str) -> None:
    """Other ends of lines that Unicode has are part of what was said."""
    said = "one\u2028two\x85three"
    event = json.dumps({"choices": [{"delta": {"content": said}}]}, ensure_ascii=False)
    assert text_of([{"status": 200}, [0.1, f"data: {event}{end}{end}"]]) == said


@pytest.mark.parametrize(
    ("events", "said"),
    [
        ([*OPENAI, OPENAI_END], '{"a": 1\n(ended by: length)'),
        (TOOL, 'calls find: {"q": 1}'),
        (ANTHROPIC, 'Sure\ncalls find: {"q": 1}\n(ended by: tool_use)'),
        (RESPONSES, "Sure\n(ended by: completed)"),
        (GEMINI, "Sure\n(ended by: STOP)"),
    ],
)
def test_a_streamed_answer_is_shown_by_its_text(events: list[Any], said: str) -> None:
    """Who is paged reads what the model said, not the events that brought it."""
    assert text_of(recorded(*events)) == said


def test_a_stream_that_came_in_one_body_is_shown_by_its_text() -> None:
    """An answer that is set by hand, and one read whole, hold the events in their body."""
    body = "".join(f"data: {json.dumps(event)}\n\n" for event in OPENAI)
    assert text_of({"$": "response", "status": 200, "body": body}) == '{"a": 1'


@pytest.mark.parametrize(
    "value",
    [
        [{"status": 200}, [0.1, "one line\n"]],
        [{"status": 200}, [0.1, "data: no json\n\n"]],
        [{"status": 200}, [0.1, 'data: {"tick": 1}\n\n']],
        [{"status": 200}, [0.1, {"$": "opaque", "type": "bytes", "why": "not text"}]],
        [1, 2],
        [],
    ],
)
def test_another_stream_stays_as_it_was_recorded(value: Any) -> None:
    """Events that are no answer of a model are shown as data."""
    assert text_of(value).startswith("[")


def test_the_page_shows_what_was_said_and_folds_the_events() -> None:
    """On the page the text comes first; a list and a difference show the text alone."""
    stream = recorded(*OPENAI, {"choices": [{"index": 0, "delta": {"content": "}"}}]})
    said, events = blocks(stream)
    assert said.is_message
    assert not said.is_folded
    assert "data:" not in said.html
    assert events.is_folded
    assert events.label == "the stream, as recorded"
    assert gist(stream) == '{"a": 1}'
    assert json.loads(as_lines(stream)) == {"a": 1}
