"""The demo's traffic in front of a real Prometheus and a real PostgreSQL."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import psycopg
import yaml
from prometheus_client import start_http_server

from genmon_otel import check_health
from genmon_otel.demo.endpoint import shipped
from genmon_otel.demo.model_server import model_server, projects
from genmon_otel.demo.stage import Stage
from genmon_otel.demo.traffic import requests, send
from genmon_otel.policy import CaseState
from genmon_otel.records import Health
from genmon_otel.regression import review
from genmon_otel.regression.cases.needs import Needs
from genmon_otel.rules import render_rules
from genmon_otel.store import SqlStore
from genmon_otel.store.grants import build_grants
from genmon_otel.wiring.exporter import serve
from grafana.preview.asking import Servers
from tests.port_kit import free_port
from tests.prometheus_kit.loopback import get, prometheus, until
from tests.prometheus_kit.programs import Programs
from tests.servers import postgresql

ROOT = Path(__file__).parents[2]
SCRAPE_S = 5
ROLES = ("genmon_app", "genmon_grafana")


class PostgresStage(Stage):
    """The demo's stage, with a store that Grafana can read."""

    def __init__(self, folder: Path, url: str) -> None:
        super().__init__(folder)
        self._url = url

    @property
    def store(self) -> str:
        return self._url


@dataclass(frozen=True)
class World:
    """What was filled, and what the application itself says it did."""

    servers: Servers
    health: Health
    store: SqlStore
    metrics: str


def configuration(app: int, exporter: int, rules: Path) -> dict[str, Any]:
    """``deploy/prometheus/prometheus.yml``, with loopback addresses and quicker scrapes."""
    tree = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text())
    for key in ("scrape_interval", "evaluation_interval"):
        tree["global"][key] = f"{SCRAPE_S}s"
    tree["rule_files"] = [str(rules)]
    del tree["alerting"]
    ports = {"app-builder": app, "genmon-exporter": exporter}
    for job in tree["scrape_configs"]:
        job["static_configs"][0]["targets"] = [f"127.0.0.1:{ports.pop(job['job_name'])}"]
    assert not ports
    return tree


def demo(app_builder: ModuleType) -> int:
    """The demo's requests in two bursts; how many."""
    wanted = requests({text: p["framework"] for text, p in projects().items()}, None)
    for half in (wanted[: len(wanted) // 2], wanted[len(wanted) // 2 :]):
        asyncio.run(send(app_builder, half, lambda _: None))
        app_builder.model.cache_clear()
        time.sleep(SCRAPE_S)
    return len(wanted)


@contextmanager
def world(
    programs: Programs,
    server: postgresql.Server,
    folder: Path,
    traffic: Callable[[ModuleType], int] = demo,
) -> Iterator[World]:
    """Run traffic on PostgreSQL, scraped; close the loop; ask as Grafana's role."""
    url = server.new_database()
    stage = PostgresStage(folder / "stage", url)
    store = SqlStore(url)
    store.upgrade()
    store.open()
    with psycopg.connect(url, autocommit=True) as owner:
        for role in ROLES:
            owner.execute(f"CREATE ROLE {role}")
        owner.execute(build_grants(*ROLES))
    port, exporter_port = free_port(), free_port()
    rules = folder / "genmon.rules.yml"
    rules.write_text(render_rules(SCRAPE_S))
    (folder / "prometheus.yml").write_text(
        yaml.safe_dump(programs.understood(configuration(port, exporter_port, rules)))
    )
    started = time.time()
    web, _ = start_http_server(port, "127.0.0.1", stage.registry)
    exporter = serve(store, exporter_port)
    options = ("--enable-feature=exemplar-storage",)
    try:
        with (
            model_server() as model,
            stage.running(shipped(model.url)) as app_builder,
            prometheus(programs, folder / "prometheus.yml", folder, *options) as address,
        ):
            up = f"{address}/api/v1/query?query=count(up==1)"
            until(lambda: (get(up) or {"data": {"result": []}})["data"]["result"], "scraped")
            time.sleep(SCRAPE_S)  # the zeros are seen before anything happens
            count = traffic(app_builder)
            until(lambda: store.health().attempts == count, "all stored")
            health = check_health()
            close_the_loop(store, stage)
            time.sleep(3 * SCRAPE_S)  # scraped, evaluated, and evaluated on that
            with psycopg.connect(url, autocommit=True) as reader:
                reader.execute(f"SET ROLE {ROLES[1]}")
                yield World(
                    Servers(address, reader, started, time.time(), SCRAPE_S),
                    health, store, f"http://127.0.0.1:{port}",
                )  # fmt: skip
    finally:
        exporter.close()
        web.shutdown()
        store.close()
        with psycopg.connect(url, autocommit=True) as owner:
            for role in ROLES:
                owner.execute(f"DROP OWNED BY {role}")
                owner.execute(f"DROP ROLE {role}")


def close_the_loop(store: SqlStore, stage: Stage) -> None:
    """Reproduction check, approval, replay, fix, replay: what a team does in the demo."""
    for row in store.cases():
        review.verify(store, row.id, cwd=stage.folder)
    cases = store.cases()
    ready = [row for row in cases if row.state is CaseState.REPRODUCED]
    assert ready, [(row.handle, row.state_reason) for row in cases]
    # The one that the demo's fix fixes: an answer in a code fence.
    fenced = {
        row.handle for row in store.failures(limit=100) if "Expecting value" in row.error_message
    }
    chosen = next(row for row in ready if row.handle in fenced)
    endpoint = shipped("http://127.0.0.1")
    needs = Needs(
        env={
            "OPENAI_MODEL": endpoint.model,
            "APP_BUILDER_OPTIONS": json.dumps(dict(endpoint.options)),
        }
    )
    review.approve(store, chosen.id, reviewer="someone on call", needs=needs)
    review.replay(store, chosen.id, code_version=stage.code_version, cwd=stage.folder)
    stage.apply_fix()
    review.replay(store, chosen.id, code_version=stage.code_version, cwd=stage.folder)
