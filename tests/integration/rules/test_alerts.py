"""Every ticket fires when it should and not otherwise, and every limit is held by a test."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from genmon_otel.rules import render_rules
from genmon_otel.rules.budget import BUDGET
from tests.prometheus_kit.alert_cases import CASES, TICK, AlertCase
from tests.prometheus_kit.programs import Programs

pytestmark = [pytest.mark.prometheus]

RULES: dict[str, Any] = yaml.safe_load(render_rules())
ALERTS = sorted(
    {rule["alert"] for group in RULES["groups"] for rule in group["rules"] if "alert" in rule}
)
PAGE = "GenmonHighFailureRate"


def _failures(
    promtool: str, folder: Path, cases: Sequence[AlertCase], rules: dict[str, Any]
) -> str:
    folder.mkdir(exist_ok=True)
    (folder / "rules.yml").write_text(json.dumps(rules))
    tests = [
        {
            "name": f"{case.alert}: {case.why}",
            "interval": TICK,
            "input_series": [
                {"series": series, "values": values} for series, values in case.series.items()
            ],
            "promql_expr_test": [
                {
                    "expr": f'count(ALERTS{{alertname="{case.alert}",alertstate="firing",'
                    f"{case.matchers}}}) or vector(0)",
                    "eval_time": case.at,
                    "exp_samples": [{"labels": "{}", "value": int(case.fires)}],
                }
            ],
        }
        for case in cases
    ]
    # Nothing waits in the error budget's rules: one evaluation at the hour asked is enough.
    interval = "1h" if cases[0].alert == BUDGET else TICK
    tree = {"evaluation_interval": interval, "rule_files": ["rules.yml"], "tests": tests}
    (folder / "tests.yml").write_text(json.dumps(tree))
    done = subprocess.run(
        [promtool, "test", "rules", "tests.yml"],
        cwd=folder, capture_output=True, text=True, check=False, timeout=250,
    )  # fmt: skip
    return "" if done.returncode == 0 else done.stdout + done.stderr


def _of(alert: str) -> list[AlertCase]:
    return [case for case in CASES if case.alert == alert]


def _only(alert: str, rules: dict[str, Any] = RULES) -> dict[str, Any]:
    """The rules that one alert needs: itself, and recording rules that read raw series."""
    groups = []
    for group in rules["groups"]:
        mine = [rule for rule in group["rules"] if rule.get("alert") == alert]
        if mine:
            recorded = [rule for rule in group["rules"] if "record" in rule]
            groups.append({**group, "rules": [*recorded, *mine]})
    return {"groups": groups}


@pytest.mark.parametrize("alert", [alert for alert in ALERTS if alert != PAGE])
def test_fires_and_stays_silent(programs: Programs, tmp_path: Path, alert: str) -> None:
    """Each history fires the alert or not, as its case says; there are cases of both kinds."""
    assert {case.fires for case in _of(alert)} == {True, False}
    assert _failures(programs.promtool, tmp_path / "t", _of(alert), _only(alert)) == ""


_LIMIT = re.compile(r"(?P<operator>>=|<=|==|>|<|\*) (?P<number>\d+(?:\.\d+)?)(?![\d\w\[.])")


def _mutants(alert: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The rules with one limit or one duration of one alert changed."""
    rules = _only(alert)
    for group in rules["groups"]:
        for index, rule in enumerate(group["rules"]):
            if "alert" not in rule:
                continue

            def changed(
                what: str, group: Any = group, index: int = index, **change: str
            ) -> tuple[str, dict[str, Any]]:
                mutant = [*group["rules"]]
                mutant[index] = {**mutant[index], **change}
                return what, {"groups": [{**group, "rules": mutant}]}

            expr = rule["expr"]
            # Inside the exact counts, `test_page_fuzz` and the cases of births guard the numbers.
            limits = [] if expr.startswith("sum_over_time((") else list(_LIMIT.finditer(expr))
            for limit in limits:
                number = float(limit["number"])
                if limit["operator"] == "*" and number >= 3600:
                    continue  # a unit, not a limit
                for other in (1, -1) if number == 0 else (number * 1.1, number * 0.9):
                    text = f"{limit['operator']} {other:g}"
                    yield changed(
                        f"{limit[0]} -> {text}",
                        expr=expr[: limit.start()] + text + expr[limit.end() :],
                    )
            if "for" in rule:
                minutes = int(rule["for"].removesuffix("m"))
                for other in (2 * minutes, minutes - 5):
                    yield changed(f"for {rule['for']} -> {other}m", **{"for": f"{other}m"})


def _about(rules: dict[str, Any], alert: str) -> list[AlertCase]:
    """The cases of the one rule that a mutant changed, where an alert has several."""
    (group,) = rules["groups"]
    changed = [
        rule["labels"].get("long", "")
        for rule in group["rules"]
        if "alert" in rule and rule not in _only(alert)["groups"][0]["rules"]
    ]
    return [
        case for case in _of(alert) if not case.matchers or any(c in case.matchers for c in changed)
    ]


@pytest.mark.long("every case of an alert once more for each limit that is changed")
@pytest.mark.parametrize("alert", [alert for alert in ALERTS if alert != PAGE])
def test_every_limit_is_held_by_a_test(stable: Programs, tmp_path: Path, alert: str) -> None:
    """Changing any threshold by a tenth, or any duration, makes one of its cases fail."""
    survived = [
        what
        for number, (what, rules) in enumerate(_mutants(alert))
        if not _failures(stable.promtool, tmp_path / str(number), _about(rules, alert), rules)
    ]
    assert survived == []


def test_there_are_limits_to_change() -> None:
    """The mutations find the limits, so that the test above cannot pass for want of any."""
    assert sum(1 for alert in ALERTS for _ in _mutants(alert)) > 40


@pytest.mark.parametrize(
    ("broken", "by"), [("> 0.5 *", "> 0.6 *"), ("> 0.5 *", ">= 0.5 *"), (">= 5", ">= 4"), (">= 5", "> 5")]
)  # fmt: skip
@pytest.mark.parametrize("scope", ["specific", "overall"])
def test_the_pages_limits_are_held(
    stable: Programs, tmp_path: Path, broken: str, by: str, scope: str
) -> None:
    """Changing the page's share or its number of attempts, on either level, is noticed."""
    from tests.prometheus_kit.promtool import run
    from tests.system.rules.test_page_sweep import History, steady, sweep_case, together

    (group,) = _only(PAGE)["groups"]
    page = {key: value for key, value in group["rules"][-1].items() if key != "annotations"}
    specific, overall = page["expr"].split("\nor\n")
    assert broken in specific
    assert broken in overall
    parts = (
        (specific.replace(broken, by), overall)
        if scope == "specific"
        else (specific, overall.replace(broken, by))
    )
    page["expr"] = "\nor\n".join(parts)
    rules = json.dumps({"groups": [{**group, "rules": [*group["rules"][:-1], page]}]})
    cases = [sweep_case(steady, 30, n - f, f, True) for n in range(8) for f in range(n + 1)]
    report = run(
        stable.promtool, tmp_path, together(cases, 30),
        rules=rules, evaluation_interval_s=History(30).asked_at,
    )  # fmt: skip
    assert report != ""
