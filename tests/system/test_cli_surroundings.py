"""The command line where people really run it: pipes, odd encodings, odd names, odd numbers."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli_kit import genmon
from tests.system.test_cli import command, environment

APPLICATION = """
from genmon_otel import generation, setup, shutdown

setup("genmon.db", code_version="v1", metrics="none")

@generation
def build(request, *, user_id):
    raise ValueError("名前 → [bold]x[/nope]")

for number in range(3):
    try:
        build("a page", user_id="ü")
    except ValueError:
        pass
shutdown()
"""

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a store of one failure, which has become a case."""
    folder = tmp_path_factory.mktemp("home")
    subprocess.run([sys.executable, "-c", APPLICATION], cwd=folder, env=environment(), check=True)
    return folder


@pytest.fixture
def home(filled: Path, tmp_path: Path) -> Path:
    """A test's own copy of that folder."""
    return shutil.copytree(filled, tmp_path / "home")


@pytest.fixture
def run(home: Path) -> Run:
    """Run a command there; further variables by name."""

    def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        env = {**environment(), "GENMON_STORE": "genmon.db", **variables}
        if "PYTHONIOENCODING" in variables:  # read as an interpreter starts
            done = subprocess.run(
                command(*arguments), cwd=home, env=env,
                capture_output=True, text=True, encoding="utf-8", timeout=250, check=False,
            )  # fmt: skip
        else:
            done = genmon(*arguments, cwd=home, env=env)
        assert "Traceback" not in done.stderr, done.stderr
        return done

    return run


@pytest.mark.parametrize("arguments", [
    ("failures", "list"), ("failures", "list", "--json"), ("cases", "list"),
    ("tail", "--no-follow", "--json"), ("db", "grants", "--store", "postgresql://u@h/d"),
])  # fmt: skip
def test_a_reader_that_goes_away_is_no_bad_news(home: Path, arguments: tuple[str, ...]) -> None:
    """``| head -1`` ends a command as it ends any other program: 141, and not a word."""
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        command(*arguments), cwd=home, env={**environment(), "GENMON_STORE": "genmon.db"},
        stdout=writing, stderr=subprocess.PIPE, text=True, check=False,
    )  # fmt: skip
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, "")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
def test_a_full_disk_below_the_output_is_a_line(home: Path) -> None:
    """What cannot be written is said in one line, with the exit code of files."""
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = subprocess.run(
            command("failures", "list", "--store", "genmon.db"), cwd=home, env=environment(),
            stdout=full, stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
    assert done.returncode == 7
    assert done.stderr == "genmon: No space left on device\n"


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_an_old_encoding_prints_what_it_can(run: Run, encoding: str) -> None:
    """A terminal that does not know a character shows ``?``; JSON stays JSON, and whole."""
    variables = {"PYTHONIOENCODING": encoding}
    assert "ValueError: ?? ? [bold]x[/nope]" in run("failures", "list", **variables).stdout
    assert run("cases", "show", "F-", **variables).returncode == 5
    found = json.loads(run("failures", "list", "--json", **variables).stdout)
    assert found[0]["error_message"] == "名前 → [bold]x[/nope]"
    row = json.loads(run("tail", "--no-follow", "-n", "1", "--json", **variables).stdout)
    assert row["user_id"] == "ü"


def test_no_line_wraps_in_a_pipe(run: Run) -> None:
    """What a program reads line by line comes line by line, however wide."""
    said = run("db", "forget", "--user", "nobody", "--yes", COLUMNS="40").stdout
    assert "set GENMON_PSEUDONYM_KEY to the applications' key and try again." in said


@pytest.mark.parametrize("number", ["1e12", "1e308", "inf"])
def test_a_span_beyond_all_ages_is_all_there_is(run: Run, number: str) -> None:
    """``--days`` and ``--window`` take any length; ``nan`` is none."""
    assert "build" in run("failures", "list", "--days", number).stdout
    assert "3 of 3 attempts failed" in run("health", "--window", number).stdout
    assert run("health", "--window", "nan").returncode == 2
    assert run("failures", "list", "--days", "nan").returncode == 2


def test_a_count_beyond_all_rows_is_all_rows(run: Run) -> None:
    """``-n`` and ``--limit`` take any whole number."""
    assert run("tail", "--no-follow", "-n", "9" * 20).stdout.count("\n") == 3
    assert run("failures", "list", "--limit", "9" * 20).returncode == 0


def test_words_are_known_in_any_case(run: Run) -> None:
    """States, statuses and categories are known however they are typed."""
    assert "F-" in run("cases", "list", "--state", "Proposed").stdout
    assert "F-" in run("failures", "list", "--status", "OPEN", "--sort", "Users").stdout
    assert run("failures", "list", "--category", "AI_Timeout").returncode == 0


def test_an_empty_list_says_of_what(run: Run) -> None:
    """Nothing of what was asked for is not nothing at all, and not good news."""
    assert run("cases", "list", "--state", "open").stdout == "No open case.\n"
    assert run("cases", "list", "--operation", "[x]").stdout == "No case of [x].\n"
    said = run("failures", "list", "--category", "nope", "--operation", "build", "--days", "2")
    assert said.stdout == "No open failures nope in build within 2 days.\n"


def test_a_folder_without_cases_is_named(run: Run, tmp_path: Path) -> None:
    """``cases run`` on a folder does not speak of the store; a name too long for a file is none."""
    assert run("cases", "run", str(tmp_path)).stdout == (
        f"No case files (*.genmon.json) in {tmp_path}.\n"
    )
    assert run("cases", "run", "x" * 300).returncode == 5


def test_assets_go_where_they_are_said_to_go(run: Run, tmp_path: Path) -> None:
    """A folder's name is no markup; one that cannot be made is a line and exit 7."""
    folder = tmp_path / "we [red]ird"
    assert f"files written to {folder}\n" in run("assets", "export", str(folder)).stdout
    (tmp_path / "file").write_text("", encoding="utf-8")
    done = run("assets", "export", str(tmp_path / "file" / "x"))
    assert (done.returncode, len(done.stderr.splitlines())) == (7, 1)


@pytest.mark.parametrize("variables", [
    {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://host:abc"},
    {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://[::1"},
    {"GENMON_METRICS_PORT": "9", "GENMON_METRICS_HOST": "a b"},
])  # fmt: skip
def test_doctor_takes_an_address_that_is_none(run: Run, variables: dict[str, str]) -> None:
    """An address that is no address is a finding, like all that doctor looks at."""
    assert "does not answer" in run("doctor", **variables).stdout
