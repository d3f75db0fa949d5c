"""Pods that run with the least they need: a decorated application, and the exporter."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from genmon_otel import conventions as names
from genmon_otel._version import __version__
from genmon_otel.assets.choices import Choices

METRICS_PORT: Final = 9464
#: The pods' name, by which Deployments and NetworkPolicies select them.
NAME_LABEL: Final = "app.kubernetes.io/name"
APPLICATION: Final = "app-builder"
EXPORTER: Final = "genmon-exporter"
_STORE_DIR: Final = "/run/secrets/genmon"
#: An emptyDir survives a container's restart, and the pod's next process adopts what lies there.
_JOURNAL_DIR: Final = "/journal"


def application(choices: Choices, scraped: Mapping[str, str]) -> dict[str, Any]:
    """An example to copy from: the image and the probes are yours to set."""
    volumes = {
        "journal": (_JOURNAL_DIR, {"emptyDir": {"sizeLimit": "1Gi"}}),
        "tmp": ("/tmp", {"emptyDir": {"sizeLimit": "256Mi"}}),
    }
    env = {
        names.ENV_JOURNAL_DIR: _JOURNAL_DIR,
        names.ENV_METRICS_HOST: "0.0.0.0",
        names.ENV_METRICS_PORT: str(METRICS_PORT),
        names.ENV_CODE_VERSION: "set-by-your-release",
        "OTEL_SERVICE_NAME": APPLICATION,
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://otel-collector:4318",
    }
    container = {
        "name": "app",
        "image": "registry.example.org/app-builder:set-by-your-release",
        "ports": [{"name": "metrics", "containerPort": METRICS_PORT}],
    }
    return _deployment(APPLICATION, choices, scraped, container, env, volumes, replicas=2)


def exporter(choices: Choices, scraped: Mapping[str, str]) -> dict[str, Any]:
    """``genmon exporter``, once: it serves the store-wide metrics."""
    container = {
        "name": "exporter",
        "image": f"registry.example.org/genmon-otel:{__version__}",
        "args": ["genmon", "exporter", "--host", "0.0.0.0", "--port", str(METRICS_PORT)],
        "ports": [{"name": "metrics", "containerPort": METRICS_PORT}],
    }
    return _deployment(EXPORTER, choices, scraped, container, {}, {}, replicas=1)


def _deployment(  # noqa: PLR0917 (internal: what both have, in one order)
    name: str,
    choices: Choices,
    scraped: Mapping[str, str],
    container: Mapping[str, Any],
    env: Mapping[str, str],
    volumes: Mapping[str, tuple[str, dict[str, Any]]],
    *,
    replicas: int,
) -> dict[str, Any]:
    selected = {NAME_LABEL: name}
    store = {"name": "store", "secret": {"secretName": "genmon-store", "defaultMode": 0o440}}
    env = {names.ENV_STORE_FILE: f"{_STORE_DIR}/url", **env}
    pod = {
        "automountServiceAccountToken": False,
        # Longer than genmon's own 5 s to flush.
        "terminationGracePeriodSeconds": 30,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 10001,
            "runAsGroup": 10001,
            "fsGroup": 10001,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [
            {
                **container,
                "env": [{"name": key, "value": value} for key, value in env.items()],
                "securityContext": {
                    "allowPrivilegeEscalation": False,
                    "readOnlyRootFilesystem": True,
                    "capabilities": {"drop": ["ALL"]},
                },
                "resources": {
                    "requests": {"cpu": "100m", "memory": "256Mi"},
                    "limits": {"memory": "512Mi"},
                },
                "startupProbe": {
                    "httpGet": {"path": "/metrics", "port": "metrics"},
                    "periodSeconds": 2,
                    "failureThreshold": 30,
                },
                "volumeMounts": [
                    {"name": "store", "mountPath": _STORE_DIR, "readOnly": True},
                    *({"name": volume, "mountPath": path} for volume, (path, _) in volumes.items()),
                ],
            }
        ],
        "volumes": [store, *({"name": v, **source} for v, (_, source) in volumes.items())],
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": name,
            "namespace": choices.namespace,
            "labels": {**choices.kubernetes_labels, **selected},
        },
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": selected},
            "template": {
                "metadata": {"labels": {**choices.kubernetes_labels, **selected, **scraped}},
                "spec": pod,
            },
        },
    }
