"""What importing costs, in processes of its own, in turns."""

from __future__ import annotations

import statistics
import subprocess
import sys

from benchmarks.table import Table

BASE = "import opentelemetry.sdk.trace, prometheus_client"
STATEMENTS = {
    "import genmon_otel": 1.3,
    "from genmon_otel import generation, phase, step": 2.5,
    "from genmon_otel import setup": None,
}
ROUNDS, QUICK_ROUNDS = 15, 3


def run(quick: bool) -> list[Table]:
    """CPU time of each statement to that of what it stands on."""
    table = Table("imports", "CPU time of importing", f"ratio: to {BASE!r}")
    times: dict[str, list[float]] = {each: [] for each in (BASE, *STATEMENTS)}
    for _ in range(QUICK_ROUNDS if quick else ROUNDS):
        for statement, taken in times.items():
            taken.append(_seconds(statement))
    base = times.pop(BASE)
    for statement, taken in times.items():
        ratio = statistics.median(t / b for t, b in zip(taken, base, strict=True))
        table.add(
            call=statement, ms=round(statistics.median(taken) * 1e3, 1), ratio=round(ratio, 2),
            bar=STATEMENTS[statement],
        )  # fmt: skip
    return [table]


def _seconds(statement: str) -> float:
    script = f"import time\nt = time.process_time()\n{statement}\nprint(time.process_time() - t)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    return float(done.stdout)
