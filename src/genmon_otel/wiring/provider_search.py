"""Find the provider that a span processor was added to: OpenTelemetry gives a processor no reference to it."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from opentelemetry import trace
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider

from genmon_otel import conventions as names
from genmon_otel._version import __version__


def processors(provider: object) -> tuple[SpanProcessor, ...]:
    """Return the processors of a provider; none for a provider that is not the SDK's."""
    active = getattr(provider, "_active_span_processor", None)
    found = getattr(active, "_span_processors", ())
    return found if isinstance(found, tuple) else ()


def provider_of(processor: SpanProcessor) -> Any:
    """Return the provider that has a processor; None while none has it.

    The global provider is looked at first. An application may keep a provider to itself:
    then every object of the process is looked at (some 50 ms where there are a million).
    """
    current = trace.get_tracer_provider()
    if _has(current, processor):
        return current
    return next((found for found in _providers() if _has(found, processor)), None)


def _providers() -> Iterator[TracerProvider]:
    for found in gc.get_objects():
        if issubclass(type(found), TracerProvider):  # isinstance() would wake lazy proxies
            yield found


def _has(provider: object, processor: SpanProcessor) -> bool:
    return any(each is processor for each in processors(provider))


class SearchingTracer(trace.Tracer):
    """Make spans with the provider that has a processor, searched for when a span starts.

    A processor is made before it is added. Until its provider is found, spans are made
    with another tracer; the search is repeated at the 2nd, 4th, 8th, … span.

    Args:
        processor: whose provider is searched for.
        otherwise: makes spans until the provider is found.
        on_found: is called with the tracer of the provider, which replaces this one.
    """

    def __init__(
        self,
        processor: SpanProcessor,
        otherwise: trace.Tracer,
        on_found: Callable[[trace.Tracer], object],
    ) -> None:
        self._processor = processor
        self._tracer = otherwise
        self._on_found = on_found
        self._spans = 0
        self._is_found = False

    def start_span(self, *args: Any, **kwargs: Any) -> trace.Span:
        """Start a span, as :meth:`opentelemetry.trace.Tracer.start_span` does."""
        self._search()
        return self._tracer.start_span(*args, **kwargs)

    @contextmanager
    def start_as_current_span(self, *args: Any, **kwargs: Any) -> Iterator[trace.Span]:  # type: ignore[override]
        """Start a span and make it current."""
        self._search()
        with self._tracer.start_as_current_span(*args, **kwargs) as span:
            yield span

    def _search(self) -> None:
        self._spans += 1
        if self._is_found or self._spans & (self._spans - 1):
            return
        provider = provider_of(self._processor)
        if provider is not None:
            self._is_found = True
            self._tracer = provider.get_tracer(names.TRACER, __version__)
            self._on_found(self._tracer)
