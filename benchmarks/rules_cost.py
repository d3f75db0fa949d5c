"""What the page's recording rules cost a Prometheus: time, series and samples of one evaluation.

A real Prometheus over two hours of made-up scrapes, one replica, each pair of operation and
framework with a success every minute and a failure every five. Asked is what the rules ask.
"""

from __future__ import annotations

import json
import shutil
import socket
import statistics
import subprocess
import tempfile
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import yaml

from benchmarks.table import Table
from genmon_otel import conventions as names
from genmon_otel.records import Outcome
from genmon_otel.rules import render_rules

PAIRS: Final = (10, 100, 1000)
ROUNDS, QUICK_ROUNDS = 9, 3
SCRAPE_S: Final = 30
HISTORY_S: Final = 7200
#: A whole number of scrapes; blocks are easier to make in the past than now.
END: Final = 1_700_000_000 // SCRAPE_S * SCRAPE_S


def run(quick: bool) -> list[Table]:
    """Measure each number of pairs."""
    table = Table(
        "rules_cost", "One evaluation of a recording rule of the page, ms",
        f"every {SCRAPE_S} s, one replica; median of {QUICK_ROUNDS if quick else ROUNDS}",
    )  # fmt: skip
    if shutil.which("prometheus") is None:
        print("no Prometheus here: its lines are left out")
        return []
    rules = {
        rule["record"].rpartition(":")[2]: rule["expr"]
        for rule in yaml.safe_load(render_rules(SCRAPE_S))["groups"][0]["rules"]
        if "record" in rule
    }
    for pairs in PAIRS[:2] if quick else PAIRS:
        with tempfile.TemporaryDirectory(prefix="genmon-bench-") as folder:
            _fill(Path(folder), pairs)
            with _prometheus(Path(folder)) as url:
                for window, expr in rules.items():
                    table.add(what=window, pairs=pairs, **_cost(url, expr, quick))
    return [table]


def _cost(url: str, expr: str, quick: bool) -> dict[str, Any]:
    answers = [_ask(url, expr) for _ in range(QUICK_ROUNDS if quick else ROUNDS)]
    stats = answers[-1]["stats"]
    taken = [answer["stats"]["timings"]["evalTotalTime"] * 1e3 for answer in answers]
    return {
        "ms": statistics.median(taken),
        "recorded": len(answers[-1]["result"]),
        "read": stats["samples"]["totalQueryableSamples"],
        "held_at_once": stats["samples"]["peakSamples"],
    }


def _ask(url: str, expr: str) -> dict[str, Any]:
    body = urllib.parse.urlencode({"query": expr, "time": END, "stats": "all"}).encode()
    with urllib.request.urlopen(f"{url}/api/v1/query", body, timeout=120) as answer:
        data: dict[str, Any] = json.load(answer)["data"]
    return data


def _lines(pairs: int) -> Iterator[str]:
    """The scrapes as OpenMetrics, series by series."""
    begin = END - HISTORY_S
    for metric in (names.GENERATIONS, names.SERIES_START):
        is_count = metric is names.GENERATIONS
        family = metric.name.removesuffix("_total")
        yield f"# TYPE {family} {'counter' if is_count else 'gauge'}\n"
        for pair in range(pairs):
            for outcome in Outcome:
                labels = (
                    f'{{job="app",instance="a:1",operation="operation_{pair // 10}",'
                    f'framework="framework_{pair % 10}",outcome="{outcome}"}}'
                )
                for at in range(begin, END + 1, SCRAPE_S):
                    value = begin if not is_count else _count(outcome, at - begin)
                    yield f"{metric.name}{labels} {value} {at}\n"
    yield "# EOF\n"


def _count(outcome: Outcome, age_s: int) -> int:
    return {Outcome.SUCCESS: age_s // 60, Outcome.FAILURE: age_s // 300}.get(outcome, 0)


def _fill(folder: Path, pairs: int) -> None:
    source = folder / "scrapes.txt"
    with source.open("w") as file:
        file.writelines(_lines(pairs))
    subprocess.run(
        ["promtool", "tsdb", "create-blocks-from", "openmetrics", source, folder / "data"],
        check=True, capture_output=True,
    )  # fmt: skip
    (folder / "prometheus.yml").write_text("{}")


@contextmanager
def _prometheus(folder: Path) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{probe.getsockname()[1]}"
    command = [
        "prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data",
        f"--web.listen-address={url.removeprefix('http://')}", "--storage.tsdb.retention.time=50y",
    ]  # fmt: skip
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        for _ in range(300):
            try:
                with urllib.request.urlopen(f"{url}/-/ready", timeout=5):
                    break
            except OSError:
                time.sleep(0.1)
        yield url
    finally:
        server.terminate()
        server.wait()
