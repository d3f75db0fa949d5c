"""The span of an automatic step: its attributes, and when another instrumentation's span is used instead.

A model's call gets the span ``gen_ai.client.inference`` of the GenAI conventions, another call one with its
name. There is none where the same call has one already:

* of a model's call, where the innermost span here is another instrumentation's of a model's call, where one was started
  here for this call and is open without being current, as some make them, or where the context says that there is one
  (``suppress_language_model_instrumentation``);
* of another call, where the innermost span here is another's of kind CLIENT, where the context suppresses spans of
  HTTP clients, or where OpenTelemetry instruments the library itself.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any, Final

from opentelemetry.context import _SUPPRESS_HTTP_INSTRUMENTATION_KEY, get_current
from opentelemetry.trace import Span, SpanKind, get_current_span

from genmon_otel import conventions as names
from genmon_otel.capture.endpoints import Endpoint
from genmon_otel.capture.usage import is_streamed, requested_model
from genmon_otel.capture.wire import Sent

#: By adapter: OpenTelemetry's instrumentations that make a span for the same call.
_INSTRUMENTORS: Final[Mapping[str, tuple[tuple[str, str], ...]]] = {
    "httpx": (
        ("opentelemetry.instrumentation.httpx", "HTTPXClientInstrumentor"),
        ("opentelemetry.instrumentation.httpx2", "HTTPX2ClientInstrumentor"),
    ),
    "aiohttp": (("opentelemetry.instrumentation.aiohttp_client", "AioHttpClientInstrumentor"),),
    "urllib3": (("opentelemetry.instrumentation.urllib3", "URLLib3Instrumentor"),),
    "urllib": (("opentelemetry.instrumentation.urllib", "URLLibInstrumentor"),),
}
#: Instrumentations that set the kind of a span only when it ends, and the names of their spans of a model's call.
_SCOPES: Final[Mapping[str, re.Pattern[str]]] = {
    **{
        f"openinference.instrumentation.{library}": re.compile("")
        for library in ("anthropic", "google_genai", "groq", "mistralai", "openai", "vertexai")
    },
    "openinference.instrumentation.llama_index": re.compile(
        r"\.a?(?:stream_)?(?:chat|complete)$|\._?a?get_(?:query|text)_embeddings?$"
    ),
}
#: Where the providers' own hosts are asked.
_HTTPS: Final = 443
#: Spans of others that are looked at for one of this call: the last ones that began here.
_MAX_OPEN: Final = 4


class OpenSpan:
    """A span that another instrumentation began within a generation, and the call that it represents."""

    __slots__ = ("call", "generation", "span")

    def __init__(self, generation: str, span: Span) -> None:
        self.generation = generation
        self.span = span
        #: Key of the request; None: of none yet. Attempts of a call have the same.
        self.call: object = None


#: Of this context, oldest first.
_open: ContextVar[tuple[OpenSpan, ...]] = ContextVar("genmon_open_spans", default=())


def note_started(generation: str, span: Span) -> None:
    """Note that another instrumentation began a span, which it may leave without making it current.

    Args:
        generation: the id of the generation that is open here.
        span: the span.
    """
    still = [o for o in _open.get() if o.generation == generation and o.span.is_recording()]
    _open.set((*still[1 - _MAX_OPEN :], OpenSpan(generation, span)))


def _is_started(generation: str, call: Sent) -> bool:
    """Whether a model's span that is open in this context was begun for a call."""
    opened = _open.get()
    if not opened:
        return False
    for one in reversed(opened):
        if one.generation == generation and one.span.is_recording() and is_inference(one.span):
            if one.call is None:
                one.call = call.key()
            if one.call == call.key():
                return True
    return False


def has_span(
    adapter: str, api: tuple[str, str] | None, own: Span, generation: str, sent: Sent
) -> bool:
    """Whether another instrumentation makes the span of a call that begins here.

    Args:
        adapter: the name of the adapter.
        api: provider and operation of a model's call; None for another call.
        own: the generation's span: below it alone there is no other that is current.
        generation: its id.
        sent: the request.
    """
    context = get_current()
    span = get_current_span(context)
    is_foreign = span is not own and span.is_recording() and not _is_ours(span)
    if api is not None:
        return (
            bool(context.get(names.SUPPRESSES_INFERENCE))
            or (is_foreign and is_inference(span))
            or _is_started(generation, sent)
        )
    if is_foreign and getattr(span, "kind", None) is SpanKind.CLIENT:
        return True
    return bool(context.get(_SUPPRESS_HTTP_INSTRUMENTATION_KEY)) or _is_instrumented(adapter)


def is_inference(span: Any) -> bool:
    """Whether a span represents one call of a model."""
    # OpenInference's spans set their kind as an attribute only when they end.
    for holder in ("attributes", "_self_important_attributes"):
        attributes = getattr(span, holder, None) or {}
        for key, kinds in names.INFERENCE_KINDS.items():
            kind = attributes.get(key)
            if isinstance(kind, str) and kind.strip('"').lower() in kinds:  # MLflow's are JSON
                return True
    scope = getattr(span, "instrumentation_scope", None)
    called = None if scope is None else _SCOPES.get(scope.name)
    return called is not None and bool(called.search(span.name))


def _is_ours(span: Span) -> bool:
    scope = getattr(span, "instrumentation_scope", None)
    return scope is not None and scope.name == names.TRACER


def _is_instrumented(adapter: str) -> bool:
    for module, name in _INSTRUMENTORS.get(adapter, ()):
        if (loaded := sys.modules.get(module)) is not None:
            made = getattr(getattr(loaded, name, None), "_instance", None)
            if getattr(made, "is_instrumented_by_opentelemetry", False):
                return True
    return False


def inference_span(endpoint: Endpoint, sent: Sent) -> tuple[str, dict[str, Any]]:
    """Return name and first attributes of the span of a model's call."""
    assert endpoint.api is not None
    operation = endpoint.operation
    attributes: dict[str, Any] = {
        names.GEN_AI_OPERATION_NAME: operation,
        names.GEN_AI_PROVIDER_NAME: endpoint.api[0],
        names.SERVER_ADDRESS: sent.host,
        names.SERVER_PORT: sent.port or _HTTPS,
    }
    if is_streamed(sent.path, sent.body):
        attributes[names.GEN_AI_REQUEST_STREAM] = True
    model = requested_model(sent.path, sent.body)
    if not model:
        return operation, attributes
    attributes[names.GEN_AI_REQUEST_MODEL] = model
    return f"{operation} {model}", attributes
