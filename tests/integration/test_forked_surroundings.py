"""Forked replays where pytest itself is watched: workers of xdist, tracing as coverage does it, a debugger."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from genmon_otel.regression.cases import files, results
from genmon_otel.regression.isolation import landlock
from tests.case_kit import recorded
from tests.pytest_kit import LEAN

pytestmark = pytest.mark.skipif(not landlock.abi(), reason="replays are forked under Landlock")
#: What a target is changed to, and what comes of it.
TARGETS = {"build": "fail_same", "mended": "pass", "otherwise": "fail_other"}
#: Starts pytest with each line watched, in each thread, as coverage does it in Python.
TRACED = (
    "import sys, threading\n"
    "def watch(frame, event, argument): return watch\n"
    "sys.settrace(watch); threading.settrace(watch)\n"
    "import pytest; sys.exit(pytest.main(sys.argv[1:]))"
)
#: How pytest is started.
AROUND: dict[str, tuple[str, ...]] = {
    "alone": ("-m", "pytest"),
    "xdist": ("-m", "pytest", "-n", "2"),
    "traced": ("-c", TRACED),
    "debugged": ("-m", "pdb", "-c", "continue", "-m", "pytest"),
}

works_with_pdb = pytest.mark.skipif(
    sys.version_info[:3] == (3, 13, 0),
    reason="pdb of Python 3.13.0 takes pytest's options for its own",
)


@pytest.mark.parametrize(
    "how",
    [pytest.param(how, marks=works_with_pdb) if how == "debugged" else how for how in AROUND],
)
def test_verdicts_are_the_same_however_pytest_is_started(how: str, tmp_path: Path) -> None:
    """Each way forks its replays, and each case is judged as it is."""
    case = recorded(tmp_path)
    for target in TARGETS:
        files.export(replace(case, slug=target, target=f"app:{target}"), tmp_path / "cases")
    verdicts, said = run(tmp_path, AROUND[how])
    assert verdicts == TARGETS
    assert "started anew" not in said


def run(folder: Path, how: tuple[str, ...]) -> tuple[dict[str, str], str]:
    """The verdicts by case, and what was printed."""
    kept = folder / "results.jsonl"
    done = subprocess.run(
        [sys.executable, *how, "cases", "-p", "no:cacheprovider", "--genmon-results", str(kept)],
        cwd=folder,
        env={
            **{k: v for k, v in os.environ.items() if not k.startswith(("GENMON_", "PYTEST_"))},
            "PYTEST_ADDOPTS": LEAN,
        },
        input="quit\n",
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert kept.exists(), done.stdout[-2000:] + done.stderr[-2000:]
    return {each.slug: str(each.verdict) for each in results.read(kept)}, done.stdout
