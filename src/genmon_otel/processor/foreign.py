"""Spans of other GenAI instrumentations: which of them are failures, and the records of these."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import StatusCode

from genmon_otel import conventions as names
from genmon_otel.classification import classify_text
from genmon_otel.corrections import corrected
from genmon_otel.fingerprint import identify
from genmon_otel.recorder import Runtime
from genmon_otel.records import Failure, GenerationRecord, Outcome
from genmon_otel.stacks import is_in_app
from genmon_otel.text import clean

#: Characters kept of a name, a message and a stack.
MAX_NAME: Final = 200
MAX_MESSAGE: Final = 2000
MAX_STACK: Final = 16_000

#: Exceptions that end a span with an error and are no failure: a cancellation, or a graph that waits.
_NO_FAILURE: Final = frozenset(
    "CancelledError GeneratorExit KeyboardInterrupt SystemExit "
    "GraphInterrupt NodeInterrupt GraphBubbleUp ParentCommand".split()
)
_FRAME: Final = re.compile(r'^ {2}File "([^"\n]{1,400})", line (\d{1,9}), in ([^\n]{1,200})$', re.M)


def is_genai(span: ReadableSpan) -> bool:
    """Whether a span has an attribute of a GenAI operation."""
    attributes = span.attributes
    return attributes is not None and any(key in attributes for key in names.FOREIGN_KINDS)


def is_failed_root(span: ReadableSpan) -> bool:
    """Whether a span that ended can be the failed root span of another instrumentation's generation."""
    attributes = span.attributes
    if not attributes or not _has_failed(span, attributes):
        return False
    for key, kinds in names.FOREIGN_KINDS.items():
        kind = attributes.get(key)
        # MLflow's values are JSON: in quotes.
        if isinstance(kind, str) and kind.strip('"').lower() in kinds:
            return _error_type(span, attributes).rpartition(".")[2] not in _NO_FAILURE
    return False


def record_of(span: ReadableSpan, runtime: Runtime) -> tuple[GenerationRecord, Failure]:
    """Make the record of a foreign failure: classified, fingerprinted, redacted and bounded."""
    attributes: Mapping[str, Any] = span.attributes or {}
    event = _exception(span)
    error_type = _error_type(span, attributes)
    redact = runtime.redactor.text
    message = redact(
        str(
            event.get(names.EXCEPTION_MESSAGE)
            or span.status.description
            or attributes.get(names.LANGFUSE_STATUS_MESSAGE)
            or ""
        ),
        MAX_MESSAGE,
    )
    stack = redact(str(event.get(names.EXCEPTION_STACKTRACE) or ""), MAX_STACK)
    verdict = classify_text(redact(error_type, MAX_NAME), message)
    operation = redact(_first(attributes, names.FOREIGN_NAMES) or span.name, MAX_NAME)
    fingerprint, signature = identify(
        operation=operation,
        category=verdict.category,
        error_type=verdict.error_type,
        message=message,
        stage="",
        environment=verdict.is_environment,
        places=(),
    )
    file, line, function = _raise_site(stack)
    ended_at = (span.end_time or 0) / 1e9
    started_at = (span.start_time or 0) / 1e9
    context = span.get_span_context()
    failure = Failure(
        category=verdict.category,
        severity=verdict.severity,
        error_type=verdict.error_type,
        error_message=message,
        stack_trace=stack,
        fingerprint=fingerprint,
        signature=signature,
        function=function,
        file=file,
        line=line,
        origin="foreign_span",
        rule=verdict.rule,
        words=redact(verdict.words, MAX_STACK),
    )
    failure = corrected(failure, runtime.sink.corrections)
    record = GenerationRecord(
        generation_id=runtime.new_id(),
        operation=operation,
        framework=names.NO_FRAMEWORK,
        outcome=Outcome.FAILURE,
        started_at=started_at,
        ended_at=ended_at,
        duration_s=max(0.0, ended_at - started_at),
        user_id=_first(attributes, names.FOREIGN_USERS),
        trace_id=f"{context.trace_id:032x}" if context else None,
        span_id=f"{context.span_id:016x}" if context else None,
        code_version=runtime.code_version,
        failure=failure,
    )
    return record, failure


def _has_failed(span: ReadableSpan, attributes: Mapping[str, Any]) -> bool:
    return (
        span.status.status_code is StatusCode.ERROR
        or attributes.get(names.LANGFUSE_LEVEL) == "ERROR"
    )


def _error_type(span: ReadableSpan, attributes: Mapping[str, Any]) -> str:
    named = _exception(span).get(names.EXCEPTION_TYPE) or attributes.get(names.ERROR_TYPE)
    return clean(str(named or "Error"), MAX_NAME)


def _exception(span: ReadableSpan) -> Mapping[str, Any]:
    """Return the attributes of the last ``exception`` event: the one that escaped."""
    for event in reversed(span.events):
        if event.name == names.EXCEPTION_EVENT:
            return event.attributes or {}
    return {}


def _first(attributes: Mapping[str, Any], keys: Iterable[str]) -> str | None:
    """Return the first of these attributes that is set, as text."""
    for key in keys:
        value = attributes.get(key)
        if isinstance(value, (str, int)) and value != "":
            return clean(str(value), MAX_NAME)
    return None


def _raise_site(stack: str) -> tuple[str, int, str]:
    """Return file, line and function of the innermost frame of the application's own code."""
    site = ("", 0, "")
    for file, line, function in _FRAME.findall(stack):
        if is_in_app(file, ""):
            site = (file, int(line), function)
    return site
