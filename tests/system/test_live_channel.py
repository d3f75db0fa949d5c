"""The live channel, end to end: decorated code, setup(), SQLite, and what production says of a case."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from genmon_otel.policy import CaseState, Verdict
from genmon_otel.store import SqlStore

#: One process of the application: VERSION, how often it tries, and the faults of each generation.
APPLICATION = """
import sys
from genmon_otel import generation, setup, shutdown, step

version, tries, *rows = sys.argv[1:]
setup("sqlite:///genmon.db", code_version=version, metrics="none")
left = 0

@step
def ask(prompt):
    global left
    if left:
        left -= 1
        raise ConnectionResetError(104, "Connection reset by peer")
    return "x = 1"

@generation(name="build")
def build(request):
    for attempt in range(int(tries)):
        try:
            return {"files": {"a.py": ask(request)}}
        except ConnectionResetError:
            if attempt + 1 == int(tries):
                raise

for row in rows:
    left = int(row)
    try:
        build("a shop")
    except ConnectionResetError:
        pass
assert shutdown()
"""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    """A store with a guarding case: version v1 met the fault twice in a row and gave up."""
    (tmp_path / "application.py").write_text(APPLICATION, encoding="utf-8")
    run(tmp_path, "v1", 2, 2, 2, 2)
    opened = SqlStore(f"sqlite:///{tmp_path}/genmon.db")
    opened.open()
    (case,) = opened.cases()
    assert (case.trigger, case.trigger_count, case.failing_version) == ("fault", 2, "v1")
    opened.set_case_state(case.id, CaseState.REPRODUCED)
    opened.set_case_state(case.id, CaseState.OPEN, reviewer="eve")
    opened.record_run(case.id, "ci", "v2", Verdict.PASS, "", "the fix")
    yield opened
    opened.close()


def run(folder: Path, version: str, tries: int, *faults: int) -> None:
    """Run the application to its end."""
    done = subprocess.run(
        [sys.executable, "application.py", version, str(tries), *map(str, faults)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_production_speaks_for_and_against_a_guarding_case(store: SqlStore, tmp_path: Path) -> None:
    """Meeting the fault as often in a row and succeeding passes; failing the same regresses."""
    (case,) = store.cases()
    run(tmp_path, "v2", 3, 0, 1)  # not met, or not as often as recorded
    run(tmp_path, "v1", 3, 2)  # on the version that failed
    assert store.case(case.id).run_count == 1
    run(tmp_path, "v2", 3, 2)
    run(tmp_path, "v3", 4, 3)  # more often than recorded
    after = store.case(case.id)
    assert (after.state, after.pass_count, after.fail_count) == (CaseState.GUARDING, 3, 0)
    assert after.confidence_score > case.confidence_score > 0
    assert [(r.channel, r.code_version) for r in store.case_runs(case.id)] == [
        ("live", "v3"), ("live", "v2"), ("ci", "v2"),
    ]  # fmt: skip
    run(tmp_path, "v4", 2, 2)
    after = store.case(case.id)
    assert (after.state, after.fail_count, after.confidence_score) == (CaseState.REGRESSED, 1, 0.0)
    newest = store.case_runs(case.id)[0]
    assert (newest.channel, newest.code_version, newest.verdict) == (
        "live", "v4", Verdict.FAIL_SAME,
    )  # fmt: skip
    run(tmp_path, "v5", 3, 2)  # only guarding cases are watched
    assert store.case(case.id).run_count == after.run_count
