"""What a user may choose about the rules, checked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from genmon_otel.errors import ConfigurationError
from genmon_otel.policy import HEALTH_WINDOW_S
from genmon_otel.rules.promql import duration

#: Labels within which counts are added up, and that stay on every alert. A label that a
#: series does not have stays absent.
SCOPE: Final = ("cluster", "namespace", "job")
#: Of the window, how much is "lately": the last 10 minutes of an hour.
LATELY: Final = 6

_LABEL = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_OF_OURS: Final = frozenset({"severity", "alertname", "operation", "framework", *SCOPE})


@dataclass(frozen=True, slots=True)
class Options:
    """How the rules are to be rendered.

    Args:
        scrape_interval_s: seconds between two scrapes (or pushes) of the applications; the
            rules are evaluated as often. They stay exact when scrapes are rarer than this,
            not when they are more frequent and a process restarts twice between.
        window_s: seconds the page looks back; other than the product's hour only in tests.
        grafana_url: where Grafana is, for links; None leaves them out.
        runbook_url: folder of the runbooks, or an address with ``{alert}`` in it; None
            leaves the links out.
        ui_url: where the page of ``genmon ui`` is reached; None leaves the links out.
        labels: put on every alert, for example ``{"team": "web"}``.
    """

    scrape_interval_s: int = 30
    window_s: int = HEALTH_WINDOW_S
    grafana_url: str | None = None
    runbook_url: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    ui_url: str | None = None

    def __post_init__(self) -> None:
        step, window = self.scrape_interval_s, self.window_s
        if step < 1 or window % (LATELY * step):
            raise ConfigurationError(
                f"A scrape interval of {step} s is not allowed with a window of {window} s: "
                f"{LATELY} × the interval must divide the window. Use 15, 30 or 60."
            )
        for argument, url in (
            ("grafana_url", self.grafana_url),
            ("runbook_url", self.runbook_url),
            ("ui_url", self.ui_url),
        ):
            if url is not None and urlsplit(url).scheme not in ("http", "https"):
                raise ConfigurationError(
                    f"{argument}={url!r} is not allowed. Give an http or https address."
                )
        for label, value in self.labels.items():
            if not _LABEL.fullmatch(label) or label in _OF_OURS:
                raise ConfigurationError(
                    f"The label {label!r} is not allowed. Use letters, digits and _, and none "
                    f"of: {', '.join(sorted(_OF_OURS))}."
                )
            if "{{" in value:
                raise ConfigurationError(
                    f"The label value {label}={value!r} is not allowed: it is a template. "
                    "Use plain text."
                )

    @property
    def step(self) -> str:
        """The scrape interval as Prometheus writes it."""
        return duration(self.scrape_interval_s)

    @property
    def window(self) -> str:
        """The window as Prometheus writes it."""
        return duration(self.window_s)

    @property
    def lately_s(self) -> int:
        """Seconds that count as lately."""
        return self.window_s // LATELY

    def links(self, alert: str, dashboard: str, *variables: str) -> dict[str, str]:
        """Annotations of an alert that say where to read on, as far as addresses were given."""
        found = {
            "runbook_url": self.runbook(alert),
            "dashboard_url": self.dashboard(dashboard, *variables),
            "ui_url": self.page(*variables),
        }
        return {name: address for name, address in found.items() if address}

    def runbook(self, alert: str) -> str | None:
        """Address of an alert's runbook page; None when no address was given."""
        if self.runbook_url is None:
            return None
        if "{alert}" in self.runbook_url:
            return self.runbook_url.replace("{alert}", alert)
        return f"{self.runbook_url.rstrip('/')}/{alert}.md"

    def page(self, *variables: str) -> str | None:
        """Address of the page's failures, of the alert's operation where it has one, as a template."""
        if self.ui_url is None:
            return None
        address = f"{self.ui_url.rstrip('/')}/failures"
        if "operation" not in variables:
            return address
        return f"{address}?operation={{{{ $labels.operation | urlquery }}}}"

    def dashboard(self, uid: str, *variables: str) -> str | None:
        """Address of a dashboard with variables set from the alert's labels, as a template."""
        if self.grafana_url is None:
            return None
        query = "&".join(
            f"var-{name}={{{{ or $labels.{name} `$__all` | urlquery }}}}" for name in variables
        )
        return f"{self.grafana_url.rstrip('/')}/d/{uid}" + (f"?{query}" if query else "")
