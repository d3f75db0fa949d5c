"""Git for tests: an identity of its own, and no other configuration."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest


def identify(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give git a name to commit with, in a file of this folder; the machine's configuration is not read."""
    (folder / "gitconfig").write_text(
        "[user]\nname = Ada\nemail = ada@example.com\n[init]\ndefaultBranch = main\n"
        '[protocol "file"]\nallow = always\n'
    )
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(folder / "gitconfig"))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")


def git(folder: Path, *arguments: str) -> str:
    """Run git; return what it printed."""
    return subprocess.run(
        ["git", *arguments], cwd=folder, check=True, capture_output=True, text=True
    ).stdout.strip()
