"""What `genmon assets export` writes: the files that are tested, for a user's own servers."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from jsonschema import Draft202012Validator

from genmon_otel.assets import Choices, as_files, as_kubernetes
from genmon_otel.cli import genmon
from genmon_otel.errors import ConfigurationError
from genmon_otel.rules import render_alertmanager, render_rules
from tests.prometheus_kit.programs import Programs

ROOT = Path(__file__).parents[3]
CRDS = {
    "PrometheusRule": "prometheusrules.v1.json",
    "PodMonitor": "podmonitors.v1.json",
    "AlertmanagerConfig": "alertmanagerconfigs.v1alpha1.json",
}
PAGERS = ["pagerduty", "opsgenie", "webhook"]
TICKETS = ["slack", "email", "webhook"]


def export(folder: Path, *options: str) -> dict[str, Any]:
    """Run the command; every file it wrote, by path."""
    done = CliRunner().invoke(genmon, ["assets", "export", str(folder), *options])
    assert done.exception is None, done.output
    return {
        path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8")
        for path in folder.rglob("*")
        if path.is_file()
    }


def closed(schema: Any) -> Any:
    """A CRD's schema in which a field it does not name is an error, not pruned in silence."""
    if isinstance(schema, list):
        return [closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    tree = {key: closed(value) for key, value in schema.items()}
    if tree.get("x-kubernetes-int-or-string"):
        tree["type"] = ["integer", "string"]
        tree.pop("anyOf", None)
    keeps = tree.get("x-kubernetes-preserve-unknown-fields")
    if isinstance(tree.get("properties"), dict) and "type" in tree and not keeps:
        tree.setdefault("additionalProperties", False)
    return tree


def resources(**options: Any) -> dict[str, dict[str, Any]]:
    """Every resource, by file name."""
    return {name: yaml.safe_load(text) for name, text in as_kubernetes(Choices(**options)).items()}


def test_files_are_laid_out_as_in_the_repository(tmp_path: Path) -> None:
    """With the defaults, what is exported is what is committed and tested."""
    written = export(tmp_path / "out")
    assert len(written) > 15
    for name, text in written.items():
        assert text == (ROOT / name).read_text(encoding="utf-8"), name


def test_choices_reach_every_file(tmp_path: Path) -> None:
    """Interval, links, labels and receivers are where they belong."""
    written = export(
        tmp_path, "--scrape-interval", "15", "--grafana-url", "https://g", "--runbook-url",
        "https://r", "--label", "team=web", "--label", "tier=1", "--pager", "webhook",
    )  # fmt: skip
    labels = {"team": "web", "tier": "1"}
    assert written["prometheus_rules/genmon.rules.yml"] == render_rules(
        15, grafana_url="https://g", runbook_url="https://r", labels=labels
    )
    assert written["prometheus_rules/alertmanager/alertmanager.yml"] == render_alertmanager(
        "webhook", "slack"
    )
    prometheus = yaml.safe_load(written["deploy/prometheus/prometheus.yml"])
    assert prometheus["global"] == {"scrape_interval": "15s", "evaluation_interval": "15s"}
    sources = yaml.safe_load(written["grafana/provisioning/datasources/genmon.yml"])
    assert sources["datasources"][0]["jsonData"]["timeInterval"] == "15s"
    page = json.loads(written["grafana/dashboards/generations.json"])
    (scrape,) = (v for v in page["templating"]["list"] if v["name"] == "scrape")
    assert scrape["query"] == "15s"


@pytest.mark.prometheus
@pytest.mark.alertmanager
def test_the_programs_accept_what_is_written(programs: Programs, tmp_path: Path) -> None:
    """promtool and amtool take the exported files."""
    export(tmp_path, "--scrape-interval", "60")
    rules = tmp_path / "prometheus_rules"
    alertmanager = rules / "alertmanager" / "alertmanager.yml"
    here = alertmanager.read_text().replace("/etc/alertmanager/", f"{alertmanager.parent}/")
    alertmanager.write_text(here)
    for command in (
        [programs.promtool, "check", "rules", "--lint-fatal", rules / "genmon.rules.yml"],
        [programs.amtool, "check-config", alertmanager],
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_changed_files_are_kept(tmp_path: Path) -> None:
    """A second export changes nothing of what a user edited, until told to."""
    export(tmp_path)
    edited = tmp_path / "deploy" / "compose.yml"
    edited.write_text("mine")
    done = CliRunner().invoke(genmon, ["assets", "export", str(tmp_path)])
    assert isinstance(done.exception, ConfigurationError)
    assert "deploy/compose.yml" in str(done.exception)
    assert edited.read_text() == "mine"
    assert export(tmp_path, "--overwrite")["deploy/compose.yml"] != "mine"


def test_scripts_can_be_run(tmp_path: Path) -> None:
    """What has a shebang is executable."""
    export(tmp_path)
    assert (tmp_path / "deploy" / "secrets.sh").stat().st_mode & 0o111


@pytest.mark.parametrize("pager", PAGERS)
@pytest.mark.parametrize("tickets", TICKETS)
def test_resources_fit_the_published_schemas(pager: str, tickets: str) -> None:
    """Every operator resource is valid, with no field that the operator would drop."""
    written = resources(
        pager=pager, tickets=tickets, grafana_url="https://g", runbook_url="https://r",
        labels={"release": "prometheus"}, namespace="web",
    )  # fmt: skip
    seen = set()
    for resource in written.values():
        if resource["kind"] in CRDS:
            seen.add(resource["kind"])
            schema = json.loads((ROOT / "tests/data/crds" / CRDS[resource["kind"]]).read_text())
            schema = closed(schema)
            schema["properties"]["metadata"] = {"type": "object"}
            errors = list(Draft202012Validator(schema).iter_errors(resource))
            assert not errors, errors[0]
    assert seen == set(CRDS)


def test_the_schema_check_can_fail() -> None:
    """A misspelt field of a PodMonitor is found."""
    schema = closed(json.loads((ROOT / "tests/data/crds/podmonitors.v1.json").read_text()))
    schema["properties"]["metadata"] = {"type": "object"}
    broken = resources()["podmonitor.yaml"]
    assert not list(Draft202012Validator(schema).iter_errors(broken))
    broken["spec"]["podMetricsEndpoints"][0]["intervall"] = "30s"
    assert list(Draft202012Validator(schema).iter_errors(broken))


def test_resources_carry_rules_dashboards_and_labels() -> None:
    """The rules and dashboards are the very same; labels are on resources and alerts."""
    written = resources(labels={"release": "prometheus", "app.kubernetes.io/team": "web"})
    rules = written["prometheusrule.yaml"]["spec"]
    assert rules == yaml.safe_load(render_rules(labels={"release": "prometheus"}))
    for resource in written.values():
        assert resource["metadata"]["labels"]["release"] == "prometheus"
        assert resource["metadata"]["labels"]["app.kubernetes.io/team"] == "web"
    for title in ("generations", "failures", "itself"):
        resource = written[f"dashboard-{title}.yaml"]
        assert resource["metadata"]["labels"]["grafana_dashboard"] == "1"
        (text,) = resource["data"].values()
        committed = (ROOT / "grafana" / "dashboards" / f"{title}.json").read_text(encoding="utf-8")
        assert json.loads(text) == json.loads(committed)


def test_alerts_stay_in_the_namespace_of_the_applications() -> None:
    """Everything is in one namespace, groups by it, and inhibits within it only."""
    written = resources(namespace="web")
    assert {resource["metadata"]["namespace"] for resource in written.values()} == {"web"}
    spec = written["alertmanagerconfig.yaml"]["spec"]
    assert "namespace" in spec["route"]["groupBy"]
    assert all("namespace" in rule["equal"] for rule in spec["inhibitRules"])
    page = spec["route"]["routes"][-1]
    assert page["receiver"] == "genmon-page"
    assert page["matchers"] == [{"name": "severity", "value": "critical", "matchType": "="}]


def test_pods_run_with_the_least_they_need() -> None:
    """Not as root, nothing writable but the journal and /tmp, secrets from files, scraped."""
    written = resources()
    selected = written["podmonitor.yaml"]["spec"]["selector"]["matchLabels"].items()
    for name in ("application.example.yaml", "exporter.yaml"):
        template = written[name]["spec"]["template"]
        assert selected <= template["metadata"]["labels"].items()
        pod = template["spec"]
        assert pod["securityContext"]["runAsNonRoot"]
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["automountServiceAccountToken"] is False
        (container,) = pod["containers"]
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert container["ports"][0]["name"] == "metrics"
        env = {each["name"]: each["value"] for each in container["env"]}
        mounts = {each["mountPath"]: each for each in container["volumeMounts"]}
        store = next(path for path in mounts if env["GENMON_STORE_FILE"].startswith(path))
        assert mounts[store]["readOnly"]
    env = {e["name"]: e["value"] for e in written["application.example.yaml"]["spec"]["template"]
           ["spec"]["containers"][0]["env"]}  # fmt: skip
    volumes = written["application.example.yaml"]["spec"]["template"]["spec"]["volumes"]
    assert env["GENMON_JOURNAL_DIR"] == "/journal"
    assert {"name": "journal", "emptyDir": {"sizeLimit": "1Gi"}} in volumes


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--label", "team"], "KEY=VALUE"),
        (["--label", "severity=page"], "severity"),
        (["--grafana-url", "grafana"], "grafana_url"),
        (["--format", "kubernetes", "--label", "a=b c"], "a='b c'"),
        (["--format", "kubernetes", "--namespace", "Web"], "Web"),
        (["--format", "kubernetes", "--prometheus-namespace", "Obs_1"], "Obs_1"),
    ],
)
def test_what_is_not_allowed_is_refused(tmp_path: Path, options: list[str], says: str) -> None:
    """Nothing is written, and the error names what was given."""
    done = CliRunner().invoke(genmon, ["assets", "export", str(tmp_path / "out"), *options])
    assert isinstance(done.exception, ConfigurationError)
    assert says in str(done.exception)
    assert not (tmp_path / "out").exists()


def test_an_installed_wheel_exports_the_same(tmp_path: Path) -> None:
    """Without the checkout, the wheel's own copies are found."""
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", tmp_path, ROOT],
        check=True, capture_output=True,
    )  # fmt: skip
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "installed")
    code = "from genmon_otel.cli import main; main()"
    subprocess.run(
        [sys.executable, "-c", code, "assets", "export", tmp_path / "out"],
        check=True, cwd=tmp_path, env={"PYTHONPATH": str(tmp_path / "installed")},
    )  # fmt: skip
    for name, text in as_files(Choices()).items():
        assert (tmp_path / "out" / name).read_text(encoding="utf-8") == text, name
