"""The rules as a resource of the Prometheus operator; the other resources are static files."""

from __future__ import annotations

from typing import Final

from genmon_otel.rules.document import to_yaml
from genmon_otel.rules.options import Options
from genmon_otel.rules.render import HEAD, rules_tree

#: Where ``deploy/kubernetes/base/kustomization.yaml`` expects it.
PROMETHEUS_RULE: Final = "deploy/kubernetes/base/prometheusrule.yaml"


def render_prometheus_rule(options: Options) -> str:
    """Render the PrometheusRule that holds the same rules as the rules file."""
    metadata = {"name": "genmon", "labels": {"app.kubernetes.io/part-of": "genmon"}}
    return HEAD + to_yaml(
        {
            "apiVersion": "monitoring.coreos.com/v1",
            "kind": "PrometheusRule",
            "metadata": metadata,
            "spec": rules_tree(options),
        }
    )
