"""No panel is empty on the demo's traffic, and the numbers are those that were generated."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from grafana.preview.asking import Frame, missing, panels
from grafana.preview.drawing import draw
from tests.prometheus_kit.dashboard_world import ROOT, World, world
from tests.prometheus_kit.programs import Programs
from tests.servers import postgresql

pytestmark = [
    pytest.mark.long("every panel asked over minutes of traffic on real servers"),
    pytest.mark.prometheus,
    pytest.mark.postgres,
    pytest.mark.xdist_group("dashboards"),
]

DASHBOARDS = {
    path.name: json.loads(path.read_text(encoding="utf-8"))
    for path in sorted((ROOT / "grafana" / "dashboards").glob("*.json"))
}
#: Every query of every panel, by dashboard and title.
QUERIES = [
    pytest.param(name, panel["title"], target["refId"], id=f"{name}-{panel['title']}-{target['refId']}")
    for name, dashboard in DASHBOARDS.items()
    for panel in panels(dashboard)
    for target in panel["targets"]
]  # fmt: skip


@pytest.fixture(scope="module")
def filled(
    stable: Programs,
    own_postgresql_server: postgresql.Server,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[World]:
    """The demo, run once for all tests of this module."""
    with world(stable, own_postgresql_server, tmp_path_factory.mktemp("world")) as there:
        yield there


def frames(there: World, name: str, title: str, ref: str = "A") -> list[Frame]:
    dashboard = DASHBOARDS[name]
    panel = next(each for each in panels(dashboard) if each["title"] == title)
    target = next(each for each in panel["targets"] if each["refId"] == ref)
    return there.servers.ask(dashboard, target)


def table(there: World, name: str, title: str, ref: str = "A") -> list[dict[str, Any]]:
    (frame,) = frames(there, name, title, ref)
    return [dict(zip(frame.columns, row, strict=True)) for row in frame.rows]


def one(there: World, name: str, title: str, ref: str = "A") -> float:
    (frame,) = frames(there, name, title, ref)
    return float(frame.rows[-1][-1])


@pytest.mark.parametrize(("name", "title", "ref"), QUERIES)
def test_no_query_is_empty(filled: World, name: str, title: str, ref: str) -> None:
    """With every variable on All, every query of every panel shows something."""
    got = frames(filled, name, title, ref)
    assert any(
        not missing(value) for frame in got for row in frame.rows for value in row[1:] or row
    )


@pytest.mark.parametrize(("name", "title", "ref"), QUERIES)
def test_no_query_is_empty_when_variables_are_chosen(
    filled: World, name: str, title: str, ref: str
) -> None:
    """The same with each variable set to the values that the data has."""
    chosen = {
        "cluster": ["local"], "namespace": ["demo"], "job": ["app-builder", "other"],
        "operation": ["build_app"], "framework": ["html", "react", "vue", "python"],
        "instance": [filled.metrics.removeprefix("http://")],
    }  # fmt: skip
    there = replace(filled, servers=replace(filled.servers, chosen=chosen))
    got = frames(there, name, title, ref)
    assert any(frame.values for frame in got)


TABLES = [
    pytest.param(name, panel["title"], id=f"{name}-{panel['title']}")
    for name, dashboard in DASHBOARDS.items()
    for panel in panels(dashboard)
    if panel["type"] == "table"
]


def columns(there: World, name: str, title: str) -> tuple[dict[str, Any], list[str]]:
    """A table and the names that its columns have when overrides are matched."""
    dashboard = DASHBOARDS[name]
    panel = next(each for each in panels(dashboard) if each["title"] == title)
    answers = [
        frame for target in panel["targets"] for frame in there.servers.ask(dashboard, target)
    ]
    found = dict.fromkeys(column for frame in answers for column in frame.columns)
    for transformation in panel.get("transformations", []):
        if transformation["id"] == "merge":
            found.pop("Value")
            found |= dict.fromkeys(f"Value #{target['refId']}" for target in panel["targets"])
        if transformation["id"] == "organize":
            options = transformation["options"]
            found["Time"] = None  # Grafana's own column of an instant query
            for named in ("excludeByName", "indexByName", "renameByName"):
                assert set(options[named]) <= set(found), named
            kept = [each for each in found if not options["excludeByName"].get(each)]
            found = dict.fromkeys(options["renameByName"].get(each, each) for each in kept)
    return panel, list(found)


@pytest.mark.parametrize(("name", "title"), TABLES)
def test_every_columns_look_has_its_column(filled: World, name: str, title: str) -> None:
    """No override or transformation names a column that the answer does not have."""
    panel, found = columns(filled, name, title)
    named = [
        each["matcher"]["options"]
        for each in panel["fieldConfig"]["overrides"]
        if each["matcher"]["id"] == "byName"
    ]
    assert set(named) <= set(found)
    assert {each["displayName"] for each in panel["options"].get("sortBy", [])} <= set(found)


@pytest.mark.parametrize(("name", "title"), TABLES)
def test_no_column_is_pushed_out_of_sight(filled: World, name: str, title: str) -> None:
    """On a screen of 1440 pixels every column of a table is within its panel."""
    panel, found = columns(filled, name, title)
    least = panel["fieldConfig"]["defaults"]["custom"]["minWidth"]
    widths = {
        override["matcher"]["options"]: each["value"]
        for override in panel["fieldConfig"]["overrides"]
        for each in override["properties"]
        if each["id"] in ("custom.width", "custom.minWidth")
    }
    needed = sum(widths.get(column, least) for column in found)
    wide = panel["gridPos"]["w"]
    # 16 beside the grid, 8 between its columns, 8 and a line within a panel.
    assert needed <= wide * (1440 - 2 * 16 - 23 * 8) / 24 + (wide - 1) * 8 - 2 * 9


def test_the_first_screen_says_what_the_application_says(filled: World) -> None:
    """Attempts, failures and rate are those of check_health(); the verdict follows the page."""
    health = filled.health
    page = "generations.json"
    assert health.attempts > 20
    assert one(filled, page, "Last hour", "A") == health.failures
    assert one(filled, page, "Last hour", "B") == health.attempts
    assert one(filled, page, "Last 10 min", "B") == health.attempts
    (worst,) = frames(filled, page, "Worst rate, last hour")
    rates = frames(filled, page, "Failure rate over the last hour")
    assert worst.values[0] in [rate.values[-1] for rate in rates]
    assert worst.values[0] >= health.failure_rate
    firing = table(filled, page, "Firing alerts")
    paged = any(alert["alertname"] == "GenmonHighFailureRate" for alert in firing)
    assert one(filled, page, "Verdict") == (2 if paged else 1)


def test_no_alert_about_genmon_itself_fires(filled: World) -> None:
    """Failing generations are no trouble of genmon's own: nothing but failures is alerted."""
    firing = {alert["alertname"] for alert in table(filled, "generations.json", "Firing alerts")}
    assert firing <= {"GenmonHighFailureRate", "GenmonErrorBudgetBurn", "GenmonCategoryTakingOver"}


def test_failures_by_category_are_counted_exactly(filled: World) -> None:
    """Bars and blame add up to what the application counted, category by category."""
    bars = Counter[str]()
    for frame in frames(filled, "generations.json", "Failures of the last hour by category"):
        bars[frame.labels["category"]] += int(frame.values[0])
    assert bars == Counter(dict(filled.health.by_category))
    blame = sum(one(filled, "generations.json", "Whose fault, last hour", ref) for ref in "ABC")
    assert blame == filled.health.failures


def test_the_page_clears_an_hour_after_the_newest_third_failure(filled: World) -> None:
    """The promised time is an hour and a bit after the traffic, not before its end."""
    clears = one(filled, "generations.json", "Clears by, if quiet") / 1000
    assert filled.servers.start + 3600 < clears < filled.servers.end + 3600 + 120


def test_top_failures_are_those_of_the_store(filled: World) -> None:
    """Handles, counts, users and cases are what the store says."""
    stored = {row.handle: row for row in filled.store.failures(limit=100)}
    top = table(filled, "failures.json", "Top failures")
    assert {row["failure"] for row in top} == set(stored)
    for row in top:
        assert row["times"] == stored[row["failure"]].occurrence_count
        assert row["lately"] == row["times"]
    assert sum(row["times"] for row in top) == filled.health.failures
    assert max(row["users"] for row in top) >= 3
    assert {row["case"] for row in top} >= {"none yet", "guarding"}


def test_the_guarded_case_is_told(filled: World) -> None:
    """One case passed on the fixed version: counted, timed, with its runs by channel."""
    assert one(filled, "failures.json", "Guarding") == 1
    seconds = one(filled, "failures.json", "Time to guard, median")
    assert 0 < seconds < 600
    runs = {row["channel"]: row for row in table(filled, "failures.json", "Verdicts by channel")}
    assert runs["replay"]["pass"] == 1
    assert runs["replay"]["fail_same"] >= 1


def test_no_loss_is_not_claimed_of_what_nobody_sees(filled: World) -> None:
    """Where nothing is scraped, *genmon itself* answers nothing, rather than 0 in green."""
    start = filled.servers.start - 86_400
    there = replace(filled, servers=replace(filled.servers, start=start, end=start + 3600))
    for panel in panels(DASHBOARDS["itself.json"]):
        assert not frames(there, "itself.json", panel["title"]), panel["title"]


def test_exemplars_lead_to_traces(filled: World) -> None:
    """The panel that promises exemplars gets some, each a trace id of the store."""
    dashboard = DASHBOARDS["generations.json"]
    panel = next(p for p in panels(dashboard) if p["title"] == "Failures by category")
    (target,) = panel["targets"]
    assert target["exemplar"]
    got = filled.servers.prometheus_api(
        "query_exemplars",
        query=filled.servers.filled(dashboard, target["expr"]),
        start=filled.servers.start,
        end=filled.servers.end,
    )
    ids = {exemplar["labels"]["trace_id"] for series in got for exemplar in series["exemplars"]}
    known = filled.servers.database.execute("SELECT trace_id FROM generation_analytics").fetchall()
    assert ids
    assert ids <= {row[0] for row in known}


@pytest.mark.parametrize("name", DASHBOARDS)
def test_annotations_mark_something(filled: World, name: str) -> None:
    """Alerts and deploys are there to be marked."""
    for annotation in DASHBOARDS[name]["annotations"]["list"]:
        if annotation.get("builtIn"):
            continue
        got = filled.servers.ask(DASHBOARDS[name], annotation["target"])
        if name == "itself.json":
            continue  # nothing is wrong with genmon itself; that the query runs is enough
        assert any(frame.rows for frame in got), annotation["name"]


@pytest.mark.parametrize("name", DASHBOARDS)
def test_variables_offer_what_is_there(filled: World, name: str) -> None:
    """Every query variable has values, so that a reader has something to choose."""
    for variable in DASHBOARDS[name]["templating"]["list"]:
        if variable["type"] != "query":
            continue
        query = filled.servers.filled(DASHBOARDS[name], variable["query"])
        if query.startswith("SELECT"):
            values = filled.servers.database.execute(query).fetchall()
        else:
            metric, label = query.removeprefix("label_values(")[:-1].rsplit(", ", 1)
            match = urlencode({"match[]": metric})
            values = filled.servers.prometheus_api(f"label/{label}/values?{match}")
        assert values, variable["name"]


@pytest.mark.chromium
def test_each_dashboard_can_be_drawn(filled: World, tmp_path: Path) -> None:
    """The docs' pictures come from real results, whatever the panels."""
    if not (shutil.which("chromium") or shutil.which("google-chrome")):
        pytest.skip("needs chromium: apt-get install chromium")
    pictures = list(draw(filled.servers, tmp_path))
    assert len(pictures) == len(DASHBOARDS)
    for picture in pictures:
        assert picture.read_bytes().startswith(b"\x89PNG")
        assert picture.stat().st_size > 20_000
