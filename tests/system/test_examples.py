"""The folders of examples/: what each README says, done in its order, turns a failure into a guard."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.documented import ROOT, blocks, fixed

EXAMPLES = ROOT / "examples"
FOLDERS = sorted(path.parent.name for path in EXAMPLES.glob("*/README.md"))
NEEDS = {"celery_postgres": "celery", "fastapi_stream": "uvicorn", "langgraph_loop": "langgraph"}


def test_each_readme_is_short_and_says_three_commands() -> None:
    """Ten lines of text beside the code, and three commands from the failure to the guard."""
    assert len(FOLDERS) == 4
    for folder in FOLDERS:
        readme = EXAMPLES / folder / "README.md"
        run, three, diff = blocks(readme)
        assert (run.language, three.language, diff.language) == ("console", "console", "diff")
        assert len(three.text.splitlines()) == 3
        prose = re.sub(r"```.*?```", "", readme.read_text(encoding="utf-8"), flags=re.S)
        assert len([line for line in prose.splitlines() if line.strip()]) <= 10


@pytest.mark.long("serves four applications and replays each failure five times")
@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    "folder",
    [
        pytest.param(name, marks=[pytest.mark.postgres] if name == "celery_postgres" else [])
        for name in FOLDERS
    ],
)
def test_a_failure_becomes_a_guard(
    folder: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Run it, check the case, export it: xfailed; apply the fix, accept it: it guards."""
    pytest.importorskip(NEEDS.get(folder, "openai"))
    shutil.copytree(EXAMPLES / folder, tmp_path / folder)
    shutil.copy(EXAMPLES / "model.py", tmp_path)
    shutil.copy(
        ROOT / "pyproject.toml", tmp_path
    )  # as in a clone: pytest's configuration of the repository
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("GENMON_", "OTEL_", "PYTEST"))}
    environment = {**kept, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    if folder == "celery_postgres":
        environment["GENMON_STORE"] = request.getfixturevalue("postgresql_url")
        environment["GENMON_JOURNAL_DIR"] = str(tmp_path / "journal")

    def run(command: str, status: int = 0) -> str:
        done = subprocess.run(
            command, shell=True, cwd=tmp_path / folder, env=environment,
            capture_output=True, text=True, timeout=280, check=False,
        )  # fmt: skip
        output = done.stdout + done.stderr
        assert done.returncode == status, output[-3000:]
        return output

    serve, three, diff = blocks(EXAMPLES / folder / "README.md")
    served = run(serve.text.splitlines()[-1])
    assert served.count("-> failed") == 3, served
    verify, export, accept = three.text.splitlines()
    assert "reproduced: 3 of 3" in run(verify)
    assert "wrote tests/genmon/" in run(export)
    assert "1 xfailed" in run("pytest tests/genmon -q -p no:cacheprovider")
    app = tmp_path / folder / "app.py"
    app.write_text(fixed(app.read_text(encoding="utf-8"), diff.text), encoding="utf-8")
    assert "1 passed" in run(f"{accept.partition('#')[0]} -q -p no:cacheprovider")
    case = next((tmp_path / folder / "tests" / "genmon").glob("*.genmon.json"))
    assert json.loads(case.read_text(encoding="utf-8"))["expect"] == "passes"
