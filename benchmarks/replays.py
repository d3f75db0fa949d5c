"""What a replay costs, forked from a template beside started anew, in turns.

The application imports openai, pydantic, langchain-openai and langgraph as far as they are
installed, and runs a graph where langgraph is.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.table import Table
from genmon_otel.recordings import prepare
from genmon_otel.redaction import Redactor
from genmon_otel.regression import forked
from genmon_otel.regression.case import Case
from genmon_otel.regression.propose import case_from
from genmon_otel.regression.runner import run_case
from genmon_otel.testing import capture

REPLAYS, QUICK_REPLAYS = 20, 4
#: CPU milliseconds of a replay after the first, beyond its own work.
BAR_MS = 150
LIBRARIES = ("openai", "pydantic", "langchain_openai", "langgraph.graph")
SOURCE = """
import json
from typing import TypedDict
from genmon_otel import generation, step
{imports}

@step
def ask(prompt):
    return '{{"files": [' if prompt.startswith("code") else "a plan"

def plan(state):
    return {{"plan": ask("plan " + state["request"])}}

def code(state):
    return {{"app": json.loads(ask("code " + state["plan"]))}}

class State(TypedDict):
    request: str
    plan: str
    app: dict

def run(state):
    return code(plan(state))

if {graph}:
    graph = langgraph.graph.StateGraph(State)
    graph.add_node("planning", plan)
    graph.add_node("coding", code)
    graph.add_edge(langgraph.graph.START, "planning")
    graph.add_edge("planning", "coding")
    graph.add_edge("coding", langgraph.graph.END)
    run = graph.compile().invoke

@generation(name="build")
def build(request):
    return run({{"request": request}})
"""


def run(quick: bool) -> list[Table]:
    """CPU and wall time of a replay: the first of a template, later ones, and fresh ones."""
    count = QUICK_REPLAYS if quick else REPLAYS
    found = [name for name in LIBRARIES if _is_installed(name)]
    with tempfile.TemporaryDirectory() as home:
        case = _case(Path(home), found)
        first = _costs(case, Path(home), fresh=False)
        later = [_costs(case, Path(home), fresh=False) for _ in range(count)]
        fresh = [_costs(case, Path(home), fresh=True) for _ in range(max(2, count // 5))]
        forked.end_templates()
    table = Table("replays", "One replay", f"imported: {', '.join(found)}")
    base = statistics.median(cpu for cpu, _ in fresh)
    for call, costs, bar in (
        ("started anew", fresh, None),
        ("the first of a template", [first], None),
        ("forked, later ones", later, BAR_MS),
    ):
        cpu, wall = (statistics.median(values) for values in zip(*costs, strict=True))
        table.add(
            call=call, cpu_ms=round(cpu * 1e3, 1), wall_ms=round(wall * 1e3, 1),
            ratio=round(cpu / base, 3), bar_ms=bar,
        )  # fmt: skip
    return [table]


def _is_installed(name: str) -> bool:
    try:
        __import__(name)
    except Exception:
        return False
    return True


def _case(home: Path, found: list[str]) -> Case:
    """Write the application, let it fail, and make the case of what was recorded."""
    imports = "\n".join(f"import {name}" for name in found)
    source = SOURCE.format(imports=imports, graph="langgraph.graph" in found)
    (home / "measured_app.py").write_text(source, encoding="utf-8")
    sys.path.insert(0, str(home))
    try:
        with capture() as seen:
            try:
                __import__("measured_app").build("a shop")
            except ValueError:
                pass
    finally:
        sys.path.remove(str(home))
    failure = seen.records[-1].failure
    assert failure is not None
    row: dict[str, Any] = {
        "handle": "F-3KQ2",
        "signature": failure.signature,
        "category": str(failure.category),
        "error_type": failure.error_type,
        "error_message": failure.error_message,
        "operation": "build",
    }
    return case_from(row, prepare(seen.recordings[0], Redactor()))


def _costs(case: Case, home: Path, *, fresh: bool) -> tuple[float, float]:
    """CPU seconds of this process and all that it started, and wall seconds, of one replay."""
    before, began = _cpu_s(), time.perf_counter()
    result = run_case(case, cwd=home, fresh=fresh)
    wall = time.perf_counter() - began
    assert result.verdict == "fail_same", result.detail
    assert bool(result.fresh_because) == fresh, result.fresh_because
    return _cpu_s() - before, wall


def _cpu_s() -> float:
    """CPU seconds of this process and its descendants, those that have ended included."""
    total, waiting = 0.0, [os.getpid()]
    children: dict[int, list[tuple[int, float]]] = {}
    for number, parent, seconds in _processes():
        children.setdefault(parent, []).append((number, seconds))
        total += seconds if number == os.getpid() else 0.0
    while waiting:
        for number, seconds in children.get(waiting.pop(), ()):
            total += seconds
            waiting.append(number)
    return total


def _processes() -> Iterator[tuple[int, int, float]]:
    """Each process with its parent, and its CPU seconds with those of children that it waited for."""
    tick = os.sysconf("SC_CLK_TCK")
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            fields = Path("/proc", name, "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        yield int(name), int(fields[1]), sum(map(int, fields[11:15])) / tick
