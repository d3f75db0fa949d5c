"""The files for servers that are configured by files, in the folders of the repository."""

from __future__ import annotations

import re
from typing import Final

from genmon_otel.assets.choices import Choices
from genmon_otel.assets.kubernetes import PROMETHEUS_RULE, render_prometheus_rule
from genmon_otel.assets.shipped import dashboards, shipped
from genmon_otel.rules import message_template, render_alertmanager, render_rules
from genmon_otel.rules.alertmanager import TEMPLATE

RULES: Final = "prometheus_rules/genmon.rules.yml"
ALERTMANAGER: Final = "prometheus_rules/alertmanager/alertmanager.yml"
#: Where files say the scrape interval: Prometheus' own, Grafana's of its data source, a PodMonitor's.
_INTERVAL: Final = re.compile(
    r"^(\s*(?:scrape_interval|evaluation_interval|timeInterval|- port: metrics\n\s*interval): )30s$",
    re.M,
)


def as_files(choices: Choices) -> dict[str, str]:
    """Render every file, by its path below the chosen folder.

    Paths are those of the repository, so that ``deploy/compose.yml`` finds the rest.
    """
    options = choices.rules
    interval = rf"\g<1>{choices.scrape_interval_s}s"
    return {
        **{path: _INTERVAL.sub(interval, text) for path, text in shipped()},
        **{
            f"grafana/dashboards/{name}": text
            for name, text in dashboards(choices.scrape_interval_s, choices.ui_url)
        },
        RULES: render_rules(
            options.scrape_interval_s,
            grafana_url=options.grafana_url,
            runbook_url=options.runbook_url,
            labels=options.labels,
            ui_url=options.ui_url,
        ),
        PROMETHEUS_RULE: render_prometheus_rule(options),
        ALERTMANAGER: render_alertmanager(choices.pager, choices.tickets),
        f"prometheus_rules/alertmanager/{TEMPLATE}": message_template(),
    }
