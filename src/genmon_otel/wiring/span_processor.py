"""The whole product as a span processor, for applications that configure OpenTelemetry themselves."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakSet

from genmon_otel.processor import MAX_FLUSH_S, ForeignFailureProcessor
from genmon_otel.wiring import in_force
from genmon_otel.wiring.provider_search import processors

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.trace import TracerProvider
    from prometheus_client import CollectorRegistry

#: Providers to which ``setup()`` added a processor, which cannot be removed again.
_served: Final[WeakSet[Any]] = WeakSet()


class GenerationSpanProcessor(ForeignFailureProcessor):
    """Do what ``setup()`` does, for the TracerProvider that this processor is added to.

    ``provider.add_span_processor(GenerationSpanProcessor(store=…))`` is all that an application
    needs: decorated functions are counted, traced with that provider, and kept. No other
    provider is made. Used together with ``setup()``, or added more than once, it is the same installation:
    the first one's options count, others are warned of. :func:`genmon_otel.shutdown` undoes it,
    also while the processor stays in its provider.

    It also keeps the failures of other GenAI instrumentations that its provider traces: see
    :class:`genmon_otel.processor.ForeignFailureProcessor`.

    It takes the arguments of :func:`genmon_otel.setup`. ``tracer_provider`` can be left out:
    generations are traced with the provider that has this processor, global or not, else with the
    global one.

    Raises:
        GenmonError: an option is not allowed, or the store's file or folder cannot be used.
    """

    def __init__(
        self,
        store: str | os.PathLike[str] | None = None,
        *,
        service_name: str | None = None,
        tracer_provider: TracerProvider | None = None,
        registry: CollectorRegistry | None = None,
        metrics: str | None = None,
        metrics_port: int | None = None,
        metrics_host: str | None = None,
        capture: str | None = None,
        frameworks: Iterable[str] | None = None,
        redact: Callable[[str], str] | None = None,
        code_version: str | None = None,
        journal_dir: str | os.PathLike[str] | None = None,
        pseudonym_key: str | None = None,
        resources: bool | None = None,
        steps: str | None = None,
        steps_ignore: Iterable[str] | None = None,
        donors: str | None = None,
    ) -> None:
        super().__init__()
        self._is_replay = in_force.is_replay()
        in_force.install(
            {
                "store": store,
                "service_name": service_name,
                "tracer_provider": tracer_provider,
                "registry": registry,
                "metrics": metrics,
                "metrics_port": metrics_port,
                "metrics_host": metrics_host,
                "capture": capture,
                "frameworks": frameworks,
                "redact": redact,
                "code_version": code_version,
                "journal_dir": journal_dir,
                "pseudonym_key": pseudonym_key,
                "resources": resources,
                "steps": steps,
                "steps_ignore": steps_ignore,
                "donors": donors,
            },
            processor=self,
        )

    def _deliver(self, span: ReadableSpan, key: tuple[int, int]) -> None:
        """Deliver a foreign failure, but not in a replay, which observes its own generation only."""
        if not self._is_replay:
            super()._deliver(span, key)

    def shutdown(self) -> None:
        """Wait for the store, up to five seconds; generations outlive the provider, and are kept."""
        self.force_flush(int(MAX_FLUSH_S * 1000))


def add_once(provider: Any) -> None:
    """Add a processor to a provider that takes processors and has none of this kind."""
    if provider is None or not hasattr(provider, "add_span_processor") or provider in _served:
        return
    if not any(isinstance(each, GenerationSpanProcessor) for each in processors(provider)):
        provider.add_span_processor(GenerationSpanProcessor())
    _served.add(provider)
