"""Resident size over a million generations in one process, everything on.

A process of its own calls a decorated function after ``setup()`` with a SQLite
store; one in a hundred fails. It waits for the writer whenever that is behind, so
that what is measured is what stays, not a queue.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.table import Table

GENERATIONS, QUICK_GENERATIONS = 1_000_000, 20_000
CHECKPOINTS = 10

CHILD = """
import logging, sys, time
from pathlib import Path
from opentelemetry.sdk.trace import TracerProvider
from prometheus_client import CollectorRegistry
from genmon_otel import generation, phase, setup, shutdown
from genmon_otel import recorder
logging.getLogger("genmon_otel").setLevel(logging.CRITICAL)
folder, count, checkpoints = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
setup(store=f"sqlite:///{folder}/genmon.db", journal_dir=folder, registry=CollectorRegistry(),
      tracer_provider=TracerProvider(), code_version="1")

@generation(framework="react")
def build(number, *, user_id):
    with phase("plan"):
        if number % 100 == 0:
            raise ValueError(f"no files for request {number}")

def waiting():
    return recorder.active_runtime().sink.account().in_memory

for number in range(1, count + 1):
    try:
        build(number, user_id=f"user-{number % 1000}")
    except ValueError:
        pass
    if number % 500 == 0:
        while waiting() > 500:
            time.sleep(0.002)
    if number % (count // checkpoints) == 0:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        print(number, pages * 4096, flush=True)
shutdown()
"""


def run(quick: bool) -> list[Table]:
    """Run the process, and take its size at ten points."""
    table = Table(
        "memory", "Resident size of one process, MiB",
        "after: to the size at the first line, which is after warm-up",
    )  # fmt: skip
    if not os.path.exists("/proc/self/statm"):
        print("no /proc here: memory is left out")
        return [table]
    count = QUICK_GENERATIONS if quick else GENERATIONS
    with tempfile.TemporaryDirectory(prefix="genmon-bench-") as folder:
        script = Path(folder) / "child.py"
        script.write_text(CHILD, encoding="utf-8")
        child = subprocess.Popen(
            [sys.executable, script, folder, str(count), str(CHECKPOINTS)],
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert child.stdout is not None
        first = 0
        for line in child.stdout:
            number, size = map(int, line.split())
            first = first or size
            table.add(
                generations=number, rss_mib=round(size / 2**20, 1), after=round(size / first, 2)
            )
        if child.wait() != 0:
            raise RuntimeError("the process of the memory benchmark failed; see above")
    return [table]
