"""What the page says, to the letter, by Prometheus' own templates."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from genmon_otel.rules import render_rules
from tests.prometheus_kit.programs import Programs
from tests.prometheus_kit.promtool import notation

pytestmark = pytest.mark.prometheus

SCOPE = 'cluster="eu",namespace="prod",job="app",instance="i0"'
PAIR = f'{SCOPE},operation="build_app",framework="react"'
SCRAPES = 140


def _line(*points: tuple[int, float]) -> str:
    at = dict(points)
    value: float | None = None
    values: list[float | str | None] = []
    for scrape in range(SCRAPES):
        value = at.get(scrape, value)
        values.append(value)
    return notation(values)


def test_the_page_says_what_happened_and_when_it_clears(programs: Programs, tmp_path: Path) -> None:
    """Counts, the last ten minutes, the leading category and step, and the hour it clears."""
    series = {
        f'genmon_generations_total{{{PAIR},outcome="success"}}': _line((0, 0), (30, 1), (60, 2)),
        f'genmon_generations_total{{{PAIR},outcome="failure"}}': _line(
            (0, 0), (40, 2), (60, 4), (120, 5), (125, 7)
        ),
        f'genmon_series_start_timestamp_seconds{{{PAIR},outcome="success"}}': _line((0, -5000)),
        f'genmon_series_start_timestamp_seconds{{{PAIR},outcome="failure"}}': _line((0, -5000)),
        f'genmon_generation_failures_total{{{PAIR},category="rate_limit",severity="medium"}}': _line(
            (0, 0), (40, 2), (60, 4), (120, 5), (125, 6)
        ),
        f'genmon_generation_failures_total{{{PAIR},category="ai_timeout",severity="high"}}': _line(
            (125, 1)
        ),
        f'genmon_step_duration_seconds_count{{{SCOPE},operation="build_app",step="call_model",'
        'outcome="failure"}': _line((0, 0), (40, 2), (60, 4), (120, 5), (125, 6)),
    }
    # The third newest failure was seen at 01:00:00; an hour and two evaluations later is 02:01.
    said = (
        "{} eu/prod: 7 of 9 failed in 1 h, last 10 min 3 of 3; 6 × rate_limit at call_model. "
        "Clears by 02:01 UTC if nothing more fails."
    )
    scope = {"severity": "critical", "cluster": "eu", "namespace": "prod", "job": "app"}
    summary = "More than half of the generations of the last 1 h failed."
    expected = [
        {"exp_labels": labels, "exp_annotations": {"summary": summary, "description": text}}
        for labels, text in (
            (
                {**scope, "operation": "build_app", "framework": "react"},
                said.format("build_app/react"),
            ),
            (scope, said.format("all operations")),
        )
    ]
    (tmp_path / "rules.yml").write_text(render_rules())
    tree = {
        "evaluation_interval": "5m",
        "rule_files": ["rules.yml"],
        "tests": [
            {
                "interval": "30s",
                "input_series": [{"series": s, "values": v} for s, v in series.items()],
                "alert_rule_test": [
                    {
                        "eval_time": "65m",
                        "alertname": "GenmonHighFailureRate",
                        "exp_alerts": expected,
                    }
                ],
            }
        ],
    }
    (tmp_path / "tests.yml").write_text(json.dumps(tree))
    done = subprocess.run(
        [programs.promtool, "test", "rules", "tests.yml"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
