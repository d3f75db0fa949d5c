"""Say what a streamed answer of a model says: the text of its events, joined."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final

#: Lines of one answer that are read.
_MOST: Final = 100_000


def streamed_answer(value: Any) -> tuple[str, str] | None:
    """Return a recorded event stream's text and why it ended, else None: it is no answer of a model.

    ``value`` is an automatic step's outcome as plain data: what came first (a status), then each
    chunk with its time; or an answer whose body is such a stream. Tool calls are named, their
    arguments are joined. Formats: OpenAI's chat and responses, Anthropic's messages, Gemini's.
    """
    text = "".join(_chunks(value))
    if "data:" not in text:
        return None
    said: list[str] = []
    reason = ""
    for event in _events(text):
        said += _said(event)
        reason = _reason(event) or reason
    answer = "".join(said).strip("\n")
    return (answer, reason) if answer else None


def _chunks(value: Any) -> Iterator[str]:
    """Yield the texts of a stream's chunks."""
    if isinstance(value, Mapping):
        if isinstance(body := value.get("body"), str):
            yield body
    elif isinstance(value, list) and value and isinstance(value[0], Mapping):
        for chunk in value[1:]:
            if isinstance(chunk, list) and len(chunk) == 2 and isinstance(chunk[1], str):
                yield chunk[1]


def _events(text: str) -> Iterator[Mapping[str, Any]]:
    """Yield the data of server-sent events that is a JSON object."""
    # A line ends at CR, LF or both, as the format says: JSON may hold the other ends of lines that Unicode has.
    for line in islice(io.StringIO(text, newline=None), _MOST):
        if line.startswith("data:"):
            try:
                event = json.loads(line[5:])
            except (ValueError, RecursionError):
                continue
            if isinstance(event, Mapping):
                yield event


def _said(event: Mapping[str, Any]) -> Iterator[str]:
    """Yield the pieces of the answer that one event carries."""
    for choice in _first(event.get("choices")):
        if isinstance(delta := choice.get("delta"), Mapping):
            yield from _text(delta.get("content"))
            for call in _maps(delta.get("tool_calls")):
                if isinstance(function := call.get("function"), Mapping):
                    yield from _called(function.get("name"))
                    yield from _text(function.get("arguments"))
    kind, delta = event.get("type"), event.get("delta")
    if kind in ("response.output_text.delta", "response.function_call_arguments.delta"):
        yield from _text(delta)
    elif kind == "content_block_delta" and isinstance(delta, Mapping):
        yield from _text(delta.get("text"))
        yield from _text(delta.get("partial_json"))
    for begun in (event.get("content_block"), event.get("item")):
        if isinstance(begun, Mapping) and str(kind).endswith(("_start", ".added")):
            yield from _called(begun.get("name"))
    for candidate in _first(event.get("candidates")):
        if isinstance(content := candidate.get("content"), Mapping):
            for part in _maps(content.get("parts")):
                yield from _text(part.get("text"))
                if isinstance(function := part.get("functionCall"), Mapping):
                    yield from _called(function.get("name"))
                    yield json.dumps(function.get("args"), ensure_ascii=False)


def _reason(event: Mapping[str, Any]) -> str:
    """Return why an answer ended, if this event says it."""
    ends: list[Any] = []
    for one in (*_first(event.get("choices")), *_first(event.get("candidates"))):
        ends += [one.get("finish_reason"), one.get("finishReason")]
    for holder in (event.get("delta"), event.get("response")):
        if isinstance(holder, Mapping):
            ends += [holder.get("stop_reason")]
            ends += [holder.get("status")] if event.get("type") == "response.completed" else []
    return next((end for end in ends if isinstance(end, str)), "")


def _text(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value


def _called(name: Any) -> Iterator[str]:
    if isinstance(name, str) and name:
        yield f"\ncalls {name}: "


def _maps(value: Any) -> Iterable[Mapping[str, Any]]:
    if isinstance(value, Sequence) and not isinstance(value, str):
        yield from (each for each in value if isinstance(each, Mapping))


def _first(value: Any) -> Iterable[Mapping[str, Any]]:
    """Yield the first of the answers to one request; of an answer that did not stream only that is shown, too."""
    for each in _maps(value):
        if each.get("index", 0) == 0:
            yield each
            return
