"""The stack of deploy/: hardened, pinned, on loopback only, and its parts work together."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml
from click.testing import CliRunner
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from genmon_otel.cli import genmon
from genmon_otel.cli.ui import ui
from genmon_otel.rules import render_rules
from genmon_otel.store import SqlStore
from genmon_otel.ui import pages
from tests.port_kit import free_port
from tests.prometheus_kit.loopback import get, prometheus, running, until
from tests.prometheus_kit.programs import Programs
from tests.servers import postgresql

ROOT = Path(__file__).parents[3]
DEPLOY = ROOT / "deploy"
COMPOSE = yaml.safe_load((DEPLOY / "compose.yml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
#: Images without a shell; ``traces-health`` asks them. The upgrade ends by itself.
ASKED_ELSEWHERE = {"collector", "jaeger", "upgrade"}

#: Registry and name, a version that is no moving word, the digest.
PINNED = re.compile(r"[\w./-]+:v?\d+\.\d+(\.\d+)?(-[\w-]+)?@sha256:[0-9a-f]{64}")


@pytest.mark.parametrize("name", SERVICES)
def test_images_are_pinned(name: str) -> None:
    """Every image names an exact version and its digest, or is built here."""
    service = SERVICES[name]
    assert "build" in service or PINNED.fullmatch(service["image"])


def test_the_application_s_image_is_built_from_what_is_pinned() -> None:
    """Its base by digest; and only the lock and the wheel that lies there are installed."""
    text = (DEPLOY / "app" / "Dockerfile").read_text(encoding="utf-8")
    bases = re.findall(r"^FROM (\S+)", text, re.M)
    assert bases
    assert all(PINNED.fullmatch(base) for base in bases)
    assert "--require-hashes -r /install/requirements.txt" in text
    assert "--no-deps --no-index --find-links /install genmon-otel" in text


def test_only_who_asks_the_database_can_reach_it() -> None:
    """Its network leads nowhere else; whoever waits for the database or the schema is in it."""
    assert COMPOSE["networks"] == {"database": {"internal": True}, "monitoring": None}
    inside = {name for name, service in SERVICES.items() if "database" in service["networks"]}
    assert inside == {"postgres", "upgrade", "app", "exporter", "grafana", "page", "worker"}
    assert SERVICES["postgres"]["networks"] == ["database"]
    for name, service in SERVICES.items():
        if name not in {"postgres", "upgrade", "worker"}:
            assert "monitoring" in service["networks"], name
        if {"postgres", "upgrade"} & set(service.get("depends_on", [])):
            assert "database" in service["networks"], name


@pytest.mark.parametrize("name", SERVICES)
def test_ports_are_on_loopback(name: str) -> None:
    """Nothing listens beyond this machine."""
    for port in SERVICES[name].get("ports", []):
        assert port.startswith("127.0.0.1:")


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_says_whether_it_is_well(name: str) -> None:
    """A health check of its own, or another service's that asks it."""
    if name not in ASKED_ELSEWHERE:
        assert SERVICES[name]["healthcheck"]["test"]
    elif name != "upgrade":
        assert f"http://{name}:" in str(SERVICES["traces-health"]["healthcheck"])


def test_no_password_is_written_down() -> None:
    """Secrets come from files that are not committed; no variable holds one."""
    for service in SERVICES.values():
        for key, value in (service.get("environment") or {}).items():
            if re.search("PASSWORD|STORE|TOKEN|KEY", key):
                assert str(value).startswith("/run/secrets/"), key
        assert set(service.get("secrets", [])) <= set(COMPOSE["secrets"])
    for secret in COMPOSE["secrets"].values():
        assert not (ROOT / "deploy" / secret["file"]).is_relative_to(ROOT / "src")
    tracked = subprocess.run(
        ["git", "ls-files", "deploy/secrets"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if tracked.returncode == 0:
        assert set(tracked.stdout.split()) <= {"deploy/secrets/README.md"}


def test_services_run_with_the_least_they_need() -> None:
    """Every one: read-only root, no capabilities, no new privileges, a bounded log."""
    for name, service in SERVICES.items():
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["read_only"], name
        assert service["cap_drop"] == ["ALL"], name
        assert service["logging"]["options"]["max-size"], name


def test_grafana_leaves_its_plugins_alone() -> None:
    """Grafana updates no plugin at its start: on a read-only root that removes the data sources."""
    # https://github.com/grafana/grafana/issues/132528
    environment = SERVICES["grafana"]["environment"]
    assert environment["GF_PLUGINS_PREINSTALL_AUTO_UPDATE"] == "false"
    assert environment["GF_PLUGINS_PREINSTALL_DISABLED"] == "true"


def test_services_have_time_to_end() -> None:
    """Each service has 30 s between SIGTERM and SIGKILL; one that runs ``sleep`` has an init as process 1."""
    for service in SERVICES.values():
        assert service["stop_grace_period"] == "30s"
        assert service.get("init") or "sleep" not in service.get("command", [])


def test_every_variable_that_env_may_hold_reaches_a_service() -> None:
    """What ``.env`` says is put in by name, or handed on as it is."""
    offered = re.findall(r"^#?([A-Z_]+)=", (DEPLOY / ".env.example").read_text(), re.M)
    assert "PAUSE_S" in offered
    text = (DEPLOY / "compose.yml").read_text()
    for name in offered:
        handed_on = [s for s in SERVICES.values() if s.get("environment", {}).get(name, "") is None]
        assert handed_on or f"${{{name}:-" in text, name
    assert "${GRAFANA_PORT:-" in SERVICES["grafana"]["environment"]["GF_SERVER_ROOT_URL"]


def test_every_mounted_file_is_there() -> None:
    """Compose would make an empty folder of a path that is missing."""
    for service in SERVICES.values():
        for volume in service.get("volumes", []):
            source, target, *_ = volume.split(":")
            if source.startswith(".") and "secrets" not in source:
                assert (DEPLOY / source).exists(), source
                assert target.startswith("/")
            elif not source.startswith("."):
                assert source in COMPOSE["volumes"]
    for service in SERVICES.values():
        assert set(service.get("depends_on", [])) <= set(SERVICES)


def test_the_collector_s_pipelines_are_whole() -> None:
    """Each part a pipeline names is defined, and each that is defined is used."""
    config = yaml.safe_load((DEPLOY / "collector" / "config.yml").read_text())
    for kind in ("receivers", "processors", "exporters"):
        used = {name for p in config["service"]["pipelines"].values() for name in p[kind]}
        assert used == set(config[kind])
    assert config["service"]["extensions"] == list(config["extensions"])


def test_addresses_agree() -> None:
    """Who talks to whom: hosts are services, and data sources are those that links name."""
    texts = [
        (DEPLOY / "prometheus" / "prometheus.yml").read_text(),
        (DEPLOY / "collector" / "config.yml").read_text(),
        (ROOT / "grafana/provisioning/datasources/genmon.yml").read_text(),
    ]
    hosts = {
        host
        for text in texts
        for host in re.findall(r"\b([a-z]+):(?:9\d{3}|4317|16686|5432)\b", text)
    }
    assert hosts == {"app", "exporter", "alertmanager", "prometheus", "jaeger", "postgres"}
    assert hosts <= set(SERVICES)
    sources = yaml.safe_load(texts[2])["datasources"]
    assert len({source["uid"] for source in sources}) == len(sources)
    exemplars = sources[0]["jsonData"]["exemplarTraceIdDestinations"]
    assert exemplars == [{"name": "trace_id", "datasourceUid": "genmon-traces"}]
    text = (ROOT / "grafana/dashboards/failures.json").read_text()
    assert "genmon-traces" in text


@pytest.mark.prometheus
def test_promtool_accepts_the_configuration(programs: Programs, tmp_path: Path) -> None:
    """The file that Prometheus is started with, beside the committed rules."""
    text = (DEPLOY / "prometheus" / "prometheus.yml").read_text()
    tree = yaml.safe_load(text.replace("/etc/prometheus/rules", str(ROOT / "prometheus_rules")))
    (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(programs.understood(tree)))
    done = subprocess.run(
        [programs.promtool, "check", "config", tmp_path / "prometheus.yml"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "SUCCESS" in done.stdout


@pytest.mark.prometheus
def test_the_collector_accepts_its_configuration(newest: Programs) -> None:
    """Every component and option of the file is one that a real Collector knows."""
    done = subprocess.run(
        [str(newest.otelcol), "validate", f"--config=file:{DEPLOY / 'collector' / 'config.yml'}"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def strict_tree(tmp_path: Path) -> Path:
    """The stack as someone has it who lets nobody else read new files."""
    for folder in ("deploy", "grafana", "prometheus_rules"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=_mine)
    for path in tmp_path.rglob("*"):
        path.chmod(0o700 if path.is_dir() or path.suffix == ".sh" else 0o600)
    return tmp_path / "deploy"


def _mine(folder: str, names: list[str]) -> set[str]:
    """What a working copy may have that is not the stack's."""
    return set(names) - {"README.md"} if Path(folder).name == "secrets" else set()


def make_secrets(deploy: Path) -> subprocess.CompletedProcess[str]:
    """Run the script as its owner would under a strict umask."""
    return subprocess.run(
        ["sh", "-c", "umask 077; exec ./secrets.sh"],
        cwd=deploy, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_every_command_of_ours_is_one_that_there_is() -> None:
    """Services, pods and probes start commands of ours with options and values that they take."""
    started = [
        service.get(key, {}).get("test", []) if key == "healthcheck" else service.get(key, [])
        for service in COMPOSE["services"].values() for key in ("command", "healthcheck")
    ]  # fmt: skip
    for path in (ROOT / "deploy" / "kubernetes").rglob("*.yaml"):
        for tree in yaml.safe_load_all(path.read_text("utf-8")):
            pod = ((tree or {}).get("spec", {}).get("template") or {}).get("spec", {})
            started += [[*each.get("command", []), *each.get("args", [])]
                        for each in pod.get("containers", [])]  # fmt: skip
    ours = [[re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", str(word)) for word in words[words.index("genmon") + 1:]]
            for words in started if isinstance(words, list) and "genmon" in words]  # fmt: skip
    assert len(ours) >= 6, ours
    for words in ours:
        # The parser names the first option that it does not know.
        done = CliRunner().invoke(genmon, [*words, "--no-such-option"])
        assert "No such option '--no-such-option'" in done.output, (words, done.output)


def test_the_page_s_port_is_the_one_its_probes_ask() -> None:
    """The page listens where its service, its pod and their probes look for it, at an address that exists."""
    page = COMPOSE["services"]["page"]
    port = page["environment"]["PAGE_PORT"]
    assert page["command"][page["command"].index("--port") + 1] == port
    assert page["ports"] == [f"127.0.0.1:{port}:{port}"]
    asked = (ROOT / "deploy" / "kubernetes" / "components" / "page" / "page.yaml").read_text()
    default = next(p.default for p in ui.params if p.name == "port")
    assert f"http://127.0.0.1:{default}/static/style.css" in asked
    assert port.endswith(f":-{default}}}")
    assert "/static/style.css" in str(page["healthcheck"])
    assert (Path(pages.__file__).parent / "static" / "style.css").is_file()


def test_secrets_are_made_once_and_missing_ones_named(strict_tree: Path) -> None:
    """Random passwords, kept at a second run; the keys that only a user has are asked for."""
    secrets = strict_tree / "secrets"
    first = make_secrets(strict_tree)
    assert first.returncode == 1
    assert "secrets/alertmanager/pagerduty_routing_key" in first.stdout
    made = {path.name: path.read_text() for path in secrets.glob("*_*")}
    assert set(made) == set(COMPOSE["secrets"])
    assert len(made["postgres_password"]) == 32
    assert made["app_database_password"] in made["app_store_url"]
    for name in ("pagerduty_routing_key", "slack_webhook_url"):
        (secrets / "alertmanager" / name).write_text("mine")
    assert make_secrets(strict_tree).returncode == 0
    assert {p.name: p.read_text() for p in secrets.glob("*_*")} == made


def test_containers_can_read_what_they_are_handed(strict_tree: Path) -> None:
    """Each runs as a user of its own: files are readable whatever the umask, secrets by none but them."""
    make_secrets(strict_tree)
    (strict_tree / "secrets" / "alertmanager" / "key").write_text("mine")
    (strict_tree / "secrets" / "alertmanager" / "key").chmod(0o600)
    make_secrets(strict_tree)
    volumes = [v.split(":")[0] for s in SERVICES.values() for v in s.get("volumes", [])]
    handed = [strict_tree / source for source in volumes if source.startswith(".")]
    handed += [strict_tree / secret["file"] for secret in COMPOSE["secrets"].values()]
    handed += [strict_tree / "app" / name for name in ("main.py", "upgrade.py")]
    for path in [*handed, *(inner for place in handed for inner in place.rglob("*"))]:
        wanted = 0o005 if path.is_dir() else 0o004
        assert path.stat().st_mode & wanted == wanted, path
    assert (strict_tree / "secrets").stat().st_mode & 0o777 == 0o700


@pytest.mark.postgres
@pytest.mark.prometheus
def test_application_database_and_prometheus_work_together(
    stable: Programs, own_postgresql_server: postgresql.Server, tmp_path: Path
) -> None:
    """The stack's own scripts: roles, upgrade, application as its role, scraped, counted."""
    url = own_postgresql_server.new_database()
    parts = conninfo_to_dict(url)
    (tmp_path / "app_database_password").write_text("it's \\a $secret")
    (tmp_path / "grafana_database_password").write_text("another")
    place = postgresql.programs()
    assert place is not None
    subprocess.run(
        ["sh", DEPLOY / "postgres" / "10-roles.sh"], check=True,
        env={**os.environ, "PATH": f"{place}:{os.environ['PATH']}", "SECRETS": str(tmp_path),
             "PGHOST": str(parts["host"]), "POSTGRES_USER": "genmon",
             "POSTGRES_DB": str(parts["dbname"])},
    )  # fmt: skip
    (tmp_path / "owner").write_text(url)
    subprocess.run(
        [sys.executable, DEPLOY / "app" / "upgrade.py"], check=True,
        env={**os.environ, "GENMON_STORE_FILE": str(tmp_path / "owner")},
    )  # fmt: skip
    as_app = f"postgresql://genmon_app@/{parts['dbname']}?host={parts['host']}"
    (tmp_path / "app").write_text(as_app)
    port = free_port()
    environment = {
        "GENMON_STORE_FILE": str(tmp_path / "app"), "GENMON_METRICS_PORT": str(port),
        "GENMON_JOURNAL_DIR": str(tmp_path / "journal"), "PAUSE_S": "0.2",
    }  # fmt: skip
    rules = tmp_path / "rules.yml"
    rules.write_text(render_rules(1, 120))
    text = (DEPLOY / "prometheus" / "prometheus.yml").read_text().replace(": 30s", ": 1s")
    text = text.replace("app:9464", f"127.0.0.1:{port}").replace(
        "/etc/prometheus/rules/genmon.rules.yml", str(rules)
    )
    configuration = stable.understood(yaml.safe_load(text))
    (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(configuration))
    (tmp_path / "run").mkdir()
    for name in ("app_builder.py", "package_index.json"):
        source = ROOT / "src" / "genmon_otel" / "demo" / name
        (tmp_path / "run" / name).write_text(source.read_text())
    main = (DEPLOY / "app" / "main.py").read_text()
    (tmp_path / "run" / "main.py").write_text(main)
    command = ["env", "-C", str(tmp_path / "run"), sys.executable, "main.py"]
    with (
        running(command, tmp_path / "app.log", f"http://127.0.0.1:{port}/metrics", environment),
        prometheus(stable, tmp_path / "prometheus.yml", tmp_path) as address,
    ):
        record = "cluster_namespace_job_operation_framework:genmon_generations:increase2m"
        query = f"{address}/api/v1/query?query=sum({record})"

        def counted() -> float:
            result = (get(query) or {"data": {"result": []}})["data"]["result"]
            return float(result[0]["value"][1]) if result else 0.0

        until(lambda: counted() >= 20, "twenty attempts counted")
    time.sleep(0.1)
    store = SqlStore(url)
    store.open()
    assert store.health().attempts >= 20
    store.close()
    reader = make_conninfo(url, user="genmon_grafana")
    with psycopg.connect(reader) as connection:
        (count,) = connection.execute("SELECT count(*) FROM generation_failures").fetchone()  # type: ignore[misc]
        assert count > 0
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("SELECT user_id FROM generation_analytics")
