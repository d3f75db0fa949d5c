"""The commands that the demo shows start where they are shown."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from genmon_otel.cli.terminal import program


def test_a_shell_that_finds_genmon_is_shown_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where PATH finds the command, its name is enough."""
    executable = tmp_path / "genmon"
    executable.write_text("#!/bin/sh\n", encoding="utf-8")
    executable.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "argv", [str(executable)])
    assert program() == "genmon"


def test_a_shell_that_does_not_find_genmon_is_shown_its_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After `make demo` the command is in .venv/bin, which PATH does not name."""
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [".venv/bin/genmon"])
    assert program() == ".venv/bin/genmon"


def test_another_program_that_calls_the_demo_does_not_show_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What runs in pytest or `python -m` shows the command's name."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "argv", ["/usr/bin/pytest"])
    assert program() == "genmon"
