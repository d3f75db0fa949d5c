"""The span of a generation: what is on it when it begins, and what is added at its end."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from genmon_otel import conventions as names
from genmon_otel.payload import Streamed
from genmon_otel.recorder import diagnosis
from genmon_otel.recorder.identity import pseudonym
from genmon_otel.recorder.spec import span_attributes
from genmon_otel.records import MAX_REQUEST, Failure, Outcome
from genmon_otel.text import safe_repr

if TYPE_CHECKING:
    from genmon_otel.recorder.live_generation import Generation

_SUCCESS: Final = Outcome.SUCCESS


def attributes(generation: Generation) -> dict[str, str]:
    """What is on the span from its beginning."""
    under = generation.under
    known = span_attributes(generation.spec.operation, generation.framework)
    if generation.project_id is not None:
        known[names.ATTR_PROJECT_ID] = generation.project_id
    if under.pseudonym_key is not None and generation.user_id is not None:
        known[names.ENDUSER_PSEUDO_ID] = pseudonym(under.pseudonym_key, generation.user_id)
    if under.content_on_spans and generation.request:
        known[names.GEN_AI_INPUT_MESSAGES] = _message("user", generation.request)
    return known


def end(generation: Generation, outcome: Outcome, failure: Failure | None, result: Any) -> None:
    """End the span, whatever becomes of its last attributes."""
    span = generation.span
    try:
        if outcome is not _SUCCESS:
            span.set_attribute(names.ATTR_OUTCOME, outcome.value)
        if generation.file_count is not None:
            span.set_attribute(names.ATTR_FILE_COUNT, generation.file_count)
        if failure is not None:
            diagnosis.mark(span, failure, generation, result)
        if (
            generation.under.content_on_spans
            and result is not None
            and type(result) is not Streamed
        ):
            text = safe_repr(result, MAX_REQUEST)
            text = generation.under.redactor.text(text, MAX_REQUEST)
            span.set_attribute(names.GEN_AI_OUTPUT_MESSAGES, _message("assistant", text))
    finally:
        span.end()


def _message(role: str, text: str) -> str:
    """One message in the GenAI conventions' JSON form."""
    return json.dumps([{"role": role, "parts": [{"type": "text", "content": text}]}])
