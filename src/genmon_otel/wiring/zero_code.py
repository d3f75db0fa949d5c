"""Entry points for ``opentelemetry-instrument``: run genmon without changing the program.

Both are inert unless ``GENMON_ENABLED=1``, because the launcher loads whatever
is installed. Neither imports the contrib packages; the launcher asks only for
the methods that are here.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

from opentelemetry.sdk.trace.sampling import (
    ALWAYS_ON,
    Decision,
    ParentBased,
    ParentBasedTraceIdRatio,
    Sampler,
    SamplingResult,
)

from genmon_otel import conventions as names
from genmon_otel.errors import GenmonError
from genmon_otel.settings import parse_flag
from genmon_otel.wiring import in_force
from genmon_otel.wiring.span_processor import add_once

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.trace import Link, SpanKind
    from opentelemetry.trace.span import TraceState
    from opentelemetry.util.types import Attributes

_log = logging.getLogger(names.LOGGER)


def enabled() -> bool:
    """Whether ``GENMON_ENABLED`` switches the entry points on."""
    try:
        return parse_flag(names.ENV_ENABLED, os.environ.get(names.ENV_ENABLED))
    except GenmonError as error:
        _log.error("%s", error)
        return False


class GenmonInstrumentor:
    """Call ``setup()`` for a program started with ``opentelemetry-instrument``.

    Entry point ``opentelemetry_instrumentor``. A wrong setting is one logged line:
    the program runs on without genmon, and the other instrumentations load.
    """

    def instrumentation_dependencies(self) -> Collection[str]:
        """Return no dependency: genmon instruments no library here."""
        return ()

    def instrument(self, **kwargs: Any) -> None:
        """Set genmon up from the environment."""
        if not enabled():
            return
        try:
            installation = in_force.install({})
            if installation is not None:
                add_once(installation.provider)
        except GenmonError as error:
            _log.error("genmon is not running: %s", error)

    def uninstrument(self, **kwargs: Any) -> None:
        """Undo :meth:`instrument`."""
        if enabled():
            in_force.uninstall(in_force.SHUTDOWN_S)


class RecordGenerations(Sampler):
    """Sample as another sampler does, but record every generation's span.

    What it drops is recorded and not exported, for the spans of generations only:
    processors then see them at any sampling ratio, and nothing else costs more.
    """

    def __init__(self, inner: Sampler) -> None:
        self._inner = inner

    def should_sample(  # noqa: PLR0917 - the SDK's signature
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,
    ) -> SamplingResult:
        result = self._inner.should_sample(
            parent_context, trace_id, name, kind, attributes, links, trace_state
        )
        if (
            result.decision is Decision.DROP
            and attributes is not None
            and names.ATTR_OUTCOME in attributes
        ):
            return SamplingResult(Decision.RECORD_ONLY, attributes, result.trace_state)
        return result

    def get_description(self) -> str:
        return f"RecordGenerations{{{self._inner.get_description()}}}"


def sampler(argument: str | None = None) -> Sampler:
    """Make the sampler of ``OTEL_TRACES_SAMPLER=genmon``.

    Entry point ``opentelemetry_traces_sampler``.

    Args:
        argument: ``OTEL_TRACES_SAMPLER_ARG``: the ratio of root spans to keep, 0 to 1.
            None or empty keeps all. Children follow their parents either way.
    """
    inner: Sampler = ParentBased(ALWAYS_ON)
    if argument:
        try:
            inner = ParentBasedTraceIdRatio(float(argument))
        except ValueError:
            _log.error(
                "OTEL_TRACES_SAMPLER_ARG=%r is not allowed with OTEL_TRACES_SAMPLER=genmon. "
                "Give a ratio from 0 to 1, for example 0.1. All spans are kept.",
                argument[:40],
            )
    return RecordGenerations(inner) if enabled() else inner
