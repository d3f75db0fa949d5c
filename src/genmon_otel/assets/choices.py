"""What a user chooses about the exported files."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from genmon_otel.errors import ConfigurationError
from genmon_otel.policy import HEALTH_WINDOW_S
from genmon_otel.rules.alertmanager import Pager, Tickets
from genmon_otel.rules.options import Options

#: Source: Prometheus' data model, and Kubernetes' syntax of labels and namespaces.
_ALERT_LABEL: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_KEY: Final = re.compile(r"([a-z0-9]([a-z0-9.-]*[a-z0-9])?/)?[A-Za-z0-9]([\w.-]{0,61}[A-Za-z0-9])?")
_VALUE: Final = re.compile(r"([A-Za-z0-9]([\w.-]{0,61}[A-Za-z0-9])?)?")
_NAMESPACE: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class Choices:
    """How the files are to be written.

    Args:
        scrape_interval_s: seconds between scrapes; the rules count exactly for it.
        grafana_url: where Grafana is; None leaves links to dashboards out.
        runbook_url: folder of the runbooks, or an address with ``{alert}``; None leaves
            links to them out.
        labels: put on every alert, and on every Kubernetes resource (``release:
            kube-prometheus-stack`` is what an operator may look for).
        pager: who is woken.
        tickets: who gets the rest.
        namespace: of the applications on Kubernetes; its alerts stay within it.
        prometheus_namespace: where Prometheus runs on Kubernetes; only from there may
            metrics be scraped.

    Raises:
        ConfigurationError: one of them is not allowed.
    """

    scrape_interval_s: int = 30
    grafana_url: str | None = None
    runbook_url: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    pager: Pager = "pagerduty"
    tickets: Tickets = "slack"
    namespace: str = "default"
    prometheus_namespace: str = "monitoring"

    def __post_init__(self) -> None:
        for namespace in (self.namespace, self.prometheus_namespace):
            if not _NAMESPACE.fullmatch(namespace):
                raise ConfigurationError(
                    f"The namespace {namespace!r} is not allowed. Use lower-case letters, digits "
                    "and '-', at most 63."
                )

    @property
    def rules(self) -> Options:
        """The same for the rules."""
        return self._rules(dict(self.labels))

    @property
    def kubernetes_rules(self) -> Options:
        """The same for a PrometheusRule.

        A resource's label such as ``app.kubernetes.io/part-of`` cannot be an alert's; it
        stays on the resources.
        """
        return self._rules({k: v for k, v in self.labels.items() if _ALERT_LABEL.fullmatch(k)})

    @property
    def kubernetes_labels(self) -> dict[str, str]:
        """The labels of every Kubernetes resource.

        Raises:
            ConfigurationError: one cannot be a Kubernetes label.
        """
        for key, value in self.labels.items():
            if not _KEY.fullmatch(key) or not _VALUE.fullmatch(value):
                raise ConfigurationError(
                    f"The label {key}={value!r} is not allowed on Kubernetes. Use letters, digits, "
                    "'-', '_' and '.', at most 63, beginning and ending with a letter or digit."
                )
        return {"app.kubernetes.io/part-of": "genmon", **self.labels}

    def _rules(self, labels: Mapping[str, str]) -> Options:
        return Options(
            self.scrape_interval_s, HEALTH_WINDOW_S, self.grafana_url, self.runbook_url, labels
        )
