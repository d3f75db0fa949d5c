"""``scripts.suites.compare``: a library's own tests, with genmon's patches off and on."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.suites import compare

SUITE = """
import pytest, threading, urllib.request
from genmon_otel import current_generation
from http.server import BaseHTTPRequestHandler, HTTPServer

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"well")
    def log_message(self, *_):
        pass

@pytest.fixture
def url():
    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/"

def test_asks(url):
    assert urllib.request.urlopen(url, timeout=20).read() == b"well"

def test_fails():
    assert False
def test_is_in_no_generation():  # stands for a patch that a library does not bear
    assert not current_generation().id
"""


def test_a_test_that_fails_only_with_the_patches_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What fails without genmon, too, is no difference; the calls that genmon recorded are counted."""
    (tmp_path / "test_suite.py").write_text(SUITE, encoding="utf-8")
    monkeypatch.setattr(compare, "AGAIN", 1)
    status = compare.main(tmp_path, ["-p", "no:cacheprovider"])
    said = capsys.readouterr().out
    assert "off: passed 2, failed 1, skipped 0" in said
    assert "DIFFERS test_suite.py::test_is_in_no_generation: passed off, failed on" in said
    assert "3 tests, 1 calls that genmon recorded, 1 differ" in said
    assert status == 1


@pytest.mark.parametrize(
    ("off", "on", "calls", "status"),
    [
        ({"a": "passed", "b": "failed"}, {"a": "passed", "b": "failed"}, 3, 0),
        ({"a": "passed"}, {"a": "failed"}, 3, 1),
        ({"a": "passed"}, {"a": "passed"}, 0, 1),
        ({"a": "passed", "b": "passed"}, {"a": "passed"}, 3, 1),
    ],
    ids=["same", "differs", "sees no call", "ends early"],
)
def test_the_exit_status_says_whether_a_suite_is_borne(
    monkeypatch: pytest.MonkeyPatch,
    off: dict[str, str],
    on: dict[str, str],
    calls: int,
    status: int,
) -> None:
    """Only the same outcomes of the same tests, in which genmon saw calls, are a success."""
    found = {"off": {"tests": off, "seen": {}}, "on": {"tests": on, "seen": {"calls": calls}}}
    monkeypatch.setattr(compare, "run", lambda folder, genmon, arguments: found[genmon])
    assert compare.main(Path(), []) == status


def test_arguments_that_choose_tests_are_left_out_of_a_run_of_some() -> None:
    """These tests are named; what else was asked of pytest stays."""
    given = ["tests/a.py", "-k", "one", "-p", "no:asyncio", "--timeout", "60", "--ignore=x", "-x"]
    assert compare.options_of(given) == ["-p", "no:asyncio", "--timeout", "60", "-x"]
