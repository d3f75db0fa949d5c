"""Print the verdicts of runs, as text and as JSON."""

from __future__ import annotations

import time
from typing import Any

from genmon_otel.cli.output import marked
from genmon_otel.cli.terminal import console
from genmon_otel.policy import CaseState, Verdict
from genmon_otel.regression.judging.run_result import RunResult
from genmon_otel.text import clean
from genmon_otel.wiring.evaluations import Judged

VERDICT_STYLES = {Verdict.PASS: "green", Verdict.INCONCLUSIVE: "yellow"}


def shown_run(name: str, state: str, result: Any, bad: bool) -> dict[str, Any]:
    """Return one run as JSON-able data."""
    return {
        "case": name,
        "state": str(state),
        "verdict": result.verdict,
        "detail": result.detail,
        "drifted": result.drifted,
        "drift": result.drift,
        "weight": result.weight,
        "duration_s": round(result.duration_s, 3),
        "virtual_s": result.virtual_s,
        "fresh_because": result.fresh_because,
        "notes": result.notes,
        "bad": bad,
    }


def judged_run(name: str, operation: str, result: RunResult, fingerprint: str = "") -> Judged:
    """Return one run as it is exported."""
    return Judged(
        name=name, operation=operation, verdict=result.verdict, detail=result.detail, at=time.time(),
        duration_s=result.duration_s, fingerprint=fingerprint, weight=result.weight,
        drifted=result.drifted,
    )  # fmt: skip


def print_runs(shown: list[dict[str, Any]]) -> None:
    """Print runs for people, a line each."""
    out = console()
    for each in shown:
        stands = "now" if each["state"] in set(CaseState) else "expected:"
        style = VERDICT_STYLES.get(each["verdict"], "red")
        drift = " [yellow](drifted)[/]" if each["drifted"] else ""
        out.print(
            marked(
                f"[cyan]{{}}[/] [{style}]{{}}[/]{drift} in {{}} s, {{}} {{}}: {{}}",
                each["case"], each["verdict"], f"{each['duration_s']:.1f}", stands, each["state"],
                clean(each["detail"], 2_000),
            ),
            soft_wrap=True,
        )  # fmt: skip
        for line in (*str(each["drift"]).splitlines(), *each["notes"]):
            out.print(marked("    {}", clean(line, 400)), soft_wrap=True)
