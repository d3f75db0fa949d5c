"""The real programs under test."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Programs:
    """Paths of one generation of servers and their tools."""

    prometheus: str
    promtool: str
    alertmanager: str
    amtool: str
    newer: bool = False
    #: An OpenTelemetry Collector; only among the newest.
    otelcol: str | None = None
    #: A store of traces; only among the newest.
    jaeger: str | None = None

    def understood(self, configuration: Mapping[str, Any]) -> dict[str, Any]:
        """Prometheus' configuration, as far as this generation knows it: ``otlp`` came with 3.0."""
        return {k: v for k, v in configuration.items() if self.newer or k != "otlp"}
