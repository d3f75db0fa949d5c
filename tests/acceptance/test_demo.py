"""``genmon demo`` as a newcomer meets it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from genmon_otel.demo.model_server import model_server, projects
from genmon_otel.demo.traffic import OFTEN, requests
from genmon_otel.policy import CaseState
from genmon_otel.store import SqlStore


def genmon(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command line in a folder, as from a terminal of 100 columns."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("GENMON_", "OPENAI_"))}
    return subprocess.run(
        [sys.executable, "-c", "from genmon_otel.cli import main; main()", *arguments],
        cwd=folder,
        env={**environment, "COLUMNS": "100"},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )


@pytest.mark.slow
def test_the_loop_closes_and_closes_again(tmp_path: Path) -> None:
    """The demo exits 0, shows each act, and leaves a guarding case; a second run does the same."""
    for _ in range(2):
        done = genmon(tmp_path, "demo")
        assert done.returncode == 0, done.stdout + done.stderr
        for word in (
            "45 attempts, 26 succeeded, 19 failed (42%): healthy",
            "ai_timeout",
            "rate_limit",
            "provider_error",
            "dependency_error",
            "syntax_error",
            "reproduced 3 of 3",
            "fail_same",
            "+def unfenced(answer: str)",
            "guarding",
            "confidence 0.21",
        ):
            assert word in done.stdout, f"{word!r} is missing from:\n{done.stdout}"
        assert "Traceback" not in done.stderr
    folder = tmp_path / ".genmon" / "demo"
    store = SqlStore(f"sqlite:///{folder}/genmon.db")
    store.open()
    (guarding,) = store.cases(state=CaseState.GUARDING)
    store.close()
    assert (guarding.pass_count, guarding.fail_count) == (1, 1)
    assert 'genmon_generations_total{framework="react"' in (folder / "metrics.prom").read_text()
    spans = [json.loads(line) for line in (folder / "traces.jsonl").read_text().splitlines()]
    assert sum(span["name"] == "invoke_workflow build_app" for span in spans) == 45


@pytest.mark.slow
def test_a_model_of_ones_own_is_asked(tmp_path: Path) -> None:
    """``--model URL`` asks that endpoint, by the first model it lists, and reports honestly."""
    with model_server() as server:
        done = genmon(tmp_path, "demo", "--model", server.url, "--requests", "6")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "6 attempts" in done.stdout
    assert "no case was born" in done.stdout


def test_a_folder_of_someone_else_is_not_replaced(tmp_path: Path) -> None:
    """``--folder`` refuses to replace what the demo did not make."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    done = genmon(tmp_path, "demo", "--folder", "mine")
    assert done.returncode == 2
    assert "holds something that is not the demo's" in done.stderr
    assert (tmp_path / "mine" / "letter.txt").exists()


def test_every_shipped_project_is_asked_for() -> None:
    """Traffic and shipped projects name the same requests."""
    assert set(OFTEN) == set(projects())
    frameworks = {text: project["framework"] for text, project in projects().items()}
    assert len(requests(frameworks, None)) == 45
