"""What the page does with a case that was recorded for real: shrink, refresh, export, propose, download."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from genmon_otel.policy import CaseState
from genmon_otel.regression import review
from genmon_otel.regression.cases import files
from genmon_otel.store import SqlStore
from tests.git_kit import git, identify
from tests.ui_kit import SAME, reviewer

APP = """
import json
from genmon_otel import generation, setup, shutdown, step

@step
def look(topic):
    return {"about": topic, "filler": "word " * 2_000}

@step
def ask(prompt):
    return '{"html": "<p>'

@generation
def build(request):
    look(request)
    return json.loads(ask(f"Write {request}"))

if __name__ == "__main__":
    import app
    setup(metrics="none", code_version="v1")
    for _ in range(3):
        try:
            app.build("a shop")
        except ValueError:
            pass
    shutdown()
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A clone of a bare repository, with an application that failed three times."""
    identify(tmp_path, monkeypatch)
    git(tmp_path, "init", "-q", "--bare", "remote.git")
    git(tmp_path, "clone", "-q", f"file://{tmp_path / 'remote.git'}", "project")
    project = tmp_path / "project"
    (project / "app.py").write_text(APP)
    (project / ".gitignore").write_text(".genmon\n__pycache__\n")
    git(project, "add", ".")
    git(project, "commit", "-qm", "First")
    git(project, "push", "-q", "origin", "main")
    git(project, "remote", "set-head", "origin", "main")
    kept = {k: v for k, v in os.environ.items() if not k.startswith("GENMON_")}
    subprocess.run([sys.executable, "app.py"], cwd=project, env=kept, check=True)
    return project


@pytest.fixture
def store(project: Path) -> Iterator[SqlStore]:
    """The application's store."""
    opened = SqlStore(f"sqlite:///{next((project / '.genmon').glob('*.db'))}")
    opened.open()
    yield opened
    opened.close()


def done(client: TestClient, handle: str, action: str) -> str:
    """Have the page do what takes seconds; return how it says that it ended."""
    assert client.post(f"/cases/{handle}/{action}", headers=SAME).status_code == 303
    with client.stream("GET", f"/cases/{handle}/events") as answer:
        return answer.read().decode()


def history(store: SqlStore, handle: str) -> list[tuple[str | None, str]]:
    """Return who did what with a case, the newest first; each was done now."""
    found = store.decisions(store.case(handle).failure_id)
    assert all(abs(each.at - time.time()) < 3_600 for each in found)
    return [(each.reviewer, each.decision) for each in found]


def test_a_real_case_goes_through_every_action(project: Path, store: SqlStore) -> None:
    """Each action does its work, by whom and when stands in the case's history."""
    ada, bob = reviewer(store, "ada", project), reviewer(store, "bob", project)
    (row,) = store.cases(limit=10)
    handle = row.handle
    review.verify(store, handle, cwd=project)
    assert store.case(handle).state is CaseState.REPRODUCED
    before = len(json.dumps(dict(store.case(handle).case)))

    assert "Shrinking" in done(ada, handle, "shrink")
    assert len(json.dumps(dict(store.case(handle).case))) < before / 4
    assert history(store, handle)[0] == ("ada", "shrunk")

    # What bob saw before was shrunk since: he is told, and nothing of his form is taken.
    late = bob.post(
        f"/cases/{handle}/approve", headers=SAME, data={"seen": "reproduced", "content": "x"}
    )
    assert late.status_code == 409
    assert store.case(handle).state is CaseState.REPRODUCED

    (project / "app.py").write_text(APP.replace("Write {request}", "Please write {request}"))
    assert "requests taken anew" in done(bob, handle, "refresh")
    assert "Please write a shop" in json.dumps(dict(store.case(handle).case))
    assert history(store, handle)[0] == ("bob", "refreshed")
    git(project, "checkout", "-q", "app.py")

    made = ada.post(f"/cases/{handle}/propose", headers=SAME)
    assert made.status_code == 200, made.text
    branch = f"genmon/{handle.lower()}"
    assert branch in made.text
    (path,) = git(project, "diff", "--name-only", "main", branch).splitlines()
    assert path.endswith(files.SUFFIX)
    assert git(project, "ls-remote", "origin", branch) == ""  # nothing was published
    assert git(project, "status", "--porcelain") == ""
    assert history(store, handle)[0] == ("ada", "put on a branch")
    git(project, "push", "-q", "origin", branch)
    assert git(project, "ls-remote", "origin", branch)
    again = bob.post(f"/cases/{handle}/propose", headers=SAME)
    assert again.status_code == 409
    assert branch in again.text

    loaded = ada.get(f"/cases/{handle}/file")
    assert re.fullmatch(
        r'attachment; filename="[a-z0-9-]+\.genmon\.json"', loaded.headers["content-disposition"]
    )
    wrote = ada.post(f"/cases/{handle}/export", headers=SAME)
    assert wrote.status_code == 303
    (file,) = (project / "tests" / "genmon").glob(f"*{files.SUFFIX}")
    assert file.read_text() == loaded.text
    assert file.name == loaded.headers["content-disposition"].split('"')[1]
    assert history(store, handle)[0] == ("ada", "exported")

    page = ada.get(f"/cases/{handle}").text
    for word in ("shrunk", "refreshed", "put on a branch", "exported"):
        assert f"<td>{word}</td>" in page
