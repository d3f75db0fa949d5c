"""``genmon demo`` as a newcomer meets it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from genmon_otel.cli import demo
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


def test_two_demos_at_once_keep_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second demo takes a folder of its own; a folder that was named is refused meanwhile."""
    monkeypatch.chdir(tmp_path)
    code = (
        "from pathlib import Path; from genmon_otel.demo.stage import Stage;"
        "stage = Stage(Path('.genmon/demo').resolve()); print('on stage', flush=True); input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == "on stage\n"
        assert demo._free() == Path(".genmon/demo-2")
        done = genmon(tmp_path, "demo", "--folder", ".genmon/demo")
        assert (done.returncode, "Another demo is running" in done.stderr) == (2, True)
        first.communicate("\n")
    assert demo._free() == Path(".genmon/demo")


def test_a_model_of_ones_own_is_asked(tmp_path: Path) -> None:
    """``--model URL`` asks that endpoint, by the first model it lists, and reports honestly."""
    with model_server() as server:
        done = genmon(tmp_path, "demo", "--model", server.url, "--requests", "6")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "6 attempts" in done.stdout
    assert "no case was created" in done.stdout
    assert "tokens a second" in done.stdout


class Rubbish(BaseHTTPRequestHandler):
    """A model that talks of something else; from the third question on only if ``willing``."""

    willing = True
    asked = 0

    def do_GET(self) -> None:
        self._send(200, {"object": "list", "data": [{"id": "tiny", "object": "model"}]})

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        kind = type(self)
        kind.asked += 1
        if not kind.willing and kind.asked > 2:
            self._send(500, {"error": {"message": "[/b] out of memory", "type": "server_error"}})
            return
        message = {"role": "assistant", "content": f"Bananas are [bold]yellow[/] {kind.asked}"}
        choices = [{"index": 0, "finish_reason": "stop", "message": message}]
        self._send(200, {"id": "1", "object": "chat.completion", "created": 1, "model": "tiny",
                         "choices": choices})  # fmt: skip

    def _send(self, status: int, body: object) -> None:
        payload = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(payload)))
        self.send_header("content-type", "application/json")
        self.end_headers()
        self.wfile.write(payload)

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def rubbish(*, willing: bool) -> Iterator[str]:
    """The address of such a model."""
    kind = type("Handler", (Rubbish,), {"willing": willing})
    with ThreadingHTTPServer(("127.0.0.1", 0), kind) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/v1"
        server.shutdown()


def test_a_model_that_answers_rubbish_gets_an_honest_story(tmp_path: Path) -> None:
    """The case is made, checked and approved; the fix does not help, and nothing says it did."""
    with rubbish(willing=True) as url:
        done = genmon(tmp_path, "demo", "--model", url, "--requests", "3")
    assert done.returncode == 0, done.stdout + done.stderr
    for word in (
        "3 attempts, 0 succeeded, 3 failed",
        "fewer than 5 attempts decide nothing",
        "reproduced 3 of 3",
        "Bananas are [bold]yellow[/]",
        "stays open: this fix finds JSON",
        "genmon cases run F-",
    ):
        assert word in done.stdout, f"{word!r} is missing from:\n{done.stdout}"
    assert "after a pass" not in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_a_model_that_dies_under_way_is_not_the_app_builders_fault(tmp_path: Path) -> None:
    """Where the model never answers there is nothing to fix: no case is approved, exit 1."""
    with rubbish(willing=False) as url:
        done = genmon(tmp_path, "demo", "--model", url, "--requests", "3")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "[/b] out of memory" in done.stdout
    assert "So it approves none" in done.stdout
    assert "approved:" not in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_an_endpoint_that_is_down_ends_the_demo_before_it_begins(tmp_path: Path) -> None:
    """One line and exit 2; what an earlier demo left is not replaced by nothing."""
    (tmp_path / "earlier").mkdir()
    (tmp_path / "earlier" / "app_builder.py").write_text("# mine")
    done = genmon(tmp_path, "demo", "--model", "http://127.0.0.1:1/v1", "--folder", "earlier")
    assert done.returncode == 2
    assert done.stderr.startswith("genmon: --model http://127.0.0.1:1/v1")
    assert (tmp_path / "earlier" / "app_builder.py").read_text() == "# mine"


def answered(url: str) -> int:
    """The status of a page that is about to be served."""
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
    for _ in range(2_000):
        try:
            with browser.open(url) as page:
                return int(page.status)
        except urllib.error.URLError as error:
            if not isinstance(error.reason, ConnectionError):
                raise
            time.sleep(0.1)
    raise AssertionError(url)


@pytest.mark.long("asks for eighty apps and serves the page")
def test_the_review_is_left_to_the_page(tmp_path: Path) -> None:
    """``--ui`` serves the page on the demo's data, in the folder and after as many requests as one says."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("GENMON_", "OPENAI_"))}
    program = "from genmon_otel.cli import main; main()"
    process = subprocess.Popen(
        [sys.executable, "-u", "-c", program, "demo", "--ui", "--folder", "mine", "--requests", "80"],
        cwd=tmp_path, env={**environment, "COLUMNS": "100"},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # noqa: PLW1509
    )  # fmt: skip
    assert process.stdout is not None
    said = ""
    for line in process.stdout:
        said += line
        if link := re.search(r"http://127\.0\.0\.1:\d+/enter\?token=\S+", line):
            break
    else:
        raise AssertionError(said)
    assert answered(link[0]) == 200
    process.send_signal(signal.SIGINT)
    said += process.communicate(timeout=250)[0]
    assert "80 attempts" in said
    assert process.returncode in (0, 130)
    assert (tmp_path / "mine" / "genmon.db").exists()


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
    assert len(requests(frameworks, 100)) == 100
