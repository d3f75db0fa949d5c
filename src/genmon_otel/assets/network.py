"""Who may talk to genmon's pods, and whom they may ask: NetworkPolicies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from genmon_otel.assets.choices import Choices
from genmon_otel.assets.pod import APPLICATION, EXPORTER, NAME_LABEL

#: Kubernetes itself puts it on every namespace.
_NAMESPACE_LABEL: Final = "kubernetes.io/metadata.name"
#: The label that the Prometheus operator puts on its servers.
_PROMETHEUS: Final = {NAME_LABEL: "prometheus"}
#: Not the internet: private networks, carriers' and clouds' own addresses, link-local with the
#: clouds' metadata service. Source: RFC 1918, RFC 6598, RFC 3927, RFC 4193, RFC 4291.
_PRIVATE_V4: Final = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")
_PRIVATE_V6: Final = ("fc00::/7",)
_LOCAL_V4: Final = ("100.64.0.0/10", "169.254.0.0/16")
_LOCAL_V6: Final = ("fe80::/10",)
#: Where NodeLocal DNSCache listens on every node, by default.
_NODE_DNS: Final = "169.254.20.10/32"


def network_policies(choices: Choices) -> dict[str, dict[str, Any]]:
    """The rules by file name; a cluster whose network plugin knows none ignores them.

    What a policy does not name is refused, for the pods it selects only: the two Deployments
    of this export, by name, and no pod of yours.
    """
    scrape = _ingress(choices)
    store = _rule(_inside(), ("TCP", 5432))
    exporter = [_dns(), store]
    application = [
        *exporter,
        _rule([{"namespaceSelector": {}}], ("TCP", 4317), ("TCP", 4318)),
        _rule(_internet(), ("TCP", 443)),
    ]
    both = {
        "matchExpressions": [{"key": NAME_LABEL, "operator": "In", "values": [APPLICATION, EXPORTER]}]
    }  # fmt: skip
    return {
        "networkpolicy-deny.yaml": _policy("genmon-deny", both, [], []),
        "networkpolicy-exporter.yaml": _policy(EXPORTER, _named(EXPORTER), [scrape], exporter),
        "networkpolicy-application.example.yaml": _policy(
            APPLICATION, _named(APPLICATION), [scrape], application
        ),
    }


def _policy(
    name: str,
    pods: dict[str, Any],
    ingress: list[dict[str, Any]],
    egress: list[dict[str, Any]],
) -> dict[str, Any]:
    """Name and ``spec`` of a policy; without a rule, all of that direction is refused."""
    spec = {
        "podSelector": pods,
        "policyTypes": ["Ingress", "Egress"],
        "ingress": ingress,
        "egress": egress,
    }
    return {"name": name, "spec": spec}


def _named(name: str) -> dict[str, Any]:
    return {"matchLabels": {NAME_LABEL: name}}


def _in_namespace(name: str) -> dict[str, Any]:
    return {"matchLabels": {_NAMESPACE_LABEL: name}}


def _ports(*ports: tuple[str, int | str]) -> list[dict[str, Any]]:
    return [{"protocol": protocol, "port": port} for protocol, port in ports]


def _rule(to: Sequence[dict[str, Any]], *ports: tuple[str, int | str]) -> dict[str, Any]:
    return {"to": list(to), "ports": _ports(*ports)}


def _ingress(choices: Choices) -> dict[str, Any]:
    """Prometheus may scrape; the kubelet's probes come from the node and pass by themselves."""
    prometheus = {
        "namespaceSelector": _in_namespace(choices.prometheus_namespace),
        "podSelector": {"matchLabels": _PROMETHEUS},
    }
    return {"from": [prometheus], "ports": _ports(("TCP", "metrics"))}


def _dns() -> dict[str, Any]:
    cluster = {
        "namespaceSelector": _in_namespace("kube-system"),
        "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}},
    }
    return _rule([cluster, {"ipBlock": {"cidr": _NODE_DNS}}], ("UDP", 53), ("TCP", 53))


def _inside() -> list[dict[str, Any]]:
    """The cluster's pods, and private networks such as a managed database is in."""
    blocks = [{"ipBlock": {"cidr": cidr}} for cidr in (*_PRIVATE_V4, *_PRIVATE_V6)]
    return [{"namespaceSelector": {}}, *blocks]


def _internet() -> list[dict[str, Any]]:
    """Every public address: those of a model's provider change, and a policy knows no names."""
    return [
        {"ipBlock": {"cidr": "0.0.0.0/0", "except": [*_PRIVATE_V4, *_LOCAL_V4]}},
        {"ipBlock": {"cidr": "::/0", "except": [*_PRIVATE_V6, *_LOCAL_V6]}},
    ]
