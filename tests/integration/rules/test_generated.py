"""The committed files: generated, up to date, accepted by the programs, and documented."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from genmon_otel import conventions
from genmon_otel.errors import ConfigurationError
from genmon_otel.rules import render_rules
from genmon_otel.rules.__main__ import committed
from genmon_otel.rules.document import to_yaml
from tests.prometheus_kit.programs import Programs

ROOT = Path(__file__).parents[3]


def _alerts(text: str) -> list[dict[str, Any]]:
    groups = yaml.safe_load(text)["groups"]
    return [rule for group in groups for rule in group["rules"] if "alert" in rule]


NAMES = sorted({alert["alert"] for alert in _alerts(render_rules())})


def test_committed_files_are_up_to_date() -> None:
    """`python -m genmon_otel.rules` would change nothing."""
    for name, text in committed().items():
        assert (ROOT / "prometheus_rules" / name).read_text(encoding="utf-8") == text, name


@pytest.mark.prometheus
@pytest.mark.parametrize("interval", [15, 30, 60])
def test_promtool_accepts_the_rules(programs: Programs, tmp_path: Path, interval: int) -> None:
    """The rules parse and lint for every scrape interval, with links and labels too."""
    path = tmp_path / "rules.yml"
    path.write_text(render_rules(interval, 3600, "https://g", "https://r", {"team": "web"}))
    done = subprocess.run(
        [programs.promtool, "check", "rules", "--lint-fatal", path],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_only_known_metrics_are_named() -> None:
    """Every genmon metric in an expression is one of conventions.py."""
    known = {metric.name for metric in conventions.METRICS}
    known |= {f"{m.name}{s}" for m in conventions.METRICS for s in ("_bucket", "_count", "_sum")}
    text = render_rules()
    named = set(re.findall(r"(?<![\w:])genmon_[a-z_]+(?=[\[{)(]| offset)", text))
    assert len(named) > 8
    assert named <= known


def test_alerts_carry_what_oncall_needs() -> None:
    """Names, severities, static summaries, descriptions; links and labels as given."""
    for alert in _alerts(render_rules(30, 3600, "https://g/", "https://r/", {"team": "web"})):
        assert re.fullmatch(r"Genmon([A-Z][a-z]+)+", alert["alert"])
        assert alert["labels"]["severity"] in ("critical", "warning", "info")
        assert alert["labels"]["team"] == "web"
        notes = alert["annotations"]
        assert "{{" not in notes["summary"]
        assert "{{" in notes["description"]
        assert notes["runbook_url"] == f"https://r/{alert['alert']}.md"
        assert notes["dashboard_url"].startswith("https://g/d/genmon-")


def test_only_the_page_pages() -> None:
    """Nobody is woken by anything but the page."""
    critical = {
        a["alert"] for a in _alerts(render_rules()) if a["labels"]["severity"] == "critical"
    }
    assert critical == {"GenmonHighFailureRate"}


def test_links_that_were_not_given_are_left_out() -> None:
    """Without addresses there are no links, not broken ones."""
    for alert in _alerts(render_rules()):
        assert set(alert["annotations"]) == {"summary", "description"}


def test_runbook_address_may_be_a_pattern() -> None:
    """`{alert}` in the address is replaced by the alert's name."""
    (page, *_) = _alerts(render_rules(runbook_url="https://wiki/{alert}?x=1"))
    assert page["annotations"]["runbook_url"] == "https://wiki/GenmonHighFailureRate?x=1"


@pytest.mark.parametrize("alert", NAMES)
def test_every_alert_has_a_runbook(alert: str) -> None:
    """Its page says what it means, how to look and what to do."""
    text = (ROOT / "docs" / "runbooks" / f"{alert}.md").read_text(encoding="utf-8")
    for heading in (f"# {alert}", "## What it means", "## How to look", "## What to do"):
        assert f"{heading}\n" in text


def test_runbooks_about_failures_and_cases_name_the_page() -> None:
    """Where a runbook names a command that the page has, it says how the page is opened."""
    silent = []
    for path in sorted((ROOT / "docs" / "runbooks").glob("Genmon*.md")):
        text = path.read_text(encoding="utf-8")
        if re.search("genmon (failures|cases) ", text) and not (
            "`genmon ui`" in text and "`GENMON_UI_URL`" in text
        ):
            silent.append(path.name)
    assert silent == []


def test_no_runbook_is_left_over() -> None:
    """There is no page about an alert that does not exist."""
    pages = {path.stem for path in (ROOT / "docs" / "runbooks").glob("Genmon*.md")}
    assert pages == set(NAMES)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"scrape_interval_s": 0}, "0 s"),
        ({"scrape_interval_s": 45}, "45 s"),
        ({"grafana_url": "grafana.example"}, "grafana_url"),
        ({"runbook_url": "javascript:alert(1)"}, "runbook_url"),
        ({"labels": {"severity": "page"}}, "severity"),
        ({"labels": {"a-b": "c"}}, "a-b"),
        ({"labels": {"a": "{{ query }}"}}, "template"),
    ],
)
def test_what_is_not_allowed_is_refused(arguments: dict[str, Any], says: str) -> None:
    """The error names what was given."""
    with pytest.raises(ConfigurationError, match=re.escape(says)):
        render_rules(**arguments)


_TEXT = st.text(st.characters(exclude_categories=("Cs",)))
_LEAF = st.one_of(_TEXT, st.integers(-(10**9), 10**9), st.booleans())
_TREE = st.recursive(
    _LEAF,
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(_TEXT.filter(bool), inner)),
    max_leaves=20,
)


@given(st.dictionaries(_TEXT.filter(bool), _TREE, min_size=1))
@example({'"\x85': []})
@example({"a": 'b"\u2028\n\u2029'})
def test_yaml_says_what_was_meant(tree: dict[str, Any]) -> None:
    """Whatever the strings hold, a YAML reader gets back the same data."""
    assert yaml.safe_load(to_yaml(tree)) == tree
