"""What a replay costs, forked from a template beside started anew, in turns.

The application imports openai, pydantic, langchain-openai and langgraph as far as they are
installed, and runs a graph where langgraph is.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.table import Table
from genmon_otel.recordings import prepare
from genmon_otel.redaction import Redactor
from genmon_otel.regression.cases import files
from genmon_otel.regression.cases.case import Case
from genmon_otel.regression.processes import forked
from genmon_otel.regression.propose import case_from
from genmon_otel.regression.runner import run_case
from genmon_otel.store import SqlStore
from genmon_otel.testing import capture

REPLAYS, QUICK_REPLAYS = 20, 4
#: Cases of one ``genmon cases verify`` and of one pytest, and of a large pytest.
CASES, MANY_CASES = 20, 200
#: Seconds of wall time on two cores: verify, pytest of twenty, pytest of two hundred.
VERIFY_BAR_S, PYTEST_BAR_S, MANY_BAR_S = 15, 10, 60
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

{functions}
"""
#: One of many functions, each an operation of its own.
FUNCTION = """
@generation(name="build{number}")
def build{number}(request):
    return run({{"request": request}})
"""
#: Lets each function of the application fail three times.
RECORD = """
import sys
from genmon_otel import setup, shutdown
setup(metrics="none")
import measured_app
for number in range(int(sys.argv[1])):
    for _ in range(3):
        try:
            getattr(measured_app, f"build{number}")("a shop")
        except ValueError:
            pass
assert shutdown()
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
        tables = [] if quick else [_of_many(Path(home))]
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
    return [table, *tables]


def _of_many(home: Path) -> Table:
    """Wall time of the commands that replay many cases of the application."""
    table = Table("replays_many", "Many cases", "wall seconds, each command's start included")
    env = {**os.environ, "PYTHONPATH": str(home), "GENMON_CODE_VERSION": "v1"}
    env["GENMON_STORE"] = f"sqlite:///{home}/genmon.db"
    _timed(home, env, sys.executable, "-c", RECORD, str(CASES))
    genmon = (str(Path(sys.executable).with_name("genmon")),)
    store = SqlStore(env["GENMON_STORE"], read_only=True)
    store.open()
    handles = [row.handle for row in store.cases()]
    store.close()
    assert len(handles) == CASES, handles
    verify = _timed(home, env, *genmon, "cases", "verify", "--no-shrink", *handles)
    for handle in handles:
        _timed(home, env, *genmon, "cases", "approve", handle, "--reviewer", "benchmark")
    _timed(home, env, *genmon, "cases", "export", "cases")
    tests = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(home))
    env.pop("GENMON_STORE")
    few = _timed(home, env, *tests, "cases")
    for path in list(home.glob("cases/*.genmon.json")):
        for number in range(1, MANY_CASES // CASES):
            case = files.read(path)
            files.export(replace(case, slug=f"{case.slug}-{number}"), path.parent)
    many = _timed(home, env, *tests, "cases")
    for command, seconds, bar in (
        (f"genmon cases verify --no-shrink, {CASES} cases", verify, VERIFY_BAR_S),
        (f"pytest, {CASES} cases", few, PYTEST_BAR_S),
        (f"pytest, {MANY_CASES} cases", many, MANY_BAR_S),
    ):
        table.add(command=command, wall_s=round(seconds, 1), bar_s=bar)
    return table


def _timed(home: Path, env: dict[str, str], *command: str) -> float:
    """Run a command that succeeds; return its wall seconds."""
    began = time.perf_counter()
    done = subprocess.run(
        command, cwd=home, env=env, capture_output=True, text=True, check=False, timeout=3600
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return time.perf_counter() - began


def _is_installed(name: str) -> bool:
    try:
        __import__(name)
    except Exception:
        return False
    return True


def _case(home: Path, found: list[str]) -> Case:
    """Write the application, let it fail, and make the case of what was recorded."""
    functions = "".join(FUNCTION.format(number=number) for number in range(CASES))
    imports = "\n".join(f"import {name}" for name in found)
    source = SOURCE.format(imports=imports, graph="langgraph.graph" in found, functions=functions)
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
