"""What `genmon assets export` writes: the files that are tested, for a user's own servers."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from jsonschema import Draft202012Validator

from genmon_otel.assets import Choices, as_files
from genmon_otel.cli import genmon
from genmon_otel.errors import ConfigurationError
from genmon_otel.rules import render_alertmanager, render_rules
from genmon_otel.rules.alertmanager import inhibitions, route
from tests.prometheus_kit.kubernetes import PAGE, built, resources
from tests.prometheus_kit.programs import Programs

ROOT = Path(__file__).parents[3]
CRDS = {
    "PrometheusRule": "prometheusrules.v1.json",
    "PodMonitor": "podmonitors.v1.json",
    "AlertmanagerConfig": "alertmanagerconfigs.v1alpha1.json",
}
MATCHER = re.compile(r'(\w+)(=~|!=|!~|=)"(.*)"')


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
    monitor = yaml.safe_load(written["deploy/kubernetes/base/podmonitor.yaml"])
    assert monitor["spec"]["podMetricsEndpoints"][0]["interval"] == "15s"
    rule = yaml.safe_load(written["deploy/kubernetes/base/prometheusrule.yaml"])
    assert rule["spec"] == yaml.safe_load(written["prometheus_rules/genmon.rules.yml"])


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


def problems(resource: dict[str, Any]) -> list[str]:
    """What the operator would refuse or drop of a resource of its own."""
    schema = closed(json.loads((ROOT / "tests/data/crds" / CRDS[resource["kind"]]).read_text()))
    schema["properties"]["metadata"] = {"type": "object"}
    return [error.message for error in Draft202012Validator(schema).iter_errors(resource)]


def test_resources_fit_the_published_schemas() -> None:
    """Every operator resource is valid, with no field that the operator would drop."""
    found = {each["kind"]: problems(each) for each in resources().values() if each["kind"] in CRDS}
    assert found == {kind: [] for kind in CRDS}


def test_the_schema_check_can_fail() -> None:
    """A misspelt field of a PodMonitor is found."""
    broken = resources()["podmonitor.yaml"]
    assert not problems(broken)
    broken["spec"]["podMetricsEndpoints"][0]["intervall"] = "30s"
    assert problems(broken)


def test_resources_carry_rules_and_dashboards() -> None:
    """The rules and dashboards are the very same as those of the files."""
    written = resources()
    assert written["prometheusrule.yaml"]["spec"] == yaml.safe_load(render_rules())
    for title in ("generations", "failures", "itself"):
        resource = written[f"configmap genmon-dashboard-{title}"]
        assert resource["metadata"]["labels"]["grafana_dashboard"] == "1"
        committed = (ROOT / "grafana" / "dashboards" / f"{title}.json").read_text(encoding="utf-8")
        assert resource["data"] == {f"genmon-{title}.json": committed}


def spelt_for_the_operator(tree: Any) -> Any:
    """Routes and inhibitions of Alertmanager's file, in the spelling of an AlertmanagerConfig."""
    if isinstance(tree, list):
        return [spelt_for_the_operator(each) for each in tree]
    if not isinstance(tree, dict):
        return tree
    spelt = {}
    for key, value in tree.items():
        if key.endswith("matchers"):
            matches = [MATCHER.fullmatch(each) for each in value]
            name = {"source_matchers": "sourceMatch", "target_matchers": "targetMatch"}.get(
                key, key
            )
            spelt[name] = [{"name": m[1], "value": m[3], "matchType": m[2]} for m in matches if m]
        else:
            head, *rest = key.split("_")
            spelt[head + "".join(word.title() for word in rest)] = spelt_for_the_operator(value)
    return spelt


def test_the_operator_routes_as_the_file_does() -> None:
    """Routes and inhibitions of the AlertmanagerConfig are those of Alertmanager's own file."""
    spec = resources()["alertmanagerconfig.yaml"]["spec"]
    assert spec["route"] == spelt_for_the_operator(route())
    assert spec["inhibitRules"] == spelt_for_the_operator(inhibitions())
    assert {each["name"] for each in spec["receivers"]} == {"genmon-page", "genmon-ticket"}


def test_an_overlay_sets_what_differs(tmp_path: Path) -> None:
    """Namespace, labels, images and Prometheus' namespace of an exported overlay reach every resource."""
    export(tmp_path)
    overlay = tmp_path / "deploy" / "kubernetes" / "overlays" / "web"
    shutil.copytree(overlay.with_name("example"), overlay)
    path = overlay / "kustomization.yaml"
    text = path.read_text(encoding="utf-8")
    for old, new in (
        ("namespace: default", "namespace: web"),
        ("value: monitoring", "value: observability"),
        ("release: kube-prometheus-stack", "release: ours"),
        ("newTag: set-by-your-release", "newTag: v7"),
    ):
        assert old in text
        text = text.replace(old, new)
    path.write_text(text, encoding="utf-8")
    made = built(overlay)
    if made is None:
        pytest.skip("neither kubectl nor kustomize is installed")
    assert len(made) == len(resources())
    for resource in made:
        assert resource["metadata"]["namespace"] == "web", resource
        assert resource["metadata"]["labels"]["release"] == "ours"
        assert resource["metadata"]["labels"]["app.kubernetes.io/part-of"] == "genmon"
        if resource["kind"] in CRDS:
            assert problems(resource) == []
        if resource["kind"] == "Deployment":
            (container,) = resource["spec"]["template"]["spec"]["containers"]
            assert container["image"].endswith(":v7")
        for rule in resource["spec"]["ingress"] if resource["kind"] == "NetworkPolicy" else ():
            (peer,) = rule["from"]
            names = peer["namespaceSelector"]["matchLabels"]
            assert names == {"kubernetes.io/metadata.name": "observability"}


def test_pods_run_with_the_least_they_need() -> None:
    """Not as root, nothing writable but the journal and /tmp, secrets from files, scraped."""
    written = resources()
    selected = written["podmonitor.yaml"]["spec"]["selector"]["matchLabels"].items()
    for name in ("application.yaml", "exporter.yaml"):
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
    env = {e["name"]: e["value"] for e in written["application.yaml"]["spec"]["template"]
           ["spec"]["containers"][0]["env"]}  # fmt: skip
    volumes = written["application.yaml"]["spec"]["template"]["spec"]["volumes"]
    assert env["GENMON_JOURNAL_DIR"] == "/journal"
    assert {"name": "journal", "emptyDir": {"sizeLimit": "1Gi"}} in volumes


def test_the_page_is_reached_by_nobody() -> None:
    """Page and worker: the least they need, no port, and no peer that may call them."""
    written = resources(PAGE)
    for name in ("page.yaml", "worker.yaml"):
        pod = written[name]["spec"]["template"]["spec"]
        assert pod["securityContext"]["runAsNonRoot"]
        assert pod["automountServiceAccountToken"] is False
        (container,) = pod["containers"]
        assert container["securityContext"]["readOnlyRootFilesystem"]
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        assert "ports" not in container
        assert "--host" not in container["args"]
    policy = written["networkpolicy-page.yaml"]["spec"]
    assert policy["ingress"] == []
    (expression,) = policy["podSelector"]["matchExpressions"]
    names = {written[n]["metadata"]["name"] for n in ("page.yaml", "worker.yaml")}
    assert set(expression["values"]) == names


def test_alerts_and_dashboards_lead_to_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With its address, by option or variable, messages and tables link to it; without, none does."""
    for options, variable in ((("--ui-url", "https://page/"), None), ((), "https://page")):
        if variable:
            monkeypatch.setenv("GENMON_UI_URL", variable)
        written = export(tmp_path / str(bool(variable)), *options)
        rules = yaml.safe_load(written["prometheus_rules/genmon.rules.yml"])
        alerts = [r for g in rules["groups"] for r in g["rules"] if "alert" in r]
        assert all(r["annotations"]["ui_url"].startswith("https://page/failures") for r in alerts)
        for name in ("generations", "failures", "itself"):
            tree = json.loads(written[f"grafana/dashboards/{name}.json"])
            assert tree["links"][-1]["url"] == "https://page"
        assert (
            "https://page/failures/${__value.text}" in written["grafana/dashboards/failures.json"]
        )
    assert "ui_url" not in render_rules()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--label", "team"], "KEY=VALUE"),
        (["--label", "severity=page"], "severity"),
        (["--grafana-url", "grafana"], "grafana_url"),
        (["--ui-url", "page"], "ui_url"),
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
