"""Prometheus rules and Alertmanager's configuration, rendered from the conventions."""

from genmon_otel.rules.alertmanager import message_template, missing_secrets, render_alertmanager
from genmon_otel.rules.render import render_rules

__all__ = ["message_template", "missing_secrets", "render_alertmanager", "render_rules"]
