"""Every seeded bug: recorded, reproduced, not fooled by mutants, green after a real fix."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from genmon_otel.policy import CaseState, Verdict
from genmon_otel.regression import review
from genmon_otel.regression.cases import files, results
from genmon_otel.regression.cases.case import Case
from genmon_otel.regression.cases.needs import Needs
from genmon_otel.regression.judging.run_result import RunResult
from genmon_otel.regression.runner import run_case
from genmon_otel.store import SqlStore
from tests.system.corpus import Bug, bugs

BUGS: list[Bug] = list(bugs())
#: One of each kind of callable and trigger, the first: what ``make test`` asks.
CORE = {(bug.kind, bug.trigger): bug.name for bug in reversed(BUGS)}.values()
ALL = [
    pytest.param(
        bug, id=bug.name, marks=() if bug.name in CORE else pytest.mark.long("six replays a bug")
    )
    for bug in BUGS
]

#: Runs the orchestrator as an application would: one good request, then the bug three times.
RECORD = textwrap.dedent(
    """
    import asyncio, importlib, inspect, sys
    from genmon_otel import setup, shutdown
    setup(f"sqlite:///{sys.argv[1]}/genmon.db", code_version="broken", metrics="none")
    build = importlib.import_module("orchestrator").build

    async def collect(made):
        return [item async for item in made]

    def call(request):
        made = build(request)
        if inspect.isasyncgen(made):
            return asyncio.run(collect(made))
        if inspect.iscoroutine(made):
            return asyncio.run(made)
        return list(made) if inspect.isgenerator(made) else made

    call("good")
    for _ in range(3):
        try:
            call("bad")
        except Exception as error:
            print(type(error).__name__, error)
        else:
            sys.exit("the bug did not show")
    assert shutdown()
    """
)


def record(bug: Bug, folder: Path) -> SqlStore:
    """Write the bug's module, let it fail three times, open the store it left."""
    (folder / "orchestrator.py").write_text(bug.source, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", RECORD, str(folder)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), *sys.path])},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    store = SqlStore(f"sqlite:///{folder}/genmon.db")
    store.open()
    return store


def checked(bug: Bug, folder: Path) -> tuple[SqlStore, Case]:
    """The bug's case after the reproduction check and the review."""
    store = record(bug, folder)
    (made,) = store.cases()
    row, found = review.verify(store, made.id, cwd=folder)
    assert row.state is CaseState.REPRODUCED, found.reason
    row = review.approve(
        store,
        row.id,
        reviewer="test",
        postcondition=bug.postcondition,
        needs=Needs(recovery=bug.recovery),
    )
    return store, review.stored(row)


def replays(case: Case, sources: dict[str, str], folder: Path) -> dict[str, RunResult]:
    """What replays against other sources of the orchestrator show.

    Each is a module beside the one that failed: they share its template, and what it has imported. The
    classes of what was recorded are those of its own.
    """
    shown, recorded = {}, case.to_json()
    for name, source in sources.items():
        (folder / f"{name}.py").write_text(source, encoding="utf-8")
        beside = Case.from_json(recorded.replace('"orchestrator:', f'"{name}:'))
        shown[name] = run_case(beside, cwd=folder)
    return shown


@pytest.mark.parametrize("bug", ALL)
def test_a_bug_reproduces_resists_mutants_and_yields_to_its_fix(bug: Bug, tmp_path: Path) -> None:
    """The reproduction check reproduces the bug, no mutant passes, the real fix does."""
    store, case = checked(bug, tmp_path)
    try:
        (failure,) = store.failures()
        assert failure.category == bug.category
        assert case.trigger.kind == bug.trigger
        mutants = bug.mutants()
        assert len(mutants) >= 4
        shown = replays(case, {"as_it_was": bug.source, "fixed": bug.fixed, **mutants}, tmp_path)
        assert shown["as_it_was"].verdict is Verdict.FAIL_SAME, shown["as_it_was"].detail
        assert shown["fixed"].verdict is Verdict.PASS, shown["fixed"].detail
        for name in mutants:
            assert shown[name].verdict is not Verdict.PASS, f"{name} passes: {shown[name].detail}"
    finally:
        store.close()


@pytest.mark.exhaustive("eight replays a bug, four of them started anew")
@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_a_fork_judges_as_a_process_started_anew(bug: Bug, tmp_path: Path) -> None:
    """The bug as it was, its fix, and two mutants show the same in a fork as in a fresh process."""
    store, case = checked(bug, tmp_path)
    store.close()
    mutants = bug.mutants()
    sources = {"as_it_was": bug.source, "fixed": bug.fixed} | {
        name: mutants[name] for name in ("swallowed", "emptied")
    }
    differ = []
    for name, source in sources.items():
        home = tmp_path / name
        home.mkdir()
        (home / "orchestrator.py").write_text(source, encoding="utf-8")
        forked, fresh = (run_case(case, cwd=home, fresh=fresh) for fresh in (False, True))
        same = dict.fromkeys(("duration_s", "fresh_because"), None)
        if {**asdict(forked), **same} != {**asdict(fresh), **same}:
            differ.append(f"{name}: {forked} {fresh}")
    assert not differ, "\n".join(differ)


def test_the_corpus_is_wide() -> None:
    """There are at least 40 bugs, of every category, kind of callable and trigger."""
    assert len(BUGS) >= 40
    assert len({bug.name for bug in BUGS}) == len(BUGS)
    assert {bug.kind for bug in BUGS} == {"sync", "async", "generator", "async_generator"}
    assert {bug.trigger for bug in BUGS} == {"fault", "content", "input"}
    assert {bug.category for bug in BUGS} == {
        "ai_timeout",
        "rate_limit",
        "validation_error",
        "dependency_error",
        "syntax_error",
        "provider_error",
        "unknown",
    }


@pytest.mark.long("a hundred replays")
def test_a_hundred_replays_agree_on_four_workers(tmp_path: Path) -> None:
    """100 replays, four at a time under pytest-xdist, give 100 equal verdicts."""
    chosen = [bug for bug in BUGS if bug.name in ("one_of_many", "one_branch_hangs")]
    folder = tmp_path / "cases"
    for bug in chosen:
        home = tmp_path / bug.name
        home.mkdir()
        store, case = checked(bug, home)
        store.close()
        module = f"orchestrator_{bug.name}"
        (tmp_path / f"{module}.py").write_text(bug.source, encoding="utf-8")
        for number in range(50):
            files.export(
                replace(case, slug=f"{bug.name}-{number}", target=f"{module}:build"), folder
            )
    shown = tmp_path / "results.jsonl"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-n", "4", "-p", "no:cacheprovider",
         "--genmon-results", str(shown), str(folder), "--rootdir", str(tmp_path)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path), "GENMON_CODE_VERSION": "v1"},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )  # fmt: skip
    assert "100 xfailed" in done.stdout, done.stdout[-3000:]
    verdicts = [result.verdict for result in results.read(shown)]
    assert verdicts == [Verdict.FAIL_SAME] * 100
