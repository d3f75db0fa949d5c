"""The span of a generation: what is on it when it begins, and what is added at its end."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from opentelemetry import trace

from genmon_otel import conventions as names
from genmon_otel.payload import Streamed
from genmon_otel.recorder import contain, diagnosis
from genmon_otel.recorder.identity import pseudonym
from genmon_otel.records import MAX_REQUEST, Failure, Outcome
from genmon_otel.text import safe_repr

if TYPE_CHECKING:
    from genmon_otel.recorder.live_generation import Generation

# Looking names up in another module costs, five times a call, as much as making an identity.
_OPERATION_NAME: Final = names.GEN_AI_OPERATION_NAME
_WORKFLOW: Final = names.WORKFLOW_OPERATION
_WORKFLOW_NAME: Final = names.GEN_AI_WORKFLOW_NAME
_GENERATION_ID: Final = names.ATTR_GENERATION_ID
_FRAMEWORK: Final = names.ATTR_FRAMEWORK
_OUTCOME: Final = names.ATTR_OUTCOME
_SUCCESS: Final = Outcome.SUCCESS
_SUCCESS_VALUE: Final = Outcome.SUCCESS.value


def begin(generation: Generation) -> trace.Span:
    """Start the span; one that records nothing where that breaks."""
    under, spec = generation.under, generation.spec
    attributes = {
        _OPERATION_NAME: _WORKFLOW,
        _WORKFLOW_NAME: spec.operation,
        _GENERATION_ID: generation.id,
        _FRAMEWORK: generation.framework,
        # Spans are exported when they have ended, and most end well: what does not says so
        # then. An attribute that is added costs three times what one at the beginning does.
        _OUTCOME: _SUCCESS_VALUE,
    }
    try:
        if generation.project_id is not None:
            attributes[names.ATTR_PROJECT_ID] = generation.project_id
        if under.pseudonym_key is not None and generation.user_id is not None:
            key = under.pseudonym_key
            attributes[names.ENDUSER_PSEUDO_ID] = pseudonym(key, generation.user_id)
        if under.content_on_spans and generation.request:
            attributes[names.GEN_AI_INPUT_MESSAGES] = _message("user", generation.request)
        return under.tracer.start_span(spec.span_name, attributes=attributes)
    except BaseException:
        contain("span", under)
        return trace.INVALID_SPAN


def end(generation: Generation, outcome: Outcome, failure: Failure | None, result: Any) -> None:
    """End the span, whatever becomes of its last attributes."""
    span = generation.span
    try:
        if outcome is not _SUCCESS:
            span.set_attribute(_OUTCOME, outcome.value)
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
