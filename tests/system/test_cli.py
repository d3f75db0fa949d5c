"""The command line over a store that a real application filled."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import cli_kit

APPLICATION = textwrap.dedent(
    """
    import json, sys
    from genmon_otel import setup, shutdown, generation, step

    setup("genmon.db", code_version="v1", metrics="none")

    @step
    def call_model(prompt):
        return "not json" if "bad" in prompt else '{"files": {"a.py": "x = 1"}}'

    @generation(framework="react")
    def build_app(request: str, *, user_id: str, project_id: str):
        return json.loads(call_model(request))

    @generation(framework="vue")
    def build_page(request: str):
        raise ConnectionResetError(104, "Connection reset by peer")

    def attempt(call, *arguments, **more):
        try:
            call(*arguments, **more)
        except Exception:
            pass

    if __name__ == "__main__":
        for number in range(int(sys.argv[1])):
            attempt(build_app, "good", user_id=f"u{number}", project_id="p")
        for number in range(int(sys.argv[2])):
            attempt(build_app, "bad", user_id=f"u{number}", project_id=f"p{number}")
        attempt(build_page, "a page")
        shutdown()
    """
)

Genmon = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an application that made 4 good and 3 bad attempts, and failed a page."""
    folder = tmp_path_factory.mktemp("home")
    (folder / "application.py").write_text(APPLICATION, encoding="utf-8")
    subprocess.run(
        [sys.executable, "application.py", "4", "3"], cwd=folder, env=environment(), check=True
    )
    return folder


@pytest.fixture
def home(filled: Path, tmp_path: Path) -> Path:
    """A test's own copy of that folder: what one does to the store no other finds."""
    return shutil.copytree(filled, tmp_path / "home")


def environment() -> dict[str, str]:
    """This process's variables without any of genmon's."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GENMON_")}
    return {**kept, "COLUMNS": "120", "PYTHONPATH": "."}


#: A child inherits an ignored SIGINT (``nohup make test &``); a shell's foreground does not ignore it.
START = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
from genmon_otel.cli import main
main()
"""


def command(*arguments: str) -> list[str]:
    """The command line as a user's shell would start it."""
    return [sys.executable, "-c", START, *arguments]


@pytest.fixture
def genmon(home: Path) -> Genmon:
    """Run a command over the application's store."""

    def run(*arguments: str, store: str = "genmon.db") -> subprocess.CompletedProcess[str]:
        return cli_kit.genmon(*arguments, cwd=home, env={**environment(), "GENMON_STORE": store})

    return run


def test_health_says_the_verdict_and_exits_by_it(genmon: Genmon) -> None:
    """4 of 8 failed: healthy, exit 0; of the operation that only failed, too few to judge."""
    done = genmon("health")
    assert done.returncode == 0
    assert "healthy: 4 of 8 attempts failed (50%) in the last hour" in done.stdout
    found = json.loads(genmon("health", "--json", "--operation", "build_page").stdout)
    assert (found["attempts"], found["failures"], found["healthy"]) == (1, 1, True)
    mistyped = genmon("health", "--operation", "build_pgae")
    assert mistyped.returncode == 5
    assert "no generation of operation 'build_pgae'. Did you mean 'build_page'?" in mistyped.stderr


def test_an_unhealthy_hour_exits_1(tmp_path: Path) -> None:
    """5 of 6 failed: unhealthy, exit 1, in text and in JSON."""
    (tmp_path / "application.py").write_text(APPLICATION, encoding="utf-8")
    subprocess.run(
        [sys.executable, "application.py", "1", "4"], cwd=tmp_path, env=environment(), check=True
    )
    for more in ((), ("--json",)):
        done = subprocess.run(
            command("health", "--store", "genmon.db", *more),
            cwd=tmp_path, env=environment(), capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 1, done.stdout + done.stderr


def test_failures_are_listed_shown_and_judged(genmon: Genmon) -> None:
    """A failure is found by its handle, tells whom it hit, and takes a person's word."""
    rows = json.loads(genmon("failures", "list", "--json", "--sort", "count").stdout)
    assert [row["occurrence_count"] for row in rows] == [3, 1]
    handle = rows[0]["handle"]
    shown = genmon("failures", "show", handle.removeprefix("F-").lower())
    assert "3 users and 3 projects; 75% of those active in its last 7 days" in shown.stdout
    assert "JSONDecodeError" in shown.stdout
    other = rows[1]["handle"]
    assert f"{other} is ignored" in genmon("failures", "ignore", other).stdout
    assert other not in genmon("failures", "list").stdout
    assert other in genmon("failures", "list", "--status", "all").stdout
    assert f"{other} is open" in genmon("failures", "reopen", other).stdout


def test_what_is_not_there_is_said_in_one_line(genmon: Genmon) -> None:
    """An unknown failure exits 5, an unknown store 2, a server that is down 3: one line each."""
    done = genmon("failures", "show", "F-0000")
    assert (done.returncode, done.stderr.count("\n")) == (5, 1)
    done = genmon("health", store="nowhere.db")
    assert done.returncode == 2
    assert done.stderr.startswith("genmon: There is no store at")
    assert done.stderr.count("\n") == 1
    done = genmon("health", store="postgresql://someone:hunter2@127.0.0.1:1/genmon")
    assert done.returncode == 3
    assert "hunter2" not in done.stderr + done.stdout
    assert "Traceback" not in done.stderr


def test_tail_begins_with_what_ended_and_goes_on(genmon: Genmon, home: Path) -> None:
    """The newest generations come first in time order; one that ends later is shown too."""
    lines = genmon("tail", "--no-follow").stdout.splitlines()
    assert len(lines) == 8
    assert sum("✓ build_app/react" in line for line in lines) == 4
    assert sum("syntax_error" in line for line in lines) == 3
    assert sum("→ case" in line for line in lines) == 1
    strikes = [f"strike {number} of 3" for number in (1, 2)]
    assert all(sum(s in line and "build_app" in line for line in lines) == 1 for s in strikes)
    assert sum("provider_error" in line and "strike 1 of 3" in line for line in lines) == 1
    for most in (3, 0):
        assert genmon("tail", "--no-follow", "-n", f"{most}").stdout.count("\n") == most
    follow = subprocess.Popen(
        command("tail", "--json", "-n", "1", "--store", "genmon.db"),
        cwd=home, env=environment(), stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert follow.stdout is not None
        newest = json.loads(follow.stdout.readline())["id"]  # it has begun
        subprocess.run(
            [sys.executable, "application.py", "1", "0"], cwd=home, env=environment(), check=True
        )
        shown = [json.loads(follow.stdout.readline()) for _ in range(2)]
        assert [row["id"] for row in shown] == [newest + 1, newest + 2]
        assert {row["operation"] for row in shown} == {"build_app", "build_page"}
    finally:
        follow.send_signal(signal.SIGINT)
        follow.wait(timeout=120)


def test_tail_waits_for_a_store_that_is_not_there_yet(tmp_path: Path) -> None:
    """Started before the application ever ran, it says that it waits, and then shows what ends."""
    (tmp_path / "application.py").write_text(APPLICATION, encoding="utf-8")
    follow = subprocess.Popen(
        command("tail", "--store", "genmon.db"), cwd=tmp_path, env=environment(), text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        assert follow.stdout is not None
        assert follow.stderr is not None
        assert "waiting for your application's setup()" in follow.stderr.readline()
        subprocess.run(
            [sys.executable, "application.py", "1", "0"],
            cwd=tmp_path, env={**environment(), "PYTHONUNBUFFERED": "1"}, check=True,
        )  # fmt: skip
        assert any("✓ build_app/react" in shown for shown in follow.stdout)
    finally:
        follow.kill()
        follow.communicate()


def test_doctor_does_not_call_a_warning_well(tmp_path: Path) -> None:
    """Where nothing is wrong but something is worth a look, the last line says both; exit 0."""
    done = subprocess.run(
        command("doctor", "--store", "new.db"), cwd=tmp_path, env=environment(),
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0
    assert done.stdout.endswith("Nothing to repair, 1 warning.\n")


def test_doctor_follows_a_failure_to_every_place(genmon: Genmon) -> None:
    """A test failure reaches caller, log, metric, span and row, and leaves no open failure."""
    done = genmon("doctor", "--send-test-failure")
    assert done.returncode == 0, done.stdout + done.stderr
    for topic in ("caller", "log", "metric", "span", "row"):
        assert f"✓ {topic}" in done.stdout
    again = json.loads(genmon("doctor", "--send-test-failure", "--json").stdout)
    assert {finding["level"] for finding in again} == {"ok"}
    assert "genmon_selftest" not in genmon("failures", "list").stdout


def test_doctor_names_what_is_wrong_and_what_to_do(genmon: Genmon, tmp_path: Path) -> None:
    """A bad setting, a file that is no database, a dead server: exit 1, a remedy each, no secret."""
    (tmp_path / "notes.db").write_text("this is no database" * 100)
    for store in (
        "mysql://u:hunter2@h/d",
        "/dev/null/genmon.db",
        f"{tmp_path}/notes.db",
        "postgresql://u:hunter2@127.0.0.1:1/d",
    ):
        done = genmon("doctor", store=store)
        assert done.returncode == 1, done.stdout
        assert "✗" in done.stdout
        assert "hunter2" not in done.stdout + done.stderr
        assert "Traceback" not in done.stderr


def test_doctor_asks_prometheus(genmon: Genmon) -> None:
    """An address that is no Prometheus is a problem, said in a line."""
    done = genmon("doctor", "--prometheus", "http://127.0.0.1:1")
    assert done.returncode == 1
    assert "does not answer as a Prometheus does" in done.stdout


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_the_exporter_serves_the_store(home: Path, how: signal.Signals) -> None:
    """``genmon exporter`` answers a scrape with cases and failures, and exits with 0 on SIGTERM."""
    process = subprocess.Popen(
        command("exporter", "--port", "0", "--store", "genmon.db"),
        cwd=home, env={**environment(), "PYTHONUNBUFFERED": "1"}, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        url = process.stdout.readline().split()[1]
        with urllib.request.urlopen(url, timeout=120) as answer:
            text = answer.read().decode()
        assert 'genmon_failures{status="open"}' in text
        assert 'genmon_regression_cases{state="proposed"} 1.0' in text
    finally:
        process.send_signal(how)
        assert process.wait(timeout=120) == 0


def test_a_person_is_forgotten_and_the_database_kept(genmon: Genmon) -> None:
    """``db upgrade`` and ``db prune`` are harmless; ``db forget`` clears a person."""
    assert "nothing to do" in genmon("db", "upgrade").stdout
    assert "0 rows pruned" in genmon("db", "prune").stdout
    found = json.loads(genmon("db", "forget", "--user", "u2", "--yes", "--json").stdout)
    assert found["generations"] >= 1


def test_the_version_and_help_are_quick_and_complete(genmon: Genmon) -> None:
    """``--help`` names every command without importing any of them."""
    from genmon_otel.cli import COMMANDS

    done = genmon("--help")
    for name in COMMANDS:
        assert name in done.stdout
    probe = "import sys; from genmon_otel.cli import genmon; print('sqlalchemy' in sys.modules)"
    shown = subprocess.run(
        [sys.executable, "-c", probe], capture_output=True, text=True, check=True
    ).stdout
    assert shown.strip() == "False"


def test_doctor_asks_what_a_misspelt_variable_was_to_be(
    tmp_path: Path,
) -> None:
    """A variable that nobody reads is named with the one that was meant."""
    done = subprocess.run(
        command("doctor"), cwd=tmp_path, env={**environment(), "GENMON_STOER": "x.db"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "GENMON_STOER is not a variable of genmon" in done.stdout
    assert "Did you mean GENMON_STORE?" in done.stdout


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
@pytest.mark.parametrize("arguments", [("doctor",), ("health",), ("tail", "--no-follow")])
def test_a_store_of_another_user_is_a_line_not_a_traceback(
    tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    """Whoever runs a command as another user than the application is told so."""
    (tmp_path / "theirs").mkdir(mode=0o700)
    code = f"""
import importlib, os, sys
import genmon_otel.cli
importlib.import_module("genmon_otel.cli.{arguments[0]}")
import sqlalchemy.dialects.sqlite
os.seteuid(65534)
genmon_otel.cli.main()
"""
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments, "--store", f"{tmp_path}/theirs/genmon.db"],
        cwd="/tmp", env=environment(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    said = " ".join((done.stdout + done.stderr).split())
    assert "as the user that the application runs as" in said
    assert "Traceback" not in said
