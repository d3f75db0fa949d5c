"""Run promtool's unit tests from Python: cases in, failures out."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class Case:
    """One test group: input series, and what must hold at which second."""

    name: str
    #: Series selector → values, one a tick.
    series: dict[str, Sequence[float | str | None]]
    tick_s: int
    #: (second, expression, {labels: value})
    expect: list[tuple[int, str, dict[str, float]]] = field(default_factory=list)
    #: (second, alert name, [labels]) compared without annotations, through ALERTS.
    alerts: list[tuple[int, str, list[dict[str, str]]]] = field(default_factory=list)

    def tree(self) -> dict[str, Any]:
        tests = [
            {
                "expr": expr,
                "eval_time": f"{second}s",
                "exp_samples": [{"labels": k, "value": v} for k, v in want.items()],
            }
            for second, expr, want in self.expect
        ]
        for second, alert, labels in self.alerts:
            tests.append(
                {
                    "expr": f'ALERTS{{alertname="{alert}",alertstate="firing"}}',
                    "eval_time": f"{second}s",
                    "exp_samples": [
                        {
                            "labels": "ALERTS"
                            + _labels({"alertname": alert, "alertstate": "firing", **wanted}),
                            "value": 1,
                        }
                        for wanted in labels
                    ],
                }
            )
        return {
            "name": self.name,
            "interval": f"{self.tick_s}s",
            "input_series": [
                {"series": series, "values": notation(values)}
                for series, values in self.series.items()
            ],
            "promql_expr_test": tests,
        }


def _labels(labels: dict[str, str]) -> str:
    return "{" + ",".join(f"{k}={json.dumps(v)}" for k, v in sorted(labels.items())) + "}"


def notation(values: Sequence[float | str | None]) -> str:
    """promtool's notation, runs folded; None is a gap, ``stale`` a staleness marker."""
    words: list[str] = []
    position = 0
    while position < len(values):
        value = values[position]
        end = position
        while end < len(values) and values[end] == value:
            end += 1
        run = end - position
        if value is None:
            words.append(f"_x{run}")
        elif value == "stale":
            words += ["stale"] * run
        elif run > 1:
            words.append(f"{value:.0f}+0x{run - 1}")
        else:
            words.append(f"{value:.0f}")
        position = end
    return " ".join(words)


def run(
    program: str,
    folder: Path,
    cases: Iterable[Case],
    *,
    rules: str | None = None,
    evaluation_interval_s: int = 60,
) -> str:
    """Run the cases; an empty string when all of them hold, else promtool's report."""
    tree: dict[str, Any] = {
        "evaluation_interval": f"{evaluation_interval_s}s",
        "rule_files": [],
        "tests": [case.tree() for case in cases],
    }
    if rules is not None:
        (folder / "rules.yml").write_text(rules)
        tree["rule_files"] = ["rules.yml"]
    (folder / "test.yml").write_text(json.dumps(tree))
    done = subprocess.run(
        [program, "test", "rules", "test.yml"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )
    report = done.stdout + done.stderr
    return "" if done.returncode == 0 else report
