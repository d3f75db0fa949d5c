"""``genmon cases``: a case from its third strike to its retirement, as a person would take it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from genmon_otel.cli import main

STEPS = """
from genmon_otel import generation, step

class UserError(Exception):
    pass

@step
def ask(prompt):
    if "bad" in prompt:
        raise ConnectionResetError(104, "Connection reset by peer")
    return "x = 1"

@step
def look_up(name):
    return f"# {name}"

def long_enough(result):
    return len(result["files"]["a.py"]) > 10
"""
BROKEN = """
@generation(name="build")
def build(request):
    return {"files": {"a.py": ask(request)}}
"""
FIXED = """
@generation(name="build")
def build(request):
    try:
        return {"files": {"a.py": ask(request)}}
    except OSError:
        return {"files": {"a.py": "pass"}}
"""
ASKS_AGAIN = FIXED.replace('"pass"', "ask(request)")
LOOKS_UP = FIXED.replace('"pass"', "look_up(request)")
REFUSES = FIXED.replace("@generation(", "@generation(expected=(UserError,), ").replace(
    'return {"files": {"a.py": "pass"}}', 'raise UserError("try later") from None'
)

RECORD = """
import sys
from genmon_otel import setup, shutdown
setup("sqlite:///genmon.db", code_version="v1", metrics="none")
from app import build
build("good")
for _ in range(3):
    try:
        build("bad")
    except ConnectionResetError:
        pass
assert shutdown()
"""

Genmon = Callable[..., tuple[int, str, str]]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An application whose failure struck three times, on version v1."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GENMON_STORE", f"sqlite:///{tmp_path}/genmon.db")
    monkeypatch.setenv("GENMON_CODE_VERSION", "v1")
    monkeypatch.setenv("COLUMNS", "200")
    code(BROKEN)
    done = subprocess.run(
        [sys.executable, "-c", RECORD],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return tmp_path


@pytest.fixture
def genmon(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Genmon:
    """Run ``genmon cases …``: exit code, standard output, standard error."""

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["genmon", "cases", *arguments])
        with pytest.raises(SystemExit) as left:
            main()
        out, err = capsys.readouterr()
        return int(left.value.code or 0), out, err

    return run


def code(build: str) -> None:
    """Put another version of the application in place."""
    Path("app.py").write_text(STEPS + build, encoding="utf-8")


def test_a_failures_name_is_no_folder(
    genmon: Genmon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``export F-…`` writes no folder of that name: it says what it takes instead."""
    monkeypatch.chdir(tmp_path)
    left, _, err = genmon("export", "F-Q8V1", "--store", f"sqlite:///{tmp_path}/genmon.db")
    assert left == 2
    assert "genmon cases export tests/genmon" in err
    assert not list(tmp_path.iterdir())


def test_the_life_of_a_case(home: Path, genmon: Genmon, monkeypatch: pytest.MonkeyPatch) -> None:
    """List, verify, show, approve, run, export, fix, guard, regress, rebind, retire."""
    exit_code, out, _ = genmon("list")
    assert exit_code == 0
    assert "1 not yet through the reproduction check: genmon cases verify" in out
    (row,) = json.loads(genmon("list", "--json")[1])
    case = row["handle"]
    assert row["state"] == "proposed"

    exit_code, _, err = genmon("approve", case)
    assert (exit_code, "genmon cases verify" in err) == (6, True)
    exit_code, out, _ = genmon("verify")
    assert (exit_code, f"{case} reproduced: 3 of 3" in out) == (0, True)
    assert "Nothing waits for the reproduction check." in genmon("verify")[1]
    assert f"1 wait for your review: genmon cases show {case}" in genmon("list")[1]
    card = genmon("show", case)[1]
    for words in (
        "ConnectionResetError", "provider_error, high, in build", "3 times",
        "reproduced 3 of 3", "Step ask raised; app:build failed.", "Connection reset by peer",
        "build was asked", "A replay calls app:build with these arguments",
        "Approving means: the fixed code meets the same outcome, nothing fails, and the result "
        "is like", f"genmon cases approve {case}",
    ):  # fmt: skip
        assert words in card, words

    assert genmon("approve", case, "--reviewer", " ")[0] == 2
    recovery = ("--recovery", 'ask="x = 1"')
    exit_code, out, _ = genmon("approve", case, "--reviewer", "eve", *recovery)
    assert (exit_code, "is open. It is expected to fail" in out) == (0, True)
    assert "For CI: genmon cases export tests/genmon" in out
    card = genmon("show", case)[1]
    assert "eve" in card
    assert "reproduced 3 of 3" in card
    exit_code, out, _ = genmon("run", "--json")
    (shown,) = json.loads(out)
    assert (exit_code, shown["verdict"], shown["state"], shown["bad"]) == (
        0, "fail_same", "open", False,
    )  # fmt: skip

    code(ASKS_AGAIN)
    monkeypatch.setenv("GENMON_CODE_VERSION", "v2")
    exit_code, out, _ = genmon("run", case)
    assert (exit_code, "pass" in out, "now guarding" in out) == (0, True, True)
    assert "passed on 1 version since" in genmon("show", case)[1]
    written = json.loads(genmon("export", "cases", "--json")[1])
    assert [each["written"] for each in written] == [True]
    assert "kept" in genmon("export", "cases")[1]
    file = written[0]["file"]
    assert genmon("run", "cases")[0] == 0

    code(BROKEN)
    monkeypatch.setenv("GENMON_CODE_VERSION", "v3")
    exit_code, out, _ = genmon("run", file)
    assert (exit_code, "fail_same" in out, "expected: passes" in out) == (1, True, True)
    exit_code, out, _ = genmon("run", case)
    assert (exit_code, "now regressed" in out) == (1, True)

    assert genmon("rebind", "app:build", "app:make", "cases")[:2] == (0, f"rebound {file}\n")
    assert genmon("rebind", "app:build", "app:make")[:2] == (0, f"rebound {case}\n")
    assert genmon("rebind", "app:build", "app:make")[0] == 1
    exit_code, out, _ = genmon("run", case)
    assert (exit_code, "inconclusive" in out, "rebind" in out) == (1, True, True)

    assert genmon("release", case)[0] == 6
    assert genmon("retire", case, "--reason", "the provider is gone")[0] == 0
    assert "the provider is gone" in genmon("show", case)[1]
    assert genmon("reject", case)[0] == 6
    assert genmon("verify", case)[0] == 6


def test_a_persons_word_changes_the_verdict(
    home: Path, genmon: Genmon, monkeypatch: pytest.MonkeyPatch
) -> None:
    """--recovery, --live, --postcondition and --fails-as each turn a replay's verdict."""
    (found,) = json.loads(genmon("verify", "--json")[1])
    case = found["case"]
    assert genmon("approve", case)[0] == 0

    def verdict(build: str) -> str:
        code(build)
        return str(json.loads(genmon("run", case, "--json")[1])[0]["verdict"])

    assert verdict(ASKS_AGAIN) == "inconclusive"
    exit_code, _, said = genmon("approve", case, "--recovery", 'ask="x = 2"')
    assert (exit_code, said) == (0, "")
    assert verdict(ASKS_AGAIN) == "pass"

    assert verdict(LOOKS_UP) == "inconclusive"
    exit_code, _, said = genmon("approve", case, "--live", "look_up")
    assert exit_code == 0
    assert f"{case}: no step 'look_up' was recorded" in said
    assert said.endswith("Recorded: ask.\n")
    assert verdict(LOOKS_UP) == "pass"

    assert verdict(FIXED) == "inconclusive"  # made up: a function has to say that it is right
    assert genmon("approve", case, "--postcondition", "app:long_enough")[0] == 0
    assert verdict(FIXED) == "fail_other"

    assert verdict(REFUSES) == "fail_other"
    assert genmon("approve", case, "--fails-as", "rejected")[0] == 0
    assert verdict(REFUSES) == "pass"
    assert verdict(FIXED) == "fail_other"


def test_a_case_that_does_not_reproduce(home: Path, genmon: Genmon) -> None:
    """A target that is gone is unreproducible, says what to do, and exits 1; so does a fix."""
    (row,) = json.loads(genmon("list", "--json")[1])
    code(BROKEN.replace("def build", "def make"))
    exit_code, out, _ = genmon("verify")
    assert exit_code == 1
    assert "unreproducible" in out
    assert "genmon cases rebind OLD NEW" in out
    assert f"by name: genmon cases verify {row['handle']}" in genmon("verify")[1]
    code("import os\nos.environ['SHOP_REGION']\n" + BROKEN)
    out = genmon("verify", row["handle"])[1]
    assert f"genmon cases verify {row['handle']} --env SHOP_REGION=VALUE" in out
    assert "rebind" not in out, "the module is there"
    code(FIXED)
    exit_code, out, _ = genmon("verify", row["handle"])
    assert (exit_code, "it passed" in out) == (1, True)
    assert genmon("rebind", "app:build", "app:make")[0] == 0
    code(BROKEN.replace("def build", "def make"))
    assert genmon("verify", row["handle"])[0] == 0
    assert genmon("reject", row["handle"], "--reason", "not ours")[0] == 0


def test_results_come_back_from_ci(home: Path, genmon: Genmon) -> None:
    """What pytest wrote is taken in once; committing the file was the approval."""
    genmon("verify")
    genmon("export", "cases")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "cases",
         "--genmon-results", "results.jsonl"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert "1 xfailed" in done.stdout, done.stdout
    (row,) = json.loads(genmon("list", "--state", "reproduced", "--json")[1])
    assert (row["state"], row["run_count"]) == ("reproduced", 0)
    assert json.loads(genmon("list", "--state", "guarding", "--json")[1]) == []
    assert genmon("ingest", "results.jsonl")[:2] == (0, "1 results taken in, 0 known already.\n")
    assert json.loads(genmon("ingest", "results.jsonl", "--json")[1]) == {
        "taken": 0, "known": 1, "strangers": 0,
    }  # fmt: skip
    (row,) = json.loads(genmon("list", "--json")[1])
    assert (row["state"], row["run_count"], row["reviewer"]) == ("open", 1, "committed file")


@pytest.mark.parametrize(
    ("arguments", "exit_code", "words"),
    [
        (("show", "F-ZZZZ"), 5, "genmon cases list"),
        (("approve", "F-ZZZZ", "--recovery", "ask"), 2, "STEP=JSON"),
        (("run", "broken.genmon.json"), 7, "broken.genmon.json: "),
        (("ingest", "broken.genmon.json"), 7, "line 1"),
        (("ingest", "gone.jsonl"), 7, "cannot be read"),
        (
            ("ingest", "--store", "nowhere.db", "dangling"),
            7,
            "dangling cannot be read (it is a link to",
        ),
        (("ingest", "--store", "nowhere.db", "."), 7, "it is a folder"),
        (
            ("run", "--store", "nowhere.db", "dangling"),
            5,
            "is a link to 'gone', which cannot be found",
        ),
        (
            ("run", "--store", "nowhere.db", "itself"),
            5,
            "is a link to 'itself', which cannot be found",
        ),
        (("run", "--store", "nowhere.db", "gone.json"), 5, "no file or folder 'gone.json'"),
        (("run", "--store", "nowhere.db", "tests/gone"), 5, "no file or folder 'tests/gone'"),
        (("run", "--store", "nowhere.db", "F-3KQ2"), 2, "There is no store"),
        (("rebind", "a:b", "c:d", "dangling"), 5, "is a link to 'gone', which cannot be found"),
        (("list", "--store", "itself"), 2, "There is no store"),
        (("rebind", "app:build", "nonsense", "."), 2, "package.module:name"),
        (("rebind", "a:b", "c:d", "nowhere"), 5, "nowhere"),
        (("list", "--state", "lost"), 2, "lost"),
        (("list", "--store", "nowhere.db"), 2, "There is no store"),
    ],
)
def test_mistakes_are_one_line(
    home: Path, genmon: Genmon, arguments: tuple[str, ...], exit_code: int, words: str
) -> None:
    """Each mistake has its exit code and says what was given, or what to do."""
    Path("broken.genmon.json").write_text("{")
    Path("dangling").symlink_to("gone")
    Path("itself").symlink_to("itself")
    Path("F-3KQ2").mkdir()
    found, _, err = genmon(*arguments)
    assert (found, words in err) == (exit_code, True), err
    assert "Traceback" not in err
