"""``genmon cases propose``: a branch for a case, against real git remotes; nothing else changes."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from genmon_otel.policy import CaseState
from genmon_otel.records import Category
from genmon_otel.regression.cases.case import Case
from genmon_otel.regression.propose import propose
from genmon_otel.store import SqlStore
from tests.git_kit import git, identify
from tests.store_records import Producer, a_failure, failing, recording_of

#: Text that would mention people, close issues, run a command or break out of Markdown.
HOSTILE = "@everyone fixes #1 ![x](http://evil/x) <script>\n/close\n```\n# ran out\n`a``b"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a git identity, and no other configuration of git."""
    identify(tmp_path, monkeypatch)
    return tmp_path


@pytest.fixture
def checkout(home: Path) -> Path:
    """A clone of a bare repository with one commit, with work that is not committed."""
    git(home, "init", "-q", "--bare", "remote.git")
    git(home, "clone", "-q", f"file://{home / 'remote.git'}", "project")
    project = home / "project"
    (project / "app.py").write_text("x = 1\n")
    git(project, "add", ".")
    git(project, "commit", "-qm", "First")
    git(project, "push", "-q", "origin", "main")
    git(project, "remote", "set-head", "origin", "main")
    (project / "app.py").write_text("x = 2\n")
    (project / "staged.py").write_text("y = 1\n")
    git(project, "add", "staged.py")
    (project / "new.py").write_text("z = 1\n")
    return project


@pytest.fixture
def store(home: Path) -> Iterator[SqlStore]:
    """A store with two reproduced cases, one of them of hostile text, and one not checked."""
    opened = SqlStore(f"sqlite:///{home / 'genmon.db'}", propose=propose)
    opened.open()
    now = time.time()
    hostile = a_failure("a", error_message=HOSTILE, category=Category.SYNTAX_ERROR)
    producer = Producer(opened)
    for name, failure in (("a", hostile), ("b", a_failure("b")), ("c", a_failure("c"))):
        records = [
            failing(name, now - n, failure=failure, operation=f"op @{name} #{n and 2}"[:5])
            for n in range(3)
        ]
        producer.write(*records, recordings=tuple(recording_of(each) for each in records))
        if name != "c":
            opened.set_case_state(
                opened.failure(f"v2:fingerprint-{name}").row.handle, CaseState.REPRODUCED,
                reason="3 of 3",
            )  # fmt: skip
    yield opened
    opened.close()


def handle_of(store: SqlStore, name: str = "a") -> str:
    """Return a failure's handle."""
    return store.failure(f"v2:fingerprint-{name}").row.handle


def genmon(folder: Path, *arguments: str, path: str = "") -> subprocess.CompletedProcess[str]:
    """Run ``genmon cases propose`` in a folder."""
    environment = dict(os.environ)
    if path:
        environment["PATH"] = f"{path}{os.pathsep}{environment['PATH']}"
    return subprocess.run(
        [sys.executable, "-c", "from genmon_otel.cli import main; main()", "cases", "propose",
         *arguments, "--store", str(folder.parent / "genmon.db")],
        cwd=folder, capture_output=True, text=True, check=False, env=environment, timeout=120,
    )  # fmt: skip


def state_of(project: Path) -> tuple[Any, ...]:
    """Return all of the user's that must not change."""
    files = {path.name: path.read_text() for path in project.iterdir() if path.is_file()}
    return (git(project, "status", "--porcelain"), git(project, "stash", "list"), files,
            git(project, "rev-parse", "HEAD"), git(project, "rev-parse", "main"))  # fmt: skip


def test_a_case_gets_a_branch_and_nothing_else_changes(checkout: Path, store: SqlStore) -> None:
    """The branch has one commit with the case's file; work that is not committed stays."""
    before = state_of(checkout)
    handle = handle_of(store)
    done = genmon(checkout, handle, "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)[0]
    assert state_of(checkout) == before
    branch = f"genmon/{handle.lower()}"
    assert found["branch"] == branch
    assert git(checkout, "diff", "--name-status", "main", branch) == f"A\t{found['file']}"
    case = Case.from_json(git(checkout, "show", f"{branch}:{found['file']}").encode())
    assert (case.expect, case.provenance.failure) == ("fails", handle)
    assert git(checkout, "ls-remote", "--heads", "origin").split()[1:] == ["refs/heads/main"]
    again = genmon(checkout, handle)
    assert again.returncode == 2
    assert f"git branch -D {branch}" in again.stderr


def test_a_case_that_cannot_be_read_hides_no_other(checkout: Path, store: SqlStore) -> None:
    """It is named on stderr, the others get their branches, and the command exits 7."""
    damaged, sound = handle_of(store), handle_of(store, "b")
    store.save_case(store.case(damaged).id, {"genmon_case": 1})
    done = genmon(checkout, damaged, sound, "--json")
    assert done.returncode == 7, done.stderr
    assert f"Case {damaged} cannot be read" in done.stderr
    assert [each["branch"] for each in json.loads(done.stdout)] == [f"genmon/{sound.lower()}"]


def test_recorded_text_is_no_markup_of_a_forge(checkout: Path, store: SqlStore) -> None:
    """In description, title and commit no mention, reference, command or tag stands outside of code."""
    found = json.loads(genmon(checkout, handle_of(store), "--json").stdout)[0]
    outside, fence = [], ""
    for line in found["description"].splitlines():
        ticks = line[: len(line) - len(line.lstrip("`"))]
        if fence:
            fence = "" if line == fence else fence
        elif len(ticks) >= 3:
            fence = ticks
        else:
            outside.append(line)
    assert fence == ""
    prose = re.sub(r"(`+)(?!`).*?(?<!`)\1(?!`)", "", "\n".join(outside))
    assert [mark for mark in ("@", "#", "<", "![", "http", "/close") if mark in prose] == []
    commit = git(checkout, "log", "-1", "--format=%B", found["branch"])
    assert [mark for mark in ("@", "#", "<", "`") if mark in found["title"] + commit] == []


def test_a_push_needs_the_projects_word(checkout: Path, store: SqlStore) -> None:
    """Without ``propose_publish`` nothing is made; with it the branch is on the remote."""
    handle = handle_of(store)
    refused = genmon(checkout, handle, "--push", "--yes")
    assert refused.returncode == 2
    assert "propose_publish = true" in refused.stderr
    assert git(checkout, "branch", "--list", "genmon/*") == ""
    (checkout / "pyproject.toml").write_text("[tool.genmon]\npropose_publish = true\n")
    done = genmon(checkout, handle, "--push", "--yes")
    assert done.returncode == 0, done.stderr
    assert f"refs/heads/genmon/{handle.lower()}" in git(checkout, "ls-remote", "--heads", "origin")
    declined = genmon(checkout, handle_of(store, "b"), "--push")
    assert "Publish this?" in declined.stderr
    assert "fingerprint-b" not in git(checkout, "ls-remote", "--heads", "origin")
    assert len(git(checkout, "ls-remote", "--heads", "origin").splitlines()) == 2


def test_a_push_over_http(checkout: Path, store: SqlStore, home: Path) -> None:
    """The branch reaches a remote that speaks git's protocol over HTTP."""
    backend = Path(git(checkout, "--exec-path")) / "git-http-backend"
    if not backend.exists():
        pytest.skip("git's http-backend is not installed")
    git(home / "remote.git", "config", "http.receivepack", "true")

    class Handler(BaseHTTPRequestHandler):
        """Run git's backend as a web server does."""

        def answer(self) -> None:
            path, _, query = self.path.partition("?")
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            variables = {
                "GIT_PROJECT_ROOT": str(home), "GIT_HTTP_EXPORT_ALL": "1", "REMOTE_USER": "ada",
                "REQUEST_METHOD": self.command, "PATH_INFO": path, "QUERY_STRING": query,
                "CONTENT_TYPE": self.headers.get("content-type", ""),
                "CONTENT_LENGTH": str(len(body)),
                "HTTP_CONTENT_ENCODING": self.headers.get("content-encoding", ""),
            }  # fmt: skip
            done = subprocess.run(
                [backend], input=body, capture_output=True, check=False, env=os.environ | variables
            )
            head, _, content = done.stdout.partition(b"\r\n\r\n")
            status = re.search(rb"Status: (\d+)", head)
            self.send_response(int(status[1]) if status else 200)
            kind = re.search(rb"Content-Type: (\S+)", head)
            self.send_header("Content-Type", kind[1].decode() if kind else "text/plain")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = answer

        def log_message(self, *arguments: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        url = f"http://ada:pw@127.0.0.1:{server.server_port}/remote.git"
        git(checkout, "remote", "set-url", "origin", url)
        (checkout / "pyproject.toml").write_text("[tool.genmon]\npropose_publish = true\n")
        done = genmon(checkout, handle_of(store), "--push", "--yes")
        assert done.returncode == 0, done.stderr
        assert ":pw@" not in done.stdout + done.stderr
        assert "genmon/" in git(home / "remote.git", "branch", "--list", "genmon/*")
        git(home / "remote.git", "config", "http.receivepack", "false")
        refused = genmon(checkout, handle_of(store, "b"), "--push", "--yes")
        assert (refused.returncode, "pw@" in refused.stderr) == (2, False)
    finally:
        server.shutdown()


def test_gh_opens_the_pull_request(checkout: Path, store: SqlStore, home: Path) -> None:
    """gh is called with branch, title and a file of the description; its address is shown."""
    programs = home / "bin"
    programs.mkdir()
    (programs / "gh").write_text(
        f'#!/bin/sh\nprintf "%s\\n" "$@" > {home}/called\nfor last; do :; done\n'
        f'cp "$last" {home}/body\necho https://forge.example/pr/7\n'
    )
    (programs / "gh").chmod(0o755)
    (checkout / "pyproject.toml").write_text("[tool.genmon]\npropose_publish = true\n")
    handle = handle_of(store)
    done = genmon(checkout, handle, "--push", "--yes", path=str(programs))
    assert "https://forge.example/pr/7" in done.stdout, done.stderr
    called = (home / "called").read_text().splitlines()
    assert called[:4] == ["pr", "create", "--head", f"genmon/{handle.lower()}"]
    assert "regression test" in (home / "body").read_text()
    (programs / "gh").write_text("#!/bin/sh\necho 'not logged in' >&2\nexit 4\n")
    failed = genmon(checkout, handle_of(store, "b"), "--push", "--yes", path=str(programs))
    assert failed.returncode != 0
    assert "is published, but its pull request was not opened: not logged in" in failed.stderr


def test_glab_opens_the_merge_request(checkout: Path, store: SqlStore, home: Path) -> None:
    """For a remote at GitLab glab is called, never gh, with branch, title and description."""
    (home / "remote.git").rename(home / "gitlab.git")
    git(checkout, "remote", "set-url", "origin", f"file://{home / 'gitlab.git'}")
    programs = home / "bin"
    programs.mkdir()
    (programs / "glab").write_text(
        f'#!/bin/sh\nprintf "%s\\n" "$@" > {home}/called\necho !7 https://gitlab.example/mr/7\n'
    )
    (programs / "gh").write_text(f"#!/bin/sh\ntouch {home}/wrong\n")
    for program in programs.iterdir():
        program.chmod(0o755)
    (checkout / "pyproject.toml").write_text("[tool.genmon]\npropose_publish = true\n")
    handle = handle_of(store)
    done = genmon(checkout, handle, "--push", "--yes", path=str(programs))
    assert "https://gitlab.example/mr/7" in done.stdout, done.stderr
    called = (home / "called").read_text()
    branch = f"genmon/{handle.lower()}"
    assert called.startswith(f"mr\ncreate\n--yes\n--source-branch\n{branch}\n--title\n")
    assert "regression test" in called.partition("--description\n")[2]
    assert not (home / "wrong").exists()
    assert branch in git(home / "gitlab.git", "branch", "--list", "genmon/*")


def test_all_proposes_what_was_reproduced(checkout: Path, store: SqlStore) -> None:
    """Each reproduced case gets a branch, once; a case that was not checked gets none."""
    first = json.loads(genmon(checkout, "--all", "--json").stdout)
    wanted = sorted(f"genmon/{handle_of(store, name).lower()}" for name in "ab")
    assert sorted(each["branch"] for each in first) == wanted
    assert json.loads(genmon(checkout, "--all", "--json").stdout) == []
    for number in range(5):
        git(checkout, "branch", f"genmon/f-old{number}")
    for branch in wanted:
        git(checkout, "branch", "-D", branch)
    assert json.loads(genmon(checkout, "--all", "--json").stdout) == []


def test_a_detached_head_and_a_committed_file(checkout: Path, store: SqlStore) -> None:
    """A detached head changes nothing; a case whose file is on the base is not proposed again."""
    git(checkout, "checkout", "-q", "--detach")
    handle = handle_of(store)
    found = json.loads(genmon(checkout, handle, "--json").stdout)[0]
    assert git(checkout, "rev-parse", "--abbrev-ref", "HEAD") == "HEAD"
    git(checkout, "update-ref", "refs/remotes/origin/main", found["commit"])
    git(checkout, "branch", "-D", found["branch"])
    again = genmon(checkout, handle)
    assert (again.returncode, "is committed already" in again.stderr) == (2, True)


def allow(project: Path) -> None:
    """Let the project publish proposals."""
    (project / "pyproject.toml").write_text("[tool.genmon]\npropose_publish = true\n")


def test_a_merged_case_stops_no_other(checkout: Path, store: SqlStore) -> None:
    """With --all a case whose file is on the base is passed over; named alone it is said."""
    merged = json.loads(genmon(checkout, handle_of(store), "--json").stdout)[0]
    git(checkout, "push", "-q", "origin", f"{merged['branch']}:main")
    git(checkout, "branch", "-D", merged["branch"])
    git(checkout, "fetch", "-q")
    done = genmon(checkout, "--all", "--json")
    assert done.returncode == 0, done.stderr
    wanted = f"genmon/{handle_of(store, 'b').lower()}"
    assert [each["branch"] for each in json.loads(done.stdout)] == [wanted]
    assert genmon(checkout, handle_of(store)).returncode == 2


def test_nothing_else_is_published(checkout: Path, store: SqlStore, home: Path) -> None:
    """Where the default branch is another, or nothing is known of the remote, commits of the user's stay here."""
    remote = home / "remote.git"
    git(checkout, "push", "-q", "origin", "main:trunk")
    git(remote, "symbolic-ref", "HEAD", "refs/heads/trunk")
    git(checkout, "push", "-q", "origin", "--delete", "main")
    git(checkout, "remote", "set-head", "origin", "-d")
    git(checkout, "fetch", "-q", "--prune")
    git(checkout, "commit", "-qm", "Mine alone")
    allow(checkout)
    done = genmon(checkout, handle_of(store), "--push", "--yes")
    assert done.returncode == 0, done.stderr
    assert "genmon/" in git(remote, "branch", "--list", "genmon/*")
    git(checkout, "remote", "add", "other", f"file://{remote}")
    refused = genmon(checkout, handle_of(store, "b"), "--push", "--yes", "--remote", "other")
    assert (refused.returncode, "git fetch other" in refused.stderr) == (2, True), refused.stderr
    assert "Mine alone" not in git(remote, "log", "--all", "--format=%s")


def test_a_branch_that_only_the_remote_has_stays(
    checkout: Path, store: SqlStore, home: Path
) -> None:
    """A branch of that name that is not known here is not moved, though git could fast-forward it."""
    branch = f"genmon/{handle_of(store).lower()}"
    git(home / "remote.git", "branch", branch, "main")
    before = git(home / "remote.git", "rev-parse", branch)
    allow(checkout)
    refused = genmon(checkout, handle_of(store), "--push", "--yes")
    assert (refused.returncode, "git push failed" in refused.stderr) == (2, True), refused.stderr
    assert git(home / "remote.git", "rev-parse", branch) == before


def test_hooks_and_signing(checkout: Path, store: SqlStore) -> None:
    """No hook runs but pre-push, which may refuse; a signature that cannot be made is named as such."""
    hooks = checkout / ".git" / "hooks"
    hooks.mkdir(exist_ok=True)
    for name in ("pre-commit", "commit-msg", "post-commit", "reference-transaction", "pre-push"):
        (hooks / name).write_text(f"#!/bin/sh\necho {name} ran >&2\nexit 1\n")
        (hooks / name).chmod(0o755)
    before = state_of(checkout)
    assert genmon(checkout, handle_of(store)).returncode == 0
    assert state_of(checkout) == before
    allow(checkout)
    refused = genmon(checkout, handle_of(store, "b"), "--push", "--yes")
    assert (refused.returncode, "pre-push ran" in refused.stderr) == (2, True)
    git(
        checkout,
        "-c",
        f"core.hooksPath={os.devnull}",
        "branch",
        "-D",
        f"genmon/{handle_of(store, 'b').lower()}",
    )
    git(checkout, "config", "commit.gpgsign", "true")
    git(checkout, "config", "gpg.program", "false")
    unsigned = genmon(checkout, handle_of(store, "b"))
    assert (unsigned.returncode, "git commit -S" in unsigned.stderr) == (2, True), unsigned.stderr


def test_what_cannot_work_is_said(home: Path, checkout: Path, store: SqlStore) -> None:
    """No repository, no commit, no remote, a folder outside, a case not checked: a word for each."""
    empty = home / "empty"
    empty.mkdir()
    handle = handle_of(store)
    said = {"no repository": genmon(empty, handle).stderr}
    git(home, "init", "-q", "empty")
    said["no commit"] = genmon(empty, handle).stderr
    said["outside"] = genmon(checkout, handle, "--folder", str(home / "x")).stderr
    said["not checked"] = genmon(checkout, handle_of(store, "c")).stderr
    said["no remote"] = genmon(checkout, handle, "--push", "--yes", "--remote", "up").stderr
    words = {
        "no repository": "Run this in your checkout", "no commit": "Make a first commit",
        "outside": "is not inside the repository", "not checked": "genmon cases verify",
        "no remote": "Remotes: origin",
    }  # fmt: skip
    wrong = {kind: said[kind] for kind, word in words.items() if word not in said[kind]}
    assert wrong == {}
    assert not any("Traceback" in text for text in said.values())
