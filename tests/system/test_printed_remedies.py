"""What pytest prints to be done about a case works when it is copied into a shell where pytest was started."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from test_cases_cli import ASKS_AGAIN, BROKEN, RECORD, STEPS

#: What a person writes in the place of a placeholder.
FILLED_IN = {
    "ask=JSON": 'ask="x = 2"',
    "OLD NEW": "app:build app:make",
}
APPROVE = r"genmon cases approve \S+ --recovery ask=JSON"
REBIND = r"genmon cases rebind OLD NEW"
EXPORT = r"genmon cases export --update [^`\s]+"
ACCEPT = r"pytest --genmon-accept [^`\s]+"


class Shell:
    """A shell in the folder where its user starts pytest, below that of the project."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.folder = home / "tests"
        self.folder.mkdir()
        self.environment = {
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "GENMON_STORE": f"sqlite:///{home}/genmon.db",
            "GENMON_CODE_VERSION": "v1",
            "PYTHONPATH": str(home),
            "COLUMNS": "120",
        }

    def run(self, command: str, *, codes: tuple[int, ...] = (0,)) -> str:
        """Run a command as it is typed; return what it prints."""
        done = subprocess.run(
            ["bash", "-c", command], cwd=self.folder, env=self.environment,
            capture_output=True, text=True, timeout=240, check=False,
        )  # fmt: skip
        printed = done.stdout + done.stderr
        assert done.returncode in codes, f"{command}\n{printed}"
        return printed

    def copied(self, pattern: str, printed: str) -> str:
        """Run a command that was printed; return what that prints."""
        found = re.search(pattern, printed)
        assert found is not None, f"{pattern} is not in\n{printed}"
        command = found[0]
        for placeholder, value in FILLED_IN.items():
            command = command.replace(placeholder, f"'{value}'" if "=" in value else value)
        return self.run(command, codes=(0, 1) if command.startswith("pytest") else (0,))


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """A project whose case was approved and exported."""
    shell = Shell(tmp_path)
    (tmp_path / "pyproject.toml").write_text("[tool.pytest.ini_options]\n")
    (tmp_path / "app.py").write_text(STEPS + BROKEN)
    (tmp_path / "record.py").write_text(RECORD)
    shell.run("cd .. && python record.py")
    handle = re.search(r"F-\w+", shell.run("cd .. && genmon cases list"))
    assert handle is not None
    for command in ("verify --no-shrink", "approve --reviewer ann"):
        shell.run(f"cd .. && genmon cases {command} {handle[0]}")
    shell.run("genmon cases export genmon")
    return shell


def changed(shell: Shell, code: str, command: str) -> str:
    """Change the code; run the command that pytest prints then, and the one that writes the file again."""
    assert "1 xfailed" in shell.run("pytest -p no:cacheprovider")
    (shell.home / "app.py").write_text(STEPS + code)
    shell.environment["GENMON_CODE_VERSION"] = "v2"
    printed = shell.run("pytest -p no:cacheprovider")
    assert "1 skipped" in printed, printed
    shell.copied(command, printed)
    shell.copied(EXPORT, printed)
    return shell.run("pytest -p no:cacheprovider", codes=(0, 1))


def test_a_fix_that_asks_again_is_accepted(shell: Shell) -> None:
    """The reviewer's word, the file written again, the fix accepted: then the case guards."""
    passing = changed(shell, ASKS_AGAIN, APPROVE)
    assert "1 passed" in shell.copied(ACCEPT, passing), passing
    assert "1 passed" in shell.run("pytest -p no:cacheprovider")


def test_a_renamed_target_is_found_again(shell: Shell) -> None:
    """The case is bound to the new name, the file written again: it fails as recorded."""
    assert "1 xfailed" in changed(shell, BROKEN.replace("def build", "def make"), REBIND)
