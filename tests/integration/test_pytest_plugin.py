"""The pytest plugin, in pytest runs of its own: collected as files, judged as the files expect."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from genmon_otel.policy import CaseState
from genmon_otel.regression.cases import files, results
from genmon_otel.regression.cases.case import Case
from genmon_otel.store import SqlStore
from tests.case_kit import recorded
from tests.store_records import Producer, a_failure, failing

pytest_plugins = ["pytester"]

#: Case by its file's name: what differs from the recorded one.
SUITE: dict[str, dict[str, Any]] = {
    "fails-as-recorded": {},
    "fails-otherwise": {"target": "app:otherwise"},
    "is-fixed": {"target": "app:mended"},
    "is-renamed": {"target": "app:gone"},
    "guards": {"target": "app:mended", "expect": "passes"},
    "guard-regressed": {"expect": "passes"},
    "guard-renamed": {"target": "app:gone", "expect": "passes"},
}
VERDICTS = {
    "fails-as-recorded": "fail_same",
    "fails-otherwise": "fail_other",
    "is-fixed": "pass",
    "is-renamed": "inconclusive",
    "guards": "pass",
    "guard-regressed": "fail_same",
    "guard-renamed": "inconclusive",
}


@pytest.fixture(autouse=True)
def no_store_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """The runs below have no store and no options but their own."""
    for name in ("GENMON_STORE", "GENMON_STORE_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GENMON_CODE_VERSION", "v7")


@pytest.fixture
def case(pytester: pytest.Pytester) -> Case:
    """The recorded case of a small orchestrator beside the test files."""
    return recorded(pytester.path)


@pytest.fixture
def suite(pytester: pytest.Pytester, case: Case) -> Path:
    """A folder with a case for each thing that can come of one, and a file that is none."""
    folder = pytester.path / "cases"
    for slug, changes in SUITE.items():
        files.export(replace(case, slug=slug, **changes), folder)
    (folder / "broken.genmon.json").write_text('{"genmon_case": 1', encoding="ascii")
    return folder


def verdicts(path: Path) -> dict[str, str]:
    """What a results file says of each case; each is in it once."""
    kept = list(results.read(path))
    assert len({result.slug for result in kept}) == len(kept)
    assert {result.code_version for result in kept} == {"v7"}
    assert {result.channel for result in kept} == {"ci"}
    return {result.slug: str(result.verdict) for result in kept}


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "xdist"])
def test_every_outcome(pytester: pytest.Pytester, suite: Path, workers: tuple[str, ...]) -> None:
    """Each case ends as its file expects, in one process or two, and results are written once."""
    ran = pytester.runpytest_subprocess(
        "cases", "-v", "-rA", "--genmon-results", "out/results.jsonl",
        "--genmon-markdown", "out/summary.md", *workers,
    )  # fmt: skip
    ran.assert_outcomes(passed=1, failed=2, errors=2, skipped=1, xfailed=2)
    text = ran.stdout.str()
    assert "XFAIL cases/fails-as-recorded.genmon.json::fails-as-recorded - fail_same" in text
    assert "XFAIL cases/fails-otherwise.genmon.json::fails-otherwise - fail_other" in text
    assert "PASSED cases/guards.genmon.json::guards" in text
    assert "pytest --genmon-accept cases/is-fixed.genmon.json" in text
    assert "FAILED cases/guard-regressed.genmon.json::guard-regressed - Failed: fail_same" in text
    assert "ERROR cases/guard-renamed.genmon.json::guard-renamed" in text
    assert "genmon cases rebind OLD NEW" in text
    assert "recorded: ConnectionResetError (provider_error)" in text
    assert text.count("broken.genmon.json: The case is no JSON") >= 1
    assert "Traceback" not in text
    assert "pytest_plugin.py" not in text
    section = text.partition("genmon cases ===")[2]
    assert "7 replayed: 1 fail_other, 2 fail_same, 2 inconclusive, 2 pass" in section
    assert "pytest --genmon-accept cases/is-fixed.genmon.json" in section
    assert "no longer fails as recorded, but is judged wrong" in section
    assert "cases/fails-otherwise.genmon.json" in section
    assert verdicts(pytester.path / "out" / "results.jsonl") == VERDICTS
    markdown = (pytester.path / "out" / "summary.md").read_text("utf-8")
    assert "8 cases replayed without the model: **4 must be looked at**." in markdown
    looked_at = {line.split("`")[1] for line in markdown.splitlines() if "**look at it**" in line}
    assert looked_at == {"broken", "guard-regressed", "guard-renamed", "is-fixed"}
    assert markdown.count("\n| ") == 2 + 8


def test_markdown_is_appended_and_is_text(pytester: pytest.Pytester, case: Case) -> None:
    """Two runs write two tables; what a case says is no markup; a file that cannot be written fails nothing."""
    (pytester.path / "app.py").write_text(
        "from genmon_otel import generation\n\n@generation\ndef build(*_, **__):\n"
        "    raise ValueError('@all | <img src=x> `![a](http://x)`')\n"
    )
    files.export(replace(case, slug="hostile", target="app:build"), pytester.path)
    for _ in range(2):
        pytester.runpytest_subprocess("--genmon-markdown", "a.md").assert_outcomes(xfailed=1)
    found = (pytester.path / "a.md").read_text("utf-8")
    assert found.count("1 case replayed without the model: none that must pass fails.") == 2
    outside = re.sub(r"(`+)(?!`).*?(?<!`)\1(?!`)", "", found)
    for sign in ("@", "<", "[", "http"):
        assert sign not in outside, found
    (pytester.path / "folder.md").mkdir()
    ran = pytester.runpytest_subprocess("--genmon-markdown", "folder.md")
    ran.assert_outcomes(xfailed=1)
    ran.stdout.fnmatch_lines(["*the verdicts were not written as Markdown: *folder.md*"])


def test_a_renamed_target_says_so_where_it_is_skipped(
    pytester: pytest.Pytester, case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A case that expects its failure and proves nothing is skipped with the reason."""
    files.export(replace(case, target="app:gone"), pytester.path)
    ran = pytester.runpytest_subprocess("-rs")
    ran.assert_outcomes(skipped=1)
    ran.stdout.fnmatch_lines(["SKIPPED*.genmon.json:1: proves nothing:*app has no 'gone'*rebind*"])


def test_cases_are_chosen_as_tests_are(pytester: pytest.Pytester, suite: Path) -> None:
    """Node ids, -k and --lf choose among case files; without an option all are there."""

    def offered(*options: str) -> list[str]:
        ran = pytester.runpytest_subprocess("--collect-only", "-q", *options)
        return [line for line in ran.outlines if "::" in line]

    everything = offered("cases")
    assert everything == [
        f"cases/{slug}.genmon.json::{slug}" for slug in sorted([*SUITE, "broken"])
    ]
    assert offered(everything[2]) == everything[2:3]
    assert offered("cases", "-k", "guard and not renamed") == [
        "cases/guard-regressed.genmon.json::guard-regressed",
        "cases/guards.genmon.json::guards",
    ]
    pytester.runpytest_subprocess("cases", "-k", "is-fixed or guards").assert_outcomes(
        passed=1, failed=1
    )
    assert offered("cases", "--lf") == ["cases/is-fixed.genmon.json::is-fixed"]


def test_accepting_the_fix_flips_the_file(pytester: pytest.Pytester, case: Case) -> None:
    """``--genmon-accept`` changes ``expect`` of what passes, and of nothing else."""
    fixed, _ = files.export(replace(case, slug="fixed", target="app:mended"), pytester.path)
    still, _ = files.export(replace(case, slug="still"), pytester.path)
    untouched = still.read_bytes()
    done = pytester.runpytest_subprocess("--genmon-accept")
    done.assert_outcomes(passed=1, xfailed=1)
    assert "accepted, the file guards from now on" in done.stdout.str()
    assert "Accept it" not in done.stdout.str()
    assert files.read(fixed) == replace(files.read(still), slug="fixed", target="app:mended",
                                        expect="passes")  # fmt: skip
    assert still.read_bytes() == untouched
    pytester.runpytest_subprocess("-k", "fixed").assert_outcomes(passed=1)


HALF = "\ud83d \x1b[2J\x9b31m \u202e"


@pytest.mark.parametrize("workers", [(), ("-n", "1")], ids=["here", "xdist"])
def test_hostile_text_in_a_file_breaks_no_run(
    pytester: pytest.Pytester, case: Case, workers: tuple[str, ...]
) -> None:
    """Half characters and control codes reach neither the terminal nor the wire to a worker."""
    hostile = replace(
        case,
        expected=replace(case.expected, error_message=HALF, signature=HALF),
        provenance=replace(case.provenance, failure=HALF, fingerprint="\x1b"),
        postcondition=HALF,
    )
    files.export(replace(hostile, slug="target", target=HALF, expect="passes"), pytester.path)
    files.export(replace(hostile, slug="mended", target="app:mended"), pytester.path)
    files.export(replace(case, slug="raises", inputs={"request": f"bad {HALF}"}), pytester.path)
    (pytester.path / "member.genmon.json").write_text(
        json.dumps({"genmon_case": 1, "env": {HALF: 1}})
    )
    ran = pytester.runpytest_subprocess("-rA", *workers)
    ran.assert_outcomes(errors=2, skipped=1, xfailed=1)
    assert not {"\x1b", "\x9b", "\u202e", "\ud83d"} & set(ran.stdout.str())


def test_runxfail_shows_the_failure(pytester: pytest.Pytester, case: Case) -> None:
    """With ``--runxfail`` an expected failure fails; it never passes."""
    files.export(case, pytester.path)
    pytester.runpytest_subprocess("--runxfail").assert_outcomes(failed=1)


def test_an_expected_failure_is_reported_in_a_line(pytester: pytest.Pytester, case: Case) -> None:
    """Its report has no frames of pytest, whose sources take longer to read than a replay."""
    files.export(case, pytester.path)
    pytester.makeconftest(
        "def pytest_runtest_logreport(report):\n"
        "    if report.when == 'call':\n"
        "        print('REPORTED', str(report.longreprtext).splitlines())\n"
    )
    ran = pytester.runpytest_subprocess("-s")
    ran.assert_outcomes(xfailed=1)
    ran.stdout.fnmatch_lines("*REPORTED [[]'fail_same: *'[]]")


def test_the_code_is_found_from_a_folder_below(pytester: pytest.Pytester, case: Case) -> None:
    """With a configuration file its folder is where the code is, wherever pytest is started."""
    files.export(case, pytester.path / "cases")
    pytester.makeini("[pytest]")
    pytester.chdir()
    import os

    os.chdir(pytester.path / "cases")
    pytester.run(sys.executable, "-c", "import sys, pytest; sys.path[:] = [p for p in sys.path "
                 "if p]; sys.exit(pytest.main(['-q']))").assert_outcomes(xfailed=1)  # fmt: skip


def test_it_lives_beside_asyncio_and_anyio(pytester: pytest.Pytester, case: Case) -> None:
    """Async tests of both plugins and a case of an async target run in one session."""
    files.export(case, pytester.path)
    pytester.makepyfile(
        """
        import asyncio, pytest

        @pytest.mark.asyncio
        async def test_asyncio():
            await asyncio.sleep(0)

        @pytest.mark.anyio
        async def test_anyio():
            await asyncio.sleep(0)

        @pytest.fixture
        def anyio_backend():
            return "asyncio"
        """
    )
    ran = pytester.runpytest_subprocess("-p", "anyio")
    ran.assert_outcomes(passed=2, xfailed=1)


def test_without_case_files_it_is_inert(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run without case files imports nothing of genmon but the plugin, and leaves nothing."""
    pytester.makepyfile(
        """
        import sys

        def test_imports(pytestconfig):
            assert pytestconfig.pluginmanager.has_plugin("genmon_otel.pytest_plugin")
            loaded = {name for name in sys.modules if name.partition(".")[0] == "genmon_otel"}
            assert loaded <= {"genmon_otel", "genmon_otel._version", "genmon_otel.pytest_plugin"}
            assert not {"sqlalchemy", "opentelemetry", "click"} & set(sys.modules)
        """
    )
    pytester.path.joinpath("data.json").write_text("{}")
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # others load OpenTelemetry
    ran = pytester.runpytest_subprocess(
        "-p", "genmon_otel.pytest_plugin", "--genmon-results", "results.jsonl"
    )
    ran.assert_outcomes(passed=1)
    assert not (pytester.path / "results.jsonl").exists()
    assert not (pytester.path / ".genmon").exists()


def test_results_go_to_the_store(
    pytester: pytest.Pytester, case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With GENMON_STORE the controller stores each result once; a stranger's is left out."""
    store = SqlStore(f"sqlite:///{pytester.path}/genmon.db")
    store.open()
    try:
        fingerprint = a_failure("a").fingerprint
        Producer(store).write(*(failing("a", code_version="v1") for _ in range(3)))
        (row,) = store.cases()
        store.set_case_state(row.id, CaseState.REPRODUCED)
        mine = replace(case, provenance=replace(case.provenance, fingerprint=fingerprint))
        files.export(replace(mine, target="app:mended", expect="passes"), pytester.path)
        files.export(replace(case, slug="a-stranger"), pytester.path)
        monkeypatch.setenv("GENMON_STORE", f"sqlite:///{pytester.path}/genmon.db")
        pytester.runpytest_subprocess("-n", "2").assert_outcomes(passed=1, xfailed=1)
        (after,) = store.cases()
        assert (after.run_count, after.pass_count, after.state) == (1, 1, CaseState.GUARDING)
        assert after.reviewer == "committed file"
    finally:
        store.close()


@pytest.mark.parametrize("lost", ["store", "file"])
def test_results_that_cannot_be_kept_do_not_fail_the_tests(
    pytester: pytest.Pytester, case: Case, monkeypatch: pytest.MonkeyPatch, lost: str
) -> None:
    """A store or a file that cannot be written costs a line of warning."""
    files.export(case, pytester.path)
    pytester.path.joinpath("folder").mkdir()
    options: list[str] = ["--genmon-results", "folder"] if lost == "file" else []
    if lost == "store":
        monkeypatch.setenv("GENMON_STORE", "nonsense://x")
    ran = pytester.runpytest_subprocess(*options)
    ran.assert_outcomes(xfailed=1)
    assert ran.ret == 0
    ran.stdout.fnmatch_lines(["*genmon: results were not saved: *"])


def test_a_hostile_case_stays_data(pytester: pytest.Pytester, case: Case) -> None:
    """Recorded text that looks like code, markup or control characters is only ever shown."""
    hostile = 'x"""\r\nimport os; os.mkdir("owned") #\x1b[2J{0!r}%s\u202e'
    evil = replace(
        case,
        target="app:gone",
        expected=replace(case.expected, error_message=hostile, error_type=hostile),
        provenance=replace(case.provenance, failure=hostile),
        expect="passes",
    )
    path, _ = files.export(evil, pytester.path)
    assert json.loads(path.read_text(encoding="ascii"))["expected"]["error_message"] == hostile
    pytester.runpytest_subprocess().assert_outcomes(errors=1)
    assert not (pytester.path / "owned").exists()


def test_a_part_of_a_larger_repository_says_where_its_code_is(
    pytester: pytest.Pytester, case: Case
) -> None:
    """Beside the repository's configuration the code is not found: said with the remedy, which works."""
    part = pytester.mkdir("part")
    (pytester.path / "app.py").rename(part / "app.py")
    files.export(case, part / "tests")
    pytester.makepyprojecttoml("[tool.pytest.ini_options]\n")
    # As a person starts it: pytester's own way puts the working directory on the path.
    program = str(Path(sys.executable).parent / "pytest")

    def said() -> str:
        command = [program, "tests", "-rs", "-p", "no:cacheprovider"]
        done = subprocess.run(command, cwd=part, capture_output=True, text=True, check=False)
        return done.stdout

    refused = said()
    assert "put a pytest.ini there (an empty one is enough) and start pytest there" in refused
    assert "--cwd" not in refused
    (part / "pytest.ini").touch()
    assert "1 xfailed" in said()
