"""The dashboards' JSON: up to date, and every rule of the official dashboard linter."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from genmon_otel import conventions
from genmon_otel.rules import render_rules
from grafana.preview.asking import Servers, panels
from grafana.source import rendered
from tests.prometheus_kit.dashboard_world import ROOT
from tests.prometheus_kit.programs import Programs
from tests.table_kit import each

FOLDER = ROOT / "grafana" / "dashboards"
DASHBOARDS = {name: json.loads(text) for name, text in rendered().items()}
PANELS = [(name, panel) for name, dashboard in DASHBOARDS.items() for panel in panels(dashboard)]
#: The linter's ``.lint`` file: rules that some dashboards or panels leave out, and why.
EXCLUDED = json.loads((ROOT / "grafana" / ".lint").read_text(encoding="utf-8"))["exclusions"]
METRICS = {metric.name: metric for metric in conventions.METRICS}
SUFFIXES = ("_bucket", "_count", "_sum")
RECORDED = set(re.findall(r"record: (\S+)", render_rules()))


def promql(panel: dict[str, Any]) -> list[dict[str, Any]]:
    return [target for target in panel["targets"] if "expr" in target]


def excluded(rule: str, name: str, panel: dict[str, Any]) -> bool:
    """Whether the linter's file leaves a panel out of a rule, with a reason."""
    entries = EXCLUDED.get(rule, {}).get("entries", [])
    matching = [
        entry
        for entry in entries
        if entry["dashboard"] == DASHBOARDS[name]["title"]
        and entry.get("panel", panel["title"]) == panel["title"]
    ]
    assert all(entry["reason"] for entry in matching)
    return bool(matching)


def test_committed_json_is_up_to_date() -> None:
    """`make generate` would change nothing, and nothing is left over."""
    assert {path.name for path in FOLDER.glob("*.json")} == set(DASHBOARDS)
    for name, text in rendered().items():
        assert (FOLDER / name).read_text(encoding="utf-8") == text, name


def test_identities_are_fixed_and_titles_unique() -> None:
    """The uids are those that alerts link to; no two panels of a dashboard share a title or id."""
    uids = {dashboard["uid"] for dashboard in DASHBOARDS.values()}
    assert uids == {
        conventions.DASHBOARD_GENERATIONS,
        conventions.DASHBOARD_FAILURES,
        conventions.DASHBOARD_SELF,
    }
    assert len({dashboard["title"] for dashboard in DASHBOARDS.values()}) == len(uids)
    for dashboard in DASHBOARDS.values():
        titles = [panel["title"] for panel in panels(dashboard)]
        assert len(titles) == len(set(titles))
        ids = [panel["id"] for panel in dashboard["panels"]]
        assert len(ids) == len(set(ids))


@each("name", DASHBOARDS)
def test_nobody_edits_in_the_browser(name: str) -> None:
    """Rule `uneditable-dashboard`: the source is the source."""
    assert DASHBOARDS[name]["editable"] is False


@each("name", DASHBOARDS)
def test_data_sources_are_variables(name: str) -> None:
    """Rules `template-datasource`, `panel-datasource`: no data source is named by its uid."""
    variables = {v["name"]: v for v in DASHBOARDS[name]["templating"]["list"]}
    assert variables["datasource"]["type"] == "datasource"
    assert variables["datasource"]["query"] == "prometheus"
    for panel in panels(DASHBOARDS[name]):
        for what in (panel, *panel["targets"]):
            assert what["datasource"]["uid"] in ("${datasource}", "${database}")
            assert what["datasource"]["uid"][2:-1] in variables


@each("name, label", DASHBOARDS, ["job", "instance"])
def test_job_and_instance_can_be_chosen(name: str, label: str) -> None:
    """Rules `template-job-rule`, `template-instance-rule`."""
    if excluded(f"template-{label}-rule", name, {"title": ""}):
        return
    (variable,) = (v for v in DASHBOARDS[name]["templating"]["list"] if v["name"] == label)
    assert variable["type"] == "query"
    assert variable["datasource"]["uid"] == "${datasource}"
    assert variable["label"].lower() == label
    assert variable["multi"]
    assert variable["allValue"] == ".+"


@each("name", DASHBOARDS)
def test_every_query_variable_works_with_all(name: str) -> None:
    """Multi-value, All on opening, a pattern for All, refreshed (`template-on-time-change-reload`)."""
    for variable in DASHBOARDS[name]["templating"]["list"]:
        if variable["type"] == "query":
            assert variable["includeAll"]
            assert variable["multi"]
            assert variable["allValue"] in (".*", ".+")
            assert variable["current"]["value"] == "$__all"
            assert variable["refresh"] == 2


@each("name, panel", PANELS)
def test_every_panel_says_what_it_is(name: str, panel: dict[str, Any]) -> None:
    """Rules `panel-title-description`, `panel-units`, `panel-no-targets`; refIds are given."""
    assert panel["title"].strip()
    assert panel["description"].strip().endswith((".", "?", "show."))
    assert panel["fieldConfig"]["defaults"]["unit"]
    refs = [target["refId"] for target in panel["targets"]]
    assert refs == [chr(ord("A") + position) for position in range(len(refs))]


@each("name, panel", PANELS)
def test_targets_use_the_variables(name: str, panel: dict[str, Any]) -> None:
    """Rules `target-job-rule`, `target-instance-rule`: each selector is narrowed by what is chosen."""
    for target in promql(panel):
        for matchers in re.findall(r"\w\{([^}$]*(?:\$\w+[^}$]*)*)\}", target["expr"]):
            for label in ("job", "instance"):
                if not excluded(f"target-{label}-rule", name, panel):
                    assert f'{label}=~"${label}"' in matchers, target["expr"]


@each("name, panel", PANELS)
def test_rates_follow_the_range(name: str, panel: dict[str, Any]) -> None:
    """Rule `target-rate-interval-rule`: rates over $__rate_interval, others for a reason."""
    if excluded("target-rate-interval-rule", name, panel):
        return
    for target in promql(panel):
        ranges = re.findall(r"\b(?:rate|increase|irate)\([^\[]*\[([^\]]+)\]", target["expr"])
        assert set(ranges) <= {"$__rate_interval"}


@each("name, panel", PANELS)
def test_counters_are_aggregated(name: str, panel: dict[str, Any]) -> None:
    """Rule `target-counter-agg-rule`: a counter is only read through rate, increase or the like."""
    # ``timestamp`` asks when it was seen, not what it counted
    counters = [n for n, m in METRICS.items() if m.type == "counter"]
    counters += [n + s for n, m in METRICS.items() if m.type == "histogram" for s in SUFFIXES]
    for target in promql(panel):
        for counter in counters:
            for found in re.finditer(rf"(\w+) ?\(+\s*{counter}\b", target["expr"]):
                inside = found[1]
                if counter == "genmon_regression_runs_total":
                    assert excluded("target-counter-agg-rule", name, panel)
                else:
                    assert inside in ("rate", "increase", "last_over_time", "timestamp"), inside


@each("name, panel", PANELS)
def test_an_empty_answer_is_told_in_words(name: str, panel: dict[str, Any]) -> None:
    """A panel without data says what that means, and no base threshold colours it well or ill."""
    defaults = panel["fieldConfig"]["defaults"]
    assert defaults["noValue"]
    if panel["type"] == "stat":
        (nothing,) = (m for m in defaults["mappings"] if m["type"] == "special")
        assert nothing["options"]["match"] == "null+nan"
        assert nothing["options"]["result"]["text"] == defaults["noValue"]
        assert nothing["options"]["result"]["color"] == (
            "red" if panel["title"] == "Scraped" else "text"
        )


@each("name, panel", PANELS)
def test_a_tables_empty_cell_is_not_told_as_an_empty_table(
    name: str, panel: dict[str, Any]
) -> None:
    """Grafana writes a panel's `noValue` into each empty cell, unless the column has its own."""
    if panel["type"] == "table":
        first = panel["fieldConfig"]["overrides"][0]
        assert first["matcher"] == {"id": "byRegexp", "options": "/.*/"}
        assert first["properties"] == [{"id": "noValue", "value": "–"}]


@each("name, panel", PANELS)
def test_a_heatmaps_buckets_are_not_cumulative(name: str, panel: dict[str, Any]) -> None:
    """Only with the format `heatmap` does the data source take the smaller buckets off."""
    for target in panel["targets"]:
        assert (panel["type"] == "heatmap") == (target.get("format") == "heatmap")


@each("name, panel", PANELS)
def test_long_text_is_wrapped_by_every_grafana(name: str, panel: dict[str, Any]) -> None:
    """The switch is the cell's until Grafana 12.1, the field's afterwards."""
    for override in panel["fieldConfig"]["overrides"]:
        properties = {each["id"]: each["value"] for each in override["properties"]}
        cell = properties.get("custom.cellOptions", {})
        assert cell.get("wrapText") == properties.get("custom.wrapText")


@each("name, panel", PANELS)
def test_a_legend_begins_with_the_greatest(name: str, panel: dict[str, Any]) -> None:
    """A legend has room for a few of its series: those that matter."""
    if panel["type"] == "timeseries":
        assert panel["options"]["legend"]["sortBy"] in ("Last *", "Max")
        assert panel["options"]["legend"]["sortDesc"]


@each("name", DASHBOARDS)
def test_links_to_the_siblings_are_in_sight(name: str) -> None:
    """Each of the other dashboards is one click away, not in a menu."""
    links = DASHBOARDS[name]["links"]
    assert {link["url"].removeprefix("/d/") for link in links} == {
        dashboard["uid"] for other, dashboard in DASHBOARDS.items() if other != name
    }
    assert not any(link.get("placement") for link in links)


@each("name, panel", PANELS)
def test_only_known_names_are_used(name: str, panel: dict[str, Any]) -> None:
    """Metrics are conventions.py's with labels they have; recorded series are the rules'."""
    for target in promql(panel):
        expr = target["expr"]
        for recorded in re.findall(r"\b[a-z_]+:genmon_\w+:\w+", expr):
            assert recorded in RECORDED
        for named in re.findall(r"(?<![\w:])genmon_\w+", expr):
            base = next((named.removesuffix(s) for s in SUFFIXES if named.endswith(s)), named)
            metric = METRICS.get(named) or METRICS[base]
            for matchers in re.findall(rf"\b{named}\{{([^}}]*)\}}", expr):
                used = set(re.findall(r"(\w+)(?:=~|!~|!=|=)", matchers))
                assert used <= {*metric.labels, "cluster", "namespace", "job", "instance"}
        legend = set(re.findall(r"\{\{(\w+)\}\}", target.get("legendFormat", "")))
        assert legend <= set(re.findall(r"\w+", expr)) | {"le"}


@pytest.mark.prometheus
def test_every_query_is_promql(programs: Programs, tmp_path: Path) -> None:
    """Rule `target-promql-rule`: promtool accepts each with every variable on All."""
    groups: list[dict[str, Any]] = []
    asker = Servers("", None, 0, 3600)
    for name, dashboard in DASHBOARDS.items():
        for panel in panels(dashboard):
            for target in promql(panel):
                expr = asker.filled(dashboard, target["expr"])
                record = re.sub(r"\W", "_", f"{name}_{panel['title']}_{target['refId']}")
                groups.append({"record": f"q_{record}", "expr": expr})
    path = tmp_path / "queries.yml"
    path.write_text(json.dumps({"groups": [{"name": "queries", "rules": groups}]}))
    done = subprocess.run(
        [programs.promtool, "check", "rules", path], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(groups) > 40


def test_every_severity_of_an_alert_has_its_word() -> None:
    """*Firing alerts* says of each alert whether it wakes somebody."""
    (panel,) = (p for p in panels(DASHBOARDS["generations.json"]) if p["title"] == "Firing alerts")
    explained = {
        value
        for override in panel["fieldConfig"]["overrides"]
        for each in override["properties"]
        if each["id"] == "mappings"
        for mapping in each["value"]
        if mapping["type"] == "value"
        for value in mapping["options"]
    }
    assert explained == set(re.findall(r"severity: (\w+)", render_rules()))


def test_alert_links_set_variables_that_exist() -> None:
    """A page's link leads to a dashboard whose variables it sets."""
    by_uid = {dashboard["uid"]: dashboard for dashboard in DASHBOARDS.values()}
    links = re.findall(r"https://g/d/([\w-]+)\?(\S+)", render_rules(grafana_url="https://g"))
    assert links
    for uid, query in links:
        known = {variable["name"] for variable in by_uid[uid]["templating"]["list"]}
        asked = set(re.findall(r"var-(\w+)=", query))
        if uid != conventions.DASHBOARD_FAILURES:
            assert asked <= known
