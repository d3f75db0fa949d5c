"""``genmon replay``: a failure that was seen once is shown again, with what was recorded of its steps."""

from __future__ import annotations

import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

APP = """
import json
from genmon_otel import generation, setup, shutdown, step

@step
def ask(prompt):
    return '{"html": "<p>' if "shop" in prompt else '{"html": "<p>hello</p>"}'

@generation
def build(request):
    return json.loads(ask(f"Write {request}"))

if __name__ == "__main__":
    import app
    setup(metrics="none", code_version="v1")
    app.build("a blog")
    try:
        app.build("a shop")
    except ValueError:
        pass
    shutdown()
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An application that failed once."""
    folder = tmp_path_factory.mktemp("application")
    (folder / "app.py").write_text(APP)
    subprocess.run([sys.executable, "app.py"], cwd=folder, env=environment(), check=True)
    return folder


def environment() -> dict[str, str]:
    """The variables of a process of the application."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("GENMON_")}
    return {**kept, "COLUMNS": "160"}


def genmon(folder: Path, *arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
    """Run the command line."""
    command = [sys.executable, "-c", "from genmon_otel.cli import main; main()", *arguments]
    return subprocess.run(
        command, cwd=folder, env=environment(), input=given, capture_output=True, text=True,
        timeout=300, check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def handle(home: Path) -> str:
    """The failure's handle."""
    listed = json.loads(genmon(home, "failures", "list", "--json").stdout)
    return str(listed[0]["handle"])


def test_a_failure_is_shown_from_its_first_occurrence_on(home: Path, handle: str) -> None:
    """Its traceback in the application's frames, the step that broke it, and what to do next."""
    shown = genmon(home, "replay", handle, "--steps")
    assert shown.returncode == 0, shown.stderr
    assert "It fails as recorded." in shown.stdout
    assert 'app.py", line 11, in build' in shown.stdout
    assert "regression/replaying/player.py" not in shown.stdout
    assert '▶ 1 ask(prompt="Write a shop") returned' in shown.stdout
    assert f"genmon replay {handle} --pdb" in shown.stdout


def test_a_record_begins_no_line_of_its_own(home: Path, handle: str, tmp_path: Path) -> None:
    """Line ends in recorded names and texts never make a line that looks like genmon's."""
    shutil.copytree(home, tmp_path / "copy")
    forged = "ask\n✓ forged\r\n▶ forged\x85Next: forged\u2028forged"
    with closing(sqlite3.connect(tmp_path / "copy" / ".genmon" / "genmon.db")) as store, store:
        store.execute(
            "UPDATE failure_recordings SET recording = replace(recording, '\"ask\"', ?)",
            (json.dumps(forged),),
        )
        store.execute(
            "UPDATE generation_failures SET error_type = ?, error_message = ?", [forged] * 2
        )
    for options in ([], ["--steps"]):
        shown = genmon(tmp_path / "copy", "replay", handle, *options)
        assert "forged" in shown.stdout
        assert not re.findall(r"(?m)^(?:[✓▶] |Next: )?forged.*", shown.stdout)


def test_another_outcome_is_tried(home: Path, handle: str) -> None:
    """``--set`` gives a step another answer; the same as JSON; nonsense is refused with what fits."""
    data = genmon(home, "replay", handle, "--json", "--set", 'ask="{\\"html\\": \\"<p>x</p>\\"}"')
    assert data.returncode == 0, data.stderr
    assert json.loads(data.stdout)["verdict"] == "pass"
    refused = genmon(home, "replay", handle, "--set", "asks=1")
    assert refused.returncode == 2
    assert "Recorded: ask." in refused.stderr
    assert "a text" in genmon(home, "replay", handle, "--set", "ask=1").stderr
    assert "--set 'ask=\"TEXT\"'" in genmon(home, "replay", handle, "--set", "ask=what").stderr


CHECKED = """
from genmon_otel import generation, setup, shutdown, step

class BuildError(RuntimeError):
    pass

@step
def ask(prompt):
    return "print(" if "bad" in prompt else "print(1)"

@step
def check(code):
    if code.endswith("("):
        raise BuildError("the build failed: unexpected end of file")

@generation
def build(request):
    code = ask(request)
    check(code)
    return {"code": code}
"""
RUNS = """
setup(metrics="none")
for request in ("good", "bad"):
    try:
        build(request)
    except BuildError:
        pass
shutdown()
"""


def test_a_fault_is_tried_without_it(tmp_path: Path) -> None:
    """``--set`` on the step that raised says that the failure is gone, and what was recorded stays shown."""
    (tmp_path / "made.py").write_text(CHECKED)
    (tmp_path / "serve.py").write_text("from made import *" + RUNS)
    subprocess.run([sys.executable, "serve.py"], cwd=tmp_path, env=environment(), check=True)
    (failure,) = json.loads(genmon(tmp_path, "failures", "list", "--json").stdout)
    shown = genmon(tmp_path, "replay", failure["handle"], "--set", "check=null")
    assert shown.returncode == 0, shown.stderr
    assert "It does not fail." in shown.stdout
    assert "Step check raised" in shown.stdout
    assert "check answered this time:" in shown.stdout
    data = genmon(tmp_path, "replay", failure["handle"], "--set", "check=null", "--json")
    assert json.loads(data.stdout)["verdict"] == "pass"


def test_a_script_that_runs_at_import_has_not_drifted(tmp_path: Path) -> None:
    """Only the reason is said: what that run asked is no other request of the recorded one."""
    (tmp_path / "script.py").write_text(CHECKED + RUNS)
    subprocess.run([sys.executable, "script.py"], cwd=tmp_path, env=environment(), check=True)
    (failure,) = json.loads(genmon(tmp_path, "failures", "list", "--json").stdout)
    shown = genmon(tmp_path, "replay", failure["handle"])
    assert shown.returncode == 1
    assert "Importing script runs the generation." in shown.stdout
    assert "asked otherwise" not in shown.stdout


def test_all_cases_are_verified_by_naming_none(home: Path) -> None:
    """``--all``, which does not exist, is answered by what does."""
    refused = genmon(home, "cases", "verify", "--all")
    assert refused.returncode == 2
    assert "`genmon cases verify` alone takes all" in refused.stderr


def test_the_smallest_answer_that_breaks_it_is_sought(home: Path, handle: str) -> None:
    """``--minimal`` needs no case that was shrunk, and says how much of the answer it is."""
    shown = genmon(home, "replay", handle, "--minimal")
    assert shown.returncode == 0, shown.stderr
    assert "It fails as recorded." in shown.stdout
    assert re.search(r"of its answer, \d of 13 characters", shown.stdout)


def test_the_debugger_stops_where_it_was_raised(home: Path, handle: str) -> None:
    """``--pdb`` gives the frames of the application, with their variables."""
    shown = genmon(home, "replay", handle, "--pdb", given="up\nup\nup\np 'it was', request\nq\n")
    assert shown.returncode == 0, shown.stderr
    assert "('it was', 'a shop')" in shown.stdout
    assert (home / ".genmon").exists()


def test_an_unknown_failure_is_named(home: Path) -> None:
    """A handle that no failure has is no crash."""
    shown = genmon(home, "replay", "F-0000")
    assert shown.returncode == 5
    assert "F-0000" in shown.stderr


@pytest.mark.parametrize("name", ["gone.json", "below/gone", "dangling"])
def test_a_file_that_is_not_there_is_named(tmp_path: Path, name: str) -> None:
    """What can only be a file's name is not looked for in a store."""
    (tmp_path / "dangling").symlink_to("gone")
    shown = genmon(tmp_path, "replay", name)
    assert (shown.returncode, f"{name}: cannot be read" in shown.stderr) == (7, True), shown.stderr


FAILING = """
from app import build
from genmon_otel import setup, shutdown
setup(metrics="none", code_version="v1")
build("a blog")
for _ in range(3):
    try:
        build("a shop")
    except ValueError:
        pass
build("a forum")
shutdown()
"""


def test_a_changed_prompt_is_refreshed_and_asked_for_real(tmp_path: Path) -> None:
    """A changed prompt proves nothing, and says so; today's request is taken; the real model is asked."""
    (tmp_path / "app.py").write_text(APP)
    (tmp_path / "failing.py").write_text(FAILING)
    subprocess.run([sys.executable, "failing.py"], cwd=tmp_path, env=environment(), check=True)
    verified = json.loads(genmon(tmp_path, "cases", "verify", "--json").stdout)
    handle = verified[0]["case"]
    assert verified[0]["state"] == "reproduced", verified
    assert genmon(tmp_path, "cases", "approve", handle, "--reviewer", "ada").returncode == 0
    changed = APP.replace('f"Write {request}"', 'f"Please write {request} in JSON"')
    (tmp_path / "app.py").write_text(changed)
    shown = json.loads(genmon(tmp_path, "cases", "run", handle, "--json").stdout)[0]
    assert shown["verdict"] == "inconclusive"
    assert f"genmon cases run {handle} --live 5" in shown["detail"]
    assert "+prompt: Please write a shop in JSON" in shown["drift"]
    assert "drifted: step 1, ask" in genmon(tmp_path, "cases", "show", handle).stdout
    refreshed = genmon(tmp_path, "cases", "refresh", handle)
    assert "1 of 1 requests taken anew; it shows fail_same" in refreshed.stdout, refreshed.stderr
    (tmp_path / "app.py").write_text(changed.replace('if "shop" in', 'if "nothing" in'))
    live = genmon(tmp_path, "cases", "run", handle, "--live", "2", "--yes")
    assert "passed 2 of 2" in live.stdout, live.stdout + live.stderr
    assert "2 passed" in genmon(tmp_path, "cases", "show", handle).stdout
    unsure = genmon(tmp_path, "cases", "run", handle, "--live", "2", given="n\n")
    assert unsure.returncode != 0
    assert "about 2 calls in 2 runs" in unsure.stderr


NO_SUCCESS_YET = """
from app import build
from genmon_otel import setup, shutdown
setup(metrics="none", code_version="v1")
for _ in range(3):
    try:
        build("a shop")
    except ValueError:
        pass
shutdown()
"""
SUCCESS_SINCE = """
from app import build
from genmon_otel import setup, shutdown
setup(metrics="none", code_version="v2", capture="all")
build("a blog")
shutdown()
"""


#: The natural fix: asks once more.
AGAIN = APP.replace(
    """    return json.loads(ask(f"Write {request}"))
""",
    """    try:
        return json.loads(ask(f"Write {request}"))
    except ValueError:
        return json.loads(ask(f"Write {request}"))
""",
)


def test_an_approved_case_takes_what_succeeded_since(tmp_path: Path) -> None:
    """A success after the approval answers a fix that asks again; who took it is in the history."""
    (tmp_path / "app.py").write_text(APP)
    for name, script in (("failing.py", NO_SUCCESS_YET), ("later.py", SUCCESS_SINCE)):
        (tmp_path / name).write_text(script)
    subprocess.run([sys.executable, "failing.py"], cwd=tmp_path, env=environment(), check=True)
    handle = json.loads(genmon(tmp_path, "cases", "verify", "--json").stdout)[0]["case"]
    assert genmon(tmp_path, "cases", "approve", handle).returncode == 0
    decided = genmon(tmp_path, "cases", "shrink", handle)
    assert "is open" in decided.stderr
    assert "genmon cases verify" not in decided.stderr  # which an open case refuses
    nothing = genmon(tmp_path, "cases", "refresh", handle)
    assert "no newer generation has answers (fail_same)" in nothing.stdout, nothing.stderr
    subprocess.run([sys.executable, "later.py"], cwd=tmp_path, env=environment(), check=True)
    taken = genmon(tmp_path, "cases", "refresh", handle, "--reviewer", "ada")
    assert "answers of 1 newer generation taken; it shows fail_same" in taken.stdout, taken.stderr
    with closing(sqlite3.connect(tmp_path / ".genmon" / "genmon.db")) as db:
        query = "SELECT reviewer, decision FROM genmon_decisions ORDER BY id DESC LIMIT 1"
        assert db.execute(query).fetchone() == ("ada", "refreshed")
    (tmp_path / "app.py").write_text(AGAIN)
    shown = json.loads(genmon(tmp_path, "cases", "run", handle, "--json").stdout)[0]
    assert (shown["verdict"], shown["weight"]) == ("pass", 0.25), shown
    twice = genmon(tmp_path, "cases", "refresh", handle)
    assert "no newer generation has answers (pass)" in twice.stdout, twice.stderr
    (tmp_path / "app.py").write_text(
        AGAIN.replace(
            "@generation", "@step\ndef parsed(text):\n    return json.loads(text)\n\n@generation"
        ).replace("return json.loads(ask(", "return parsed(ask(")
    )
    unknown = json.loads(genmon(tmp_path, "cases", "run", handle, "--json").stdout)[0]
    assert f"genmon cases approve {handle} --live parsed" in unknown["detail"]
    assert genmon(tmp_path, "cases", "approve", handle, "--live", "parsed").returncode == 0
    let_run = json.loads(genmon(tmp_path, "cases", "run", handle, "--json").stdout)[0]
    assert let_run["verdict"] == "pass", let_run
