"""Prometheus rules and Alertmanager configuration, rendered from the conventions."""

from genmon_otel.rules.render import render_rules

__all__ = ["render_rules"]
