"""Use the application's OpenTelemetry providers; create one where there is none."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable
from importlib.metadata import entry_points
from typing import Any, Final

from opentelemetry import metrics, trace
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from genmon_otel.errors import ConfigurationError
from genmon_otel.wiring.flushing import Flush, standby

#: ``OTEL_*_EXPORTER=otlp`` by protocol. Source: OpenTelemetry's SDK specification.
_PROTOCOLS: Final = {"grpc": "otlp_proto_grpc", "http/protobuf": "otlp_proto_http"}
#: ``service.instance.id`` of this process, where the SDK does not set it.
_INSTANCE: Final = str(uuid.uuid4())


class Exports(SpanProcessor):
    """The exporting processors of the provider that genmon made.

    A global provider cannot be taken back, nor a processor taken out of it. So
    the provider made here holds this one processor, whose exporters come with
    ``setup()`` and go with ``shutdown()``.
    """

    def __init__(self) -> None:
        self._processors: tuple[SpanProcessor, ...] = ()

    def start(self) -> None:
        """Export to what ``OTEL_TRACES_EXPORTER`` names; to nothing when it names nothing."""
        if not self._processors:
            self._processors = tuple(
                BatchSpanProcessor(exporter()) for exporter in exporters("traces")
            )
        if self._processors:
            standby.start("traces")

    def stop(self) -> Flush:
        """Start to flush and stop; return the Flush to wait for."""
        processors, self._processors = self._processors, ()
        return Flush(*(processor.shutdown for processor in processors))

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        for processor in self._processors:
            processor.on_start(span, parent_context)

    def on_end(self, span: ReadableSpan) -> None:
        for processor in self._processors:
            processor.on_end(span)

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        flush = Flush(*(processor.force_flush for processor in self._processors))
        return flush.wait(timeout_millis / 1000)

    def shutdown(self) -> None:
        self.stop().wait(30)


_ours: tuple[TracerProvider, Exports] | None = None


def tracer_provider(given: Any, service_name: str | None) -> tuple[Any, Exports | None]:
    """Return the provider to trace with, and its exports if genmon made it and must stop them.

    Args:
        given: ``setup(tracer_provider=)``; None: the global one, which is made from the
            standard ``OTEL_*`` variables only where the application configured none.
        service_name: ``service.name`` of a provider made here; None leaves it to ``OTEL_*``.

    Raises:
        ConfigurationError: an ``OTEL_*`` variable names an exporter there is not.
    """
    global _ours
    if given is not None:
        if not callable(getattr(given, "get_tracer", None)):
            raise ConfigurationError(
                f"tracer_provider={type(given).__name__} is not allowed. Give an "
                "opentelemetry.sdk.trace.TracerProvider, or leave it out for the global one."
            )
        return given, None
    current = trace.get_tracer_provider()
    if _ours is not None and current is _ours[0]:
        _ours[1].start()
        return _ours
    if not isinstance(current, trace.ProxyTracerProvider):
        return current, None
    exports = Exports()
    exports.start()
    # Our own exit flushes within a deadline, so the provider must not do it without one.
    provider = TracerProvider(resource=_resource(service_name), shutdown_on_exit=False)
    provider.add_span_processor(exports)
    trace.set_tracer_provider(provider)
    if trace.get_tracer_provider() is not provider:  # another thread set one first
        exports.stop()
        return trace.get_tracer_provider(), None
    _ours = (provider, exports)
    return _ours


def meter_provider(service_name: str | None) -> tuple[Any, Callable[[], Flush] | None]:
    """Return the provider of ``metrics="otlp"``, and the function that stops it if it was made here.

    The application's is used; where there is none, one is made from the standard
    ``OTEL_*`` variables, which exports by OTLP unless ``OTEL_METRICS_EXPORTER`` says otherwise.

    Raises:
        ConfigurationError: an ``OTEL_*`` variable names an exporter there is not.
    """
    current = metrics.get_meter_provider()
    if type(current).__name__ != "_ProxyMeterProvider":
        return current, None

    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import MetricReader, PeriodicExportingMetricReader

    readers: list[MetricReader] = []
    for exporter in exporters("metrics", default="otlp"):
        made = exporter()
        readers.append(
            made if isinstance(made, MetricReader) else PeriodicExportingMetricReader(made)
        )
    provider = MeterProvider(readers, _resource(service_name), shutdown_on_exit=False)
    os.register_at_fork(after_in_child=lambda: _rename_instance(provider))
    metrics.set_meter_provider(provider)
    standby.start("metrics")
    return provider, lambda: Flush(provider.shutdown)


def _resource(service_name: str | None) -> Resource:
    """Return the resource that the ``OTEL_*`` variables describe, with a unique ``service.instance.id``.

    Prometheus makes the label ``instance`` of it: without one, replicas would push their
    counts over each other's. Newer SDKs give it themselves.
    """
    resource = Resource.create({"service.name": service_name} if service_name else {})
    if "service.instance.id" in resource.attributes:
        return resource
    return resource.merge(Resource({"service.instance.id": _INSTANCE}))


def _rename_instance(provider: Any) -> None:
    """Give a forked child its own ``service.instance.id``, as newer SDKs do themselves."""
    configuration = getattr(provider, "_sdk_config", None)
    if configuration is None or (
        configuration.resource.attributes.get("service.instance.id") != _INSTANCE
    ):
        return
    own = Resource({"service.instance.id": str(uuid.uuid4())})
    configuration.resource = configuration.resource.merge(own)


def exporters(signal: str, default: str = "none") -> list[Any]:
    """Load the exporter classes that ``OTEL_<SIGNAL>_EXPORTER`` names."""
    variable = f"OTEL_{signal.upper()}_EXPORTER"
    found = []
    for word in (os.environ.get(variable) or default).split(","):
        name = word.strip().lower()
        if name in ("", "none"):
            continue
        if name == "otlp":
            protocol = (
                os.environ.get(f"OTEL_EXPORTER_OTLP_{signal.upper()}_PROTOCOL")
                or os.environ.get("OTEL_EXPORTER_OTLP_PROTOCOL")
                or "grpc"
            ).strip()
            name = _PROTOCOLS.get(protocol, protocol)
        match = next(iter(entry_points(group=f"opentelemetry_{signal}_exporter", name=name)), None)
        if match is None:
            raise ConfigurationError(
                f"{variable}={word.strip()!r} names an exporter that is not installed ({name}). "
                "Use otlp, console or none; for otlp, OTEL_EXPORTER_OTLP_PROTOCOL is "
                f"{' or '.join(_PROTOCOLS)}."
            )
        found.append(match.load())
    return found
