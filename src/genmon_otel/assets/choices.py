"""What a user chooses about the exported files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from genmon_otel.policy import HEALTH_WINDOW_S
from genmon_otel.rules.alertmanager import Pager, Tickets
from genmon_otel.rules.options import Options


@dataclass(frozen=True, slots=True)
class Choices:
    """How the files are to be written.

    Args:
        scrape_interval_s: seconds between scrapes; the rules count exactly for it.
        grafana_url: where Grafana is; None leaves links to dashboards out.
        runbook_url: folder of the runbooks, or an address with ``{alert}``; None leaves
            links to them out.
        ui_url: where the page of ``genmon ui`` is reached; None leaves links to it out.
        labels: put on every alert.
        pager: who is woken.
        tickets: who gets the rest.

    Raises:
        ConfigurationError: one of them is not allowed.
    """

    scrape_interval_s: int = 30
    grafana_url: str | None = None
    runbook_url: str | None = None
    ui_url: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    pager: Pager = "pagerduty"
    tickets: Tickets = "slack"

    @property
    def rules(self) -> Options:
        """The same for the rules."""
        return Options(
            self.scrape_interval_s,
            HEALTH_WINDOW_S,
            self.grafana_url,
            self.runbook_url,
            dict(self.labels),
            self.ui_url,
        )
