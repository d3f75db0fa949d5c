"""Every command of the pages runs, in the order of its page, on an application with a failure and its case.

Each page has a copy of one project. What a page shows below a command is compared by its shape: words as they are,
numbers, handles and tokens as such. What cannot run here stands in a table, with the reason or the test that runs it.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.documented import ROOT, Command, blocks, commands, fixed, pages
from tests.pytest_kit import LEAN
from tests.servers import postgresql

PROJECT = ROOT / "tests" / "data" / "documented"
#: By the beginning of a command: why it is not run here, or the test that runs it.
NOT_RUN = {
    "docker ": "needs Docker, which no machine of this project's tests has",
    "kubectl ": "needs a cluster",
    "pip install": "tests/system/test_installed_wheel.py::test_each_extra_alone",
    "make demo": "tests/system/test_demo.py::test_the_loop_closes_and_closes_again",
    "make test": "it is what runs this test",
    "make generate": "tests/unit/test_documentation.py::test_generated_pages_are_current",
    "genmon demo --ui": "tests/system/test_demo.py::test_the_review_is_left_to_the_page",
    "genmon demo --folder": "tests/system/test_demo.py::test_the_review_is_left_to_the_page",
    "genmon demo --model": "tests/system/test_demo.py::test_a_model_of_ones_own_is_asked",
    "genmon demo": "tests/system/test_demo.py::test_the_loop_closes_and_closes_again",
    "cp ../dist/": "copies what `make wheel` built; .ci/run builds it",
    "git clone --branch 0.28.1": "needs a network, and a library's own repository",
    "python -m venv /tmp/suite": "needs a network, and a library's own repository",
    "/tmp/suite/bin/python -m scripts.suites.compare": "tests/unit/test_suites.py::test_a_test_that_fails_only_with_the_patches_is_named",
    "./secrets.sh": "tests/integration/rules/test_deploy.py::test_secrets_are_made_once_and_missing_ones_named",
}  # fmt: skip
#: The pages that another test runs from the first command to the last.
WHOLE_PAGES = {
    f"examples/{folder}/README.md": "tests/system/test_examples.py::test_a_failure_becomes_a_guard"
    for folder in ("celery_postgres", "fastapi_stream", "langgraph_loop", "plain_script")
}
#: Pages whose commands are about PostgreSQL, and the one that makes its application itself.
ON_POSTGRESQL = ("docs/operating.md", "docs/upgrading.md")
OF_THEIR_OWN = {*ON_POSTGRESQL, "docs/tutorial.md"}
#: Commands that serve until they are told to end.
SERVES = ("genmon ui", "genmon cases verify --worker")
#: Exit codes other than 0, by the beginning of a command.
STATUS = {
    "python -m genmon_otel.rules --check-secrets": 1,  # none of the secrets is there
}
#: What a person types.
TYPED = {"genmon replay F-3KQ2 --pdb": "c\n", "genmon cases run F-3KQ2 --live": "y\n"}
#: What the application is during a command: by its beginning, a text of ``app/builder.py`` and its successor.
MEANWHILE = {
    "genmon cases refresh": (
        ("Write {request}.", "Write {request}, small."),
        (
            "    ast.parse(code)",
            "    code += ')' * (code.count('(') - code.count(')'))\n    ast.parse(code)",
        ),
    )
}
ALL = [command for page in pages() for block in blocks(page) if block.language == "console"
       for command in commands(block)]  # fmt: skip


def page_of(command: Command) -> str:
    return str(command.block.page.relative_to(ROOT))


def reason(command: Command) -> str | None:
    """Why a command is not run here; None for one that is."""
    if command.block.not_run:
        return str(command.block.not_run)
    for begin, why in NOT_RUN.items():
        if command.line.startswith(begin):
            return why
    return WHOLE_PAGES.get(page_of(command))


def test_what_is_not_run_has_a_reason_that_holds() -> None:
    """Each entry is about a command of a page, and each test that it names exists."""
    lines = [command.line for command in ALL]
    assert [begin for begin in NOT_RUN if not any(line.startswith(begin) for line in lines)] == []
    assert set(WHOLE_PAGES) <= {page_of(command) for command in ALL}
    for why in {*NOT_RUN.values(), *WHOLE_PAGES.values()}:
        if "::" in why:
            path, _, name = why.partition("::")
            assert f"def {name}(" in (ROOT / path).read_text(encoding="utf-8"), why
        else:
            assert len(why.split()) >= 3


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout with three failures alike, their case checked and exported, and a remote."""
    folder = tmp_path_factory.mktemp("documented")
    shutil.copytree(PROJECT, folder / "project")
    run(
        folder / "project",
        "python traffic.py && genmon cases verify && genmon cases export tests/genmon",
    )
    (case,) = json.loads(run(folder / "project", "genmon cases list --json"))
    (folder / "handle").write_text(case["handle"])
    git = "git init -q -b main && git add app traffic.py && git commit -qm 'The application' && "
    git += "git init -q --bare ../origin.git && git remote add origin ../origin.git && git push -q origin main"
    run(folder / "project", git)
    run(folder / "project", "git remote set-head origin main")
    return folder / "project"


@dataclass
class Reader:
    """Who follows a page: in a folder of their own, with the variables that the page exported so far."""

    folder: Path
    words: dict[str, str]
    exports: str = ""
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def source(self) -> Path:
        return self.folder / "app" / "builder.py"

    def run(self, line: str) -> str:
        """Run a command that is on no page; its output."""
        done = execute(self.folder, line, "", self.environment)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def script(self, line: str) -> str:
        """The command with what stands for this reader's own in place of the page's examples."""
        for said, own in self.words.items():
            line = line.replace(said, own)
        return self.exports + line

    def edit(self, edits: Iterable[tuple[str, str]]) -> None:
        """Change the application's source."""
        source = self.source.read_text(encoding="utf-8")
        for old, new in edits:
            assert source.count(old) == 1, old
            source = source.replace(old, new)
        self.source.write_text(source, encoding="utf-8")

    def follow(self, command: Command) -> str | None:
        """Run one command; return what was wrong, None if nothing was."""
        if command.line.startswith("export "):
            self.exports += self.script(command.line).removeprefix(self.exports) + "\n"
            return None
        source = self.source.read_text(encoding="utf-8") if self.source.exists() else ""
        for begin, edits in MEANWHILE.items():
            if command.line.startswith(begin):
                self.edit(edits)
        wrong = self._run(command)
        if source:
            self.source.write_text(source, encoding="utf-8")
        return wrong

    def _run(self, command: Command) -> str | None:
        if command.line.startswith(SERVES):
            status, output = served(self.folder, self.script(command.line), self.environment)
        else:
            typed = next((t for b, t in TYPED.items() if command.line.startswith(b)), "")
            done = execute(self.folder, self.script(command.line), typed, self.environment)
            status, output = done.returncode, done.stdout + done.stderr
        expected = next((s for b, s in STATUS.items() if command.line.startswith(b)), 0)
        if status != expected or "ERROR: " in output:  # psql goes on after an error
            return f"{command.block.place}: {command.line}: exit code {status}\n{output[-1500:]}"
        printed = shape(output)
        if not all(shape(line) in printed for line in command.shown.splitlines()):
            return (
                f"{command.block.place}: {command.line}: shows\n{command.shown}\nprints\n{output}"
            )
        return None


def shape(output: str) -> str:
    """Output without what differs from run to run: handles, numbers, tokens, what was typed, line ends."""
    output = re.sub(r"\[y/N\]: y\b", "[y/N]:", output)
    output = re.sub(r"token=\S+", "token", output)
    output = re.sub(r"\b(f-)[0-9a-z]{4}\b", r"\1#", output, flags=re.I)
    return " ".join(re.sub(r"\d+", "#", output).split())


def environment(**more: str) -> dict[str, str]:
    kept = {
        k: v
        for k, v in os.environ.items()
        if not k.startswith(("GENMON_", "OTEL_", "PYTEST", "PG"))
    }
    return {**kept, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "PYTHONPATH": ".",
            "OTEL_TRACES_EXPORTER": "none", "OTEL_METRICS_EXPORTER": "none", "OTEL_LOGS_EXPORTER": "none",
            "PYTEST_ADDOPTS": LEAN, "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": str(ROOT / "tests/data/documented/gitconfig"),
            **more}  # fmt: skip


def execute(
    folder: Path, script: str, typed: str = "", more: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-o", "pipefail", "-c", script], cwd=folder, env=environment(**(more or {})), input=typed,
        capture_output=True, text=True, timeout=400, check=False,
    )  # fmt: skip


def run(folder: Path, script: str) -> str:
    done = execute(folder, script)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def listens() -> None:
    """Have Ctrl-C reach the program, also where what started the tests ignores it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def served(folder: Path, script: str, more: dict[str, str]) -> tuple[int, str]:
    """Start what serves, and end it by Ctrl-C after its first lines: its exit code and output."""
    process = subprocess.Popen(
        ["bash", "-c", "exec " + script], cwd=folder, env=environment(PYTHONUNBUFFERED="1", **more),
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, preexec_fn=listens,  # noqa: PLW1509
    )  # fmt: skip
    assert process.stdout is not None
    ends = threading.Timer(240, process.kill)
    ends.start()
    said = ""
    for line in process.stdout:
        said += line
        if "For the next reviewer" in line or "Ctrl-C" in line:
            break
    process.send_signal(signal.SIGINT)
    said += process.communicate()[0]
    ends.cancel()
    return (0 if process.returncode == 130 else process.returncode), said


@pytest.fixture
def reader(project: Path, tmp_path: Path) -> Reader:
    """Somebody at work in a copy of the project."""
    folder = tmp_path / "project"
    shutil.copytree(project, folder, symlinks=True)
    shutil.copytree(project.parent / "origin.git", tmp_path / "origin.git")
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "pseudonym-key").write_text("0123456789abcdef0123456789abcdef")
    shutil.copytree(ROOT / "prometheus_rules" / "alertmanager", tmp_path / "alertmanager")
    for block in blocks(ROOT / "docs/howto/postconditions.md"):
        if block.language == "python":
            (folder / "app" / "checks.py").write_text(block.text)
    handle = (project.parent / "handle").read_text()
    words = {
        "F-3KQ2": handle,
        "f-3kq2": handle.lower(),
        "/run/secrets/": f"{tmp_path}/secrets/",
        "/etc/alertmanager/": f"{tmp_path}/alertmanager/",
        "python app.py": "python traffic.py",
        "genmon ui": "genmon ui --port 0",
    }
    return Reader(folder, words)


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    "page", sorted({page_of(c) for c in ALL if reason(c) is None} - OF_THEIR_OWN)
)
def test_a_page_is_followed(page: str, reader: Reader) -> None:
    """Each command of the page exits as it should and prints what the page shows."""
    follow(page, reader)


@pytest.mark.postgres
@pytest.mark.parametrize("page", ON_POSTGRESQL)
def test_a_page_is_followed_on_postgresql(
    page: str, reader: Reader, own_postgresql_server: postgresql.Server
) -> None:
    """The same where the store is PostgreSQL: the grants are what a server takes."""
    if shutil.which("psql") is None:
        pytest.skip("needs psql: apt-get install postgresql-client")
    server = own_postgresql_server
    reader.environment = {"PGHOST": str(server.folder), "PGUSER": "genmon"}
    roles = ("genmon_app", "genmon_grafana")
    anew = ["DROP DATABASE IF EXISTS genmon", "CREATE DATABASE genmon"]
    anew += [f"DROP ROLE IF EXISTS {role}" for role in roles]
    if page == "docs/upgrading.md":  # where an older version has run
        anew += [f"CREATE ROLE {role} LOGIN" for role in roles]
    reader.run("psql -q -d postgres " + " ".join(f"-c '{each}'" for each in anew))
    (reader.folder.parent / "secrets" / "genmon-store").write_text(server.url("genmon"))
    if page == "docs/upgrading.md":
        reader.environment["GENMON_STORE"] = server.url("genmon")
        reader.run("genmon db upgrade")
    follow(page, reader)


def test_the_tutorial_is_followed(tmp_path: Path) -> None:
    """In an empty folder, with the module, the model and the fix that the page shows."""
    shutil.copy(ROOT / "examples" / "model.py", tmp_path)
    reader, module, wrong = Reader(tmp_path, {}), tmp_path / "app.py", []
    for block in blocks(ROOT / "docs" / "tutorial.md"):
        if block.language == "python":
            module.write_text(block.text + "\n", encoding="utf-8")
        elif block.language == "diff":
            module.write_text(
                fixed(module.read_text(encoding="utf-8"), block.text), encoding="utf-8"
            )
        else:
            wrong += [reader.follow(c) for c in commands(block) if reason(c) is None]
    assert not any(wrong), "\n\n".join(each for each in wrong if each)
    assert "1 passed" in reader.run("pytest tests/genmon")


def follow(page: str, reader: Reader) -> None:
    """Run the commands of a page; tell all that went wrong."""
    mine = [command for command in ALL if page_of(command) == page and reason(command) is None]
    wrong = [reader.follow(command) for command in mine]
    assert not any(wrong), "\n\n".join(each for each in wrong if each)
