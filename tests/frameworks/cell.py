"""One cell of the table, run: the application fails three times, the case is checked, the source fixed."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from frameworks.model_server import Server
from frameworks.table import EXAMPLES, ROOT, Row, fixed

from genmon_otel.policy import CaseState, Verdict
from genmon_otel.regression import review
from genmon_otel.regression.runner import run_case
from genmon_otel.store import SqlStore

#: Seconds that the applications wait for an answer.
PATIENCE_S: Final = 2.0
#: Serves requests, as the application's process does in production: among the failing ones are others.
RUN: Final = """
import asyncio, importlib, inspect, sys
app = importlib.import_module(sys.argv[1])
from genmon_otel import shutdown
for request in sys.argv[2:]:
    try:
        result = app.build(request)
        if inspect.iscoroutine(result):
            result = asyncio.run(result)
    except Exception as error:
        print("raised", type(error).__name__)
    else:
        print("returned", result)
assert shutdown(120)  # on a busy machine
"""


@dataclass
class Outcome:
    """What became of a cell. ``check``: three failures, one case that reproduces 3 of 3, no request."""

    app: str
    fault: str
    check: bool = False
    closes: bool = False
    #: Why not, in the words of genmon.
    why: str = ""
    category: str = ""
    #: What the run of the fixed source said, where it did not pass.
    fix: str = ""

    @property
    def word(self) -> str:
        """One of :data:`table.WORDS`."""
        return "closes" if self.check and self.closes else "check" if self.check else "-"

    def report(self) -> dict[str, Any]:
        return {**asdict(self), "word": self.word}


def environment(server: Server) -> dict[str, str]:
    """Variables that lead every client library to the server."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("GENMON_", "OTEL_"))}
    keys = ("OPENAI", "ANTHROPIC", "GOOGLE", "MISTRAL", "CO")
    stdio = shlex.join([sys.executable, str(ROOT / "tests" / "frameworks" / "mcp_program.py")])
    return {
        **kept,
        **{f"{name}_API_KEY": "sk-proj-abcdefghijklmnopqrstuvwxyz0123456789" for name in keys},
        "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": server.url,
        "AWS_EC2_METADATA_DISABLED": "true",
        "OPENAI_BASE_URL": f"{server.url}/v1",
        "ANTHROPIC_BASE_URL": server.url,
        "ANTHROPIC_API_BASE": server.url,
        "GOOGLE_GEMINI_BASE_URL": server.url,
        "MISTRAL_SERVER_URL": server.url,
        "CO_API_URL": server.url,
        "DESIGN_URL": f"{server.url}/plain",
        "MCP_URL": f"{server.url}/mcp",
        "MCP_SERVER": stdio,
        "MODEL_TIMEOUT_S": str(PATIENCE_S),
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "PYTHONPATH": str(ROOT / "tests"),
        "LANGSMITH_TRACING": "false",
        "HOME": kept.get("HOME", "/"),
    }


def requests(faults: Sequence[str]) -> list[str]:
    """For each fault three failing requests, among good ones."""
    found, number = ["App number 1, quickly please"], 1
    for fault in (fault for fault in faults for _ in range(3)):
        number += 2
        found += [
            f"App number {number}, {fault} please",
            f"App number {number + 1}, quickly please",
        ]
    return found


def serve(row: Row, faults: Sequence[str], folder: Path, server: Server) -> str:
    """Have an application serve requests in a process of its own; what went wrong, or nothing."""
    source = (EXAMPLES / f"{row.app}.py").read_text(encoding="utf-8")
    (folder / f"{row.app}.py").write_text(source, encoding="utf-8")
    asked = requests(faults)
    done = subprocess.run(
        [sys.executable, "-c", RUN, row.app, *asked],
        check=False, cwd=folder, env=environment(server), capture_output=True, text=True, timeout=1200,
    )  # fmt: skip
    ends = [line for line in done.stdout.splitlines() if line.startswith(("raised", "returned"))]
    wanted = ["returned" if "quickly" in request else "raised" for request in asked]
    if done.returncode or [line.split()[0] for line in ends] != wanted:
        return f"application: {done.stdout[-1500:]} {done.stderr[-1500:]}"
    return ""


def try_cell(row: Row, fault: str, folder: Path, server: Server, *, replays: int = 0) -> Outcome:
    """Check the case of one fault that an application in a folder has met, then fix its source.

    Args:
        row: the application.
        fault: what the server did.
        folder: where :func:`serve` had it serve.
        server: the model, which no replay may ask.
        replays: of the case beyond the reproduction check's three; all must say the same.
    """
    outcome, asked = Outcome(row.app, fault), server.asked
    file = folder / f"{row.app}.py"
    source = file.read_text(encoding="utf-8")
    with opened(folder) as store:
        outcome.why = _check(store, row, fault, folder, outcome, replays)
    file.write_text(source, encoding="utf-8")
    outcome.check = not outcome.why
    if server.asked != asked:
        outcome.check, outcome.why = False, f"{server.asked - asked} requests during replays"
    return outcome


class opened:
    """A folder's store, for a block."""

    def __init__(self, folder: Path) -> None:
        self._store = SqlStore(f"sqlite:///{folder / '.genmon' / 'genmon.db'}")

    def __enter__(self) -> SqlStore:
        self._store.open()
        return self._store

    def __exit__(self, *_: object) -> None:
        self._store.close()


def _check(
    store: SqlStore, row: Row, fault: str, folder: Path, outcome: Outcome, replays: int
) -> str:
    """What speaks against the check; empty where nothing does. Sets whether the fix passes."""
    met = [
        each
        for each in map(store.failure, (f.handle for f in store.failures()))
        if any(f"{fault} please" in str(recording.inputs) for recording in each.recordings)
    ]
    rows = [each.row for each in met]
    outcome.category = ", ".join(each.category for each in rows)
    if [each.occurrence_count for each in rows] != [3]:
        groups = [(each.occurrence_count, each.error_type, each.error_message) for each in rows]
        return f"groups: {groups}"
    if outcome.category != row.category(fault):
        return f"category {outcome.category}, not {row.category(fault)}"
    moved, found = review.verify(store, rows[0].handle, cwd=folder)
    if moved.state is not CaseState.REPRODUCED or found.case is None:
        return f"verify: {found.reason}"
    case = found.case
    more = [run_case(case, cwd=folder) for _ in range(replays)]
    if odd := [run for run in more if run.verdict is not Verdict.FAIL_SAME]:
        return f"{len(odd)} of {replays} replays: {odd[0].verdict} {odd[0].detail}"
    file = folder / f"{row.app}.py"
    file.write_text(fixed(row, fault, file.read_text(encoding="utf-8")), encoding="utf-8")
    run = run_case(case, cwd=folder)
    outcome.closes = run.verdict is Verdict.PASS
    if not outcome.closes:
        outcome.fix = f"{run.verdict}: {run.detail} {' '.join(run.notes)}"
    return ""
