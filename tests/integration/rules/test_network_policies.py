"""The NetworkPolicies of deploy/kubernetes: valid, closed, and open for exactly what the pods do."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import Any

from jsonschema import Draft202012Validator

from tests.prometheus_kit.kubernetes import resources


def object_of(**properties: Any) -> dict[str, Any]:
    """A schema that allows these fields and no other."""
    return {"type": "object", "properties": properties, "additionalProperties": False}


def list_of(items: dict[str, Any], **rules: Any) -> dict[str, Any]:
    """A schema of a list."""
    return {"type": "array", "items": items, **rules}


TEXT = {"type": "string"}
SELECTOR = object_of(
    matchLabels={"type": "object", "additionalProperties": TEXT},
    matchExpressions=list_of(
        {
            **object_of(
                key=TEXT,
                operator={"enum": ["In", "NotIn", "Exists", "DoesNotExist"]},
                values=list_of(TEXT, minItems=1),
            ),
            "required": ["key", "operator"],
        }
    ),
)
PORTS = list_of(
    object_of(
        protocol={"enum": ["TCP", "UDP", "SCTP"]},
        port={"type": ["integer", "string"], "minimum": 1, "maximum": 65535},
        endPort={"type": "integer"},
    ),
    minItems=1,
)
#: A block stands alone; selectors may be combined. No peer at all would be everybody.
PEERS = list_of(
    {
        "oneOf": [
            {
                **object_of(
                    ipBlock={
                        **object_of(cidr=TEXT, **{"except": list_of(TEXT)}),
                        "required": ["cidr"],
                    }
                ),
                "required": ["ipBlock"],
            },
            {**object_of(podSelector=SELECTOR, namespaceSelector=SELECTOR), "minProperties": 1},
        ]
    },
    minItems=1,
)
#: Source: networking.k8s.io/v1 NetworkPolicySpec, all of its fields; rules without ports or peers,
#: which open more than they say, are not for us.
SPEC = object_of(
    podSelector=SELECTOR,
    policyTypes=list_of({"enum": ["Ingress", "Egress"]}, minItems=2, uniqueItems=True),
    ingress=list_of(
        {**object_of(**{"from": PEERS, "ports": PORTS}), "required": ["from", "ports"]}
    ),
    egress=list_of({**object_of(to=PEERS, ports=PORTS), "required": ["to", "ports"]}),
) | {"required": ["podSelector", "policyTypes", "ingress", "egress"]}


@dataclass(frozen=True)
class Pod:
    """A peer within the cluster."""

    namespace: str
    labels: tuple[tuple[str, str], ...] = ()


PROMETHEUS = Pod("monitoring", (("app.kubernetes.io/name", "prometheus"),))
DNS = Pod("kube-system", (("k8s-app", "kube-dns"),))
STRANGER = Pod("elsewhere", (("app.kubernetes.io/name", "prometheus"),))


def policies(written: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """The NetworkPolicies among the resources."""
    return [each for each in written.values() if each["kind"] == "NetworkPolicy"]


def selects(selector: dict[str, Any], labels: dict[str, str]) -> bool:
    """Kubernetes' meaning of a label selector, as far as it is used; an empty one selects all."""
    expressions = selector.get("matchExpressions", [])
    assert all(each["operator"] == "In" for each in expressions)
    return selector.get("matchLabels", {}).items() <= labels.items() and all(
        labels.get(each["key"]) in each["values"] for each in expressions
    )


def is_peer(peer: dict[str, Any], other: Pod | str) -> bool:
    """Whether a peer of a rule is this pod, or this address."""
    if "ipBlock" in peer:
        block = peer["ipBlock"]
        return isinstance(other, str) and (
            ip_address(other) in ip_network(block["cidr"])
            and not any(ip_address(other) in ip_network(each) for each in block.get("except", []))
        )
    if isinstance(other, str):
        return False
    in_namespace = selects(
        peer["namespaceSelector"], {"kubernetes.io/metadata.name": other.namespace}
    )
    return in_namespace and selects(peer.get("podSelector", {}), dict(other.labels))


def allowed(
    specs: list[dict[str, Any]],
    name: str,
    direction: str,
    other: Pod | str,
    protocol: str,
    port: int | str,
) -> bool:
    """Whether any policy that selects the named pod lets this through."""
    side = {"ingress": "from", "egress": "to"}[direction]
    return any(
        {"protocol": protocol, "port": port} in rule["ports"]
        and any(is_peer(peer, other) for peer in rule[side])
        for spec in specs
        if selects(spec["podSelector"], {"app.kubernetes.io/name": name})
        for rule in spec[direction]
    )


BOTH = {"app-builder", "genmon-exporter"}
APPLICATION = {"app-builder"}
NOBODY: set[str] = set()
#: direction, peer, protocol, port, and the pods that may.
PATHS = [
    ("ingress", PROMETHEUS, "TCP", "metrics", BOTH),
    ("ingress", STRANGER, "TCP", "metrics", NOBODY),
    ("ingress", Pod("monitoring"), "TCP", "metrics", NOBODY),
    ("ingress", Pod("default"), "TCP", "metrics", NOBODY),
    ("ingress", "203.0.113.7", "TCP", "metrics", NOBODY),
    ("ingress", PROMETHEUS, "TCP", 22, NOBODY),
    ("egress", DNS, "UDP", 53, BOTH),
    ("egress", DNS, "TCP", 53, BOTH),
    ("egress", "169.254.20.10", "UDP", 53, BOTH),
    ("egress", "8.8.8.8", "UDP", 53, NOBODY),
    ("egress", Pod("elsewhere", DNS.labels), "UDP", 53, NOBODY),
    ("egress", Pod("databases"), "TCP", 5432, BOTH),
    ("egress", "10.1.2.3", "TCP", 5432, BOTH),
    ("egress", "fd12::1", "TCP", 5432, BOTH),
    ("egress", "203.0.113.7", "TCP", 5432, NOBODY),
    ("egress", "169.254.169.254", "TCP", 5432, NOBODY),
    ("egress", Pod("telemetry"), "TCP", 4317, APPLICATION),
    ("egress", Pod("telemetry"), "TCP", 4318, APPLICATION),
    ("egress", "203.0.113.7", "TCP", 4318, NOBODY),
    ("egress", "203.0.113.7", "TCP", 443, APPLICATION),
    ("egress", "2001:db8::7", "TCP", 443, APPLICATION),
    ("egress", "169.254.169.254", "TCP", 443, NOBODY),
    ("egress", "100.100.100.200", "TCP", 443, NOBODY),
    ("egress", "fd00:ec2::254", "TCP", 443, NOBODY),
    ("egress", "fe80::1", "TCP", 443, NOBODY),
    ("egress", "10.0.0.1", "TCP", 443, NOBODY),
    ("egress", "172.31.0.1", "TCP", 443, NOBODY),
    ("egress", "192.168.1.1", "TCP", 443, NOBODY),
    ("egress", Pod("default"), "TCP", 443, NOBODY),
    ("egress", "203.0.113.7", "TCP", 80, NOBODY),
    ("egress", "169.254.169.254", "TCP", 80, NOBODY),
]


def test_pods_reach_what_they_need_and_nothing_else() -> None:
    """Each path, tried by Kubernetes' rules on the policies as written."""
    specs = [policy["spec"] for policy in policies(resources())]
    wrong = [
        (path, name)
        for *path, may in PATHS
        for name in sorted(BOTH)
        if allowed(specs, name, *path) != (name in may)
    ]
    assert not wrong


def test_policies_are_of_kubernetes_form() -> None:
    """No field that the API server would not know, and no block that it would refuse."""
    written = policies(resources())
    assert len(written) == 3
    for policy in written:
        assert policy["apiVersion"] == "networking.k8s.io/v1"
        errors = list(Draft202012Validator(SPEC).iter_errors(policy["spec"]))
        assert not errors, errors[0]
        for rule in policy["spec"]["egress"]:
            for block in (peer["ipBlock"] for peer in rule["to"] if "ipBlock" in peer):
                network = ip_network(block["cidr"])
                for inner in map(ip_network, block.get("except", [])):
                    assert inner.version == network.version
                    assert inner != network
                    assert inner.subnet_of(network)  # type: ignore[arg-type]


def test_the_form_s_check_can_fail() -> None:
    """A rule without peers, or a misspelt field, is found."""
    (policy, *_) = (each for each in policies(resources()) if each["spec"]["ingress"])
    assert not list(Draft202012Validator(SPEC).iter_errors(policy["spec"]))
    policy["spec"]["ingress"][0]["form"] = policy["spec"]["ingress"][0].pop("from")
    assert list(Draft202012Validator(SPEC).iter_errors(policy["spec"]))


def test_every_pod_of_the_export_is_selected_and_no_other() -> None:
    """A user's own pods that are scraped, or are part of the same, keep their network."""
    written = resources()
    pods = [
        each["spec"]["template"]["metadata"]["labels"]
        for each in written.values()
        if each["kind"] == "Deployment"
    ]
    assert {pod["app.kubernetes.io/name"] for pod in pods} == BOTH
    own = {"app.kubernetes.io/name": "shop", "genmon.io/scrape": "true"}
    for policy in policies(written):
        selector = policy["spec"]["podSelector"]
        assert not selects(selector, own)
        assert not selects(selector, {"app.kubernetes.io/part-of": "genmon"})
    deny = written["networkpolicy-deny.yaml"]["spec"]
    assert deny["ingress"] == deny["egress"] == []
    assert all(selects(deny["podSelector"], pod) for pod in pods)
    for deployment in (each for each in written.values() if each["kind"] == "Deployment"):
        (container,) = deployment["spec"]["template"]["spec"]["containers"]
        assert "metrics" in {port["name"] for port in container["ports"]}
