"""The real programs under test."""

from __future__ import annotations

from dataclasses import dataclass


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
