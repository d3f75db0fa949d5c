"""The span processor: keeps the failures of other GenAI instrumentations.

The SDK calls these hooks on the application's thread and does not catch what they raise, so
no hook raises or waits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.trace import StatusCode, get_current_span

from genmon_otel import conventions as names
from genmon_otel import recorder
from genmon_otel.capture.spans import note_started
from genmon_otel.failure_log import log_failure
from genmon_otel.processor.bounded_set import BoundedSet
from genmon_otel.processor.foreign import is_failed_root, is_genai, record_of
from genmon_otel.recorder.current import open_generation
from genmon_otel.recorder.runtime import suppress_and_count

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import Span
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope

__all__ = ["MAX_FLUSH_S", "ForeignFailureProcessor"]

#: Seconds that ``force_flush`` may wait for the store; what is not stored is journalled.
MAX_FLUSH_S: Final = 5.0

_SpanKey = tuple[int, int]


#: Foreign failures that were delivered: a processor that is added twice delivers each once.
_delivered: Final[BoundedSet[_SpanKey]] = BoundedSet()
#: Ids of traces in which a generation failed: the spans above it failed for the same reason.
_failed_traces: Final[BoundedSet[int]] = BoundedSet()


class ForeignFailureProcessor(SpanProcessor):
    """Keep the failures of other GenAI instrumentations.

    It is what :class:`genmon_otel.GenerationSpanProcessor` does with spans. Decorated generations do
    not depend on it: the recorder delivers each of them itself, exactly once, before its span ends.

    A *foreign* failure is a workflow's, agent's or model call's span that ended with
    an error, made by another instrumentation, with no GenAI span above it, and with no
    generation of ours above it or failed below it. It is classified, grouped and kept,
    but is no attempt.
    """

    def __init__(self) -> None:
        # Spans with a generation or another GenAI span above them: never foreign roots.
        self._inside: BoundedSet[_SpanKey] = BoundedSet()
        #: The scope of our own spans, once seen: comparing by identity is quicker than by name.
        self._own: InstrumentationScope | None = None

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Note whether the span is inside a generation."""
        try:
            scope = span.instrumentation_scope
            if scope is not None and (scope is self._own or self._is_ours(scope)):
                return
            generation = open_generation()
            if generation is not None:
                note_started(generation.id, span)
            if generation is not None or self._is_below_genai(parent_context):
                context = span.get_span_context()
                self._inside.add((context.trace_id, context.span_id))
        except BaseException:
            suppress_and_count("processor")

    def on_end(self, span: ReadableSpan) -> None:
        """Keep the foreign failure that this span is, if it is one."""
        try:
            scope = span.instrumentation_scope
            is_ours = scope is not None and (scope is self._own or self._is_ours(scope))
            if is_ours and not _is_failed_generation(span):
                return
            context = span.get_span_context()
            if context is None:
                return
            key = (context.trace_id, context.span_id)
            if is_ours:
                _failed_traces.add(context.trace_id)
            elif not self._inside.pop(key) and is_failed_root(span):
                self._deliver(span, key)
        except BaseException:
            suppress_and_count("processor")

    def _is_ours(self, scope: InstrumentationScope) -> bool:
        if scope.name != names.TRACER:
            return False
        self._own = scope
        return True

    def shutdown(self) -> None:
        """Do nothing: generations outlive the provider they were traced with."""

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Wait for the store, but no longer than five seconds."""
        try:
            return recorder.active_runtime().sink.flush(min(timeout_millis / 1000, MAX_FLUSH_S))
        except BaseException:
            suppress_and_count("processor")
            return False

    def _deliver(self, span: ReadableSpan, key: _SpanKey) -> None:
        """Deliver a foreign failure, unless it was delivered already."""
        if key[0] not in _failed_traces and _delivered.add(key):
            runtime = recorder.active_runtime()
            record, failure = record_of(span, runtime)
            runtime.sink.deliver(record)
            log_failure(record, failure)

    def _is_below_genai(self, parent_context: Context | None) -> bool:
        """Whether the span that begins has any GenAI span above it, in this process."""
        parent = get_current_span(parent_context)
        if not isinstance(parent, ReadableSpan):
            return False
        context = parent.get_span_context()
        if context is not None and (context.trace_id, context.span_id) in self._inside:
            return True
        scope = parent.instrumentation_scope
        return (scope is not None and scope.name == names.TRACER) or is_genai(parent)


def _is_failed_generation(span: ReadableSpan) -> bool:
    """Whether a span of ours is that of a generation that failed."""
    return (
        span.status.status_code is StatusCode.ERROR
        and span.attributes is not None
        and names.ATTR_FAILURE_CATEGORY in span.attributes
    )
