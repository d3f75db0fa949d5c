"""The span of a generation: its attributes at the start, and those added at the end."""

from __future__ import annotations

import json
from typing import Any, Final

from opentelemetry.trace import Span, Status, StatusCode

from genmon_otel import conventions as names
from genmon_otel.identity import pseudonym
from genmon_otel.payload import Streamed
from genmon_otel.recorder.diagnosis.content import contents_of, hide_all
from genmon_otel.recorder.diagnosis.diagnose import reason_of
from genmon_otel.recorder.diagnosis.messages import Subject
from genmon_otel.recorder.facts import GenerationFacts
from genmon_otel.recorder.options import span_attributes
from genmon_otel.recorder.runtime import Runtime
from genmon_otel.records import MAX_REQUEST, Failure, Outcome
from genmon_otel.text import safe_repr

#: Characters of a span's status description.
_MAX_DESCRIPTION: Final = 200
_SUCCESS: Final = Outcome.SUCCESS


def start_attributes(
    operation: str, framework: str, subject: Subject, runtime: Runtime
) -> dict[str, str]:
    """Return the attributes of the span at its start.

    Args:
        operation: what is generated.
        framework: what it is generated for.
        subject: the ids of user and project, and the redacted request.
        runtime: says what of these may be on a span.
    """
    attributes = dict(span_attributes(operation, framework))
    if subject.project_id is not None:
        attributes[names.ATTR_PROJECT_ID] = subject.project_id
    if runtime.pseudonym_key is not None and subject.user_id is not None:
        attributes[names.ENDUSER_PSEUDO_ID] = pseudonym(runtime.pseudonym_key, subject.user_id)
    if runtime.content_on_spans and subject.request:
        attributes[names.GEN_AI_INPUT_MESSAGES] = _message("user", subject.request)
    return attributes


def end_span(
    span: Span, facts: GenerationFacts, failure: Failure | None, result: Any, runtime: Runtime
) -> None:
    """End the span, even where setting its last attributes fails."""
    try:
        if facts.outcome is not _SUCCESS and facts.outcome is not None:
            span.set_attribute(names.ATTR_OUTCOME, facts.outcome.value)
        if facts.file_count is not None:
            span.set_attribute(names.ATTR_FILE_COUNT, facts.file_count)
        if failure is not None:
            _mark_failed(span, facts, failure, result, runtime)
        if runtime.content_on_spans and result is not None and type(result) is not Streamed:
            text = runtime.redactor.text(safe_repr(result, MAX_REQUEST), MAX_REQUEST)
            span.set_attribute(names.GEN_AI_OUTPUT_MESSAGES, _message("assistant", text))
    finally:
        span.end()


def _mark_failed(
    span: Span, facts: GenerationFacts, failure: Failure, result: Any, runtime: Runtime
) -> None:
    """Set a failure on its span: attributes, one ``exception`` event, the status.

    Content goes there only if the runtime says so; what errors quote of it is left out.
    """
    message, stack = failure.error_message, failure.stack_trace
    if not runtime.content_on_spans:
        # a result that says no reason: the message is what the result looks like
        is_content = result is not None and reason_of(result) is None
        contents = contents_of(facts, *((message,) if is_content else ()))
        message, stack = hide_all((message, stack), contents)
    category, severity = failure.label
    span.set_attributes(
        {
            names.ERROR_TYPE: failure.error_type,
            names.ATTR_FAILURE_CATEGORY: str(category),
            names.ATTR_FAILURE_SEVERITY: severity.value,
            names.ATTR_FAILURE_FINGERPRINT: failure.fingerprint,
            names.CODE_FUNCTION_NAME: failure.function,
            names.CODE_FILE_PATH: failure.file,
            names.CODE_LINE_NUMBER: failure.line,
        }
    )
    span.add_event(
        names.EXCEPTION_EVENT,
        {
            names.EXCEPTION_TYPE: failure.error_type,
            names.EXCEPTION_MESSAGE: message,
            names.EXCEPTION_STACKTRACE: stack,
        },
    )
    span.set_status(Status(StatusCode.ERROR, message[:_MAX_DESCRIPTION]))


def _message(role: str, text: str) -> str:
    """Return one message in the GenAI conventions' JSON form."""
    return json.dumps([{"role": role, "parts": [{"type": "text", "content": text}]}])
