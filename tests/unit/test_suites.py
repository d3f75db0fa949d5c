"""``scripts.suites.compare``: a library's own tests, with genmon's patches off and on."""

from __future__ import annotations

from collections import Counter
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


HANGS = """
import os, threading

def test_before(): pass
def test_hangs(): threading.Event().wait()
def test_between(): pass
def test_ends_the_process(): os._exit(3)
def test_after(): assert not os.environ.get("FAILS")
"""


def test_what_hangs_or_ends_the_process_costs_only_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The tests beside it, in its file and in others, are compared all the same."""
    (tmp_path / "test_asks.py").write_text(SUITE.partition("def test_fails")[0], encoding="utf-8")
    (tmp_path / "test_hangs.py").write_text(HANGS, encoding="utf-8")
    monkeypatch.setattr(compare, "LIMIT", 10)
    assert compare.main(tmp_path, ["-p", "no:cacheprovider"]) == 0
    said = capsys.readouterr().out
    assert "test_hangs.py: 5 tests" in said
    assert "off: passed 4, failed 0, skipped 0, unfinished 2" in said
    assert "6 tests, 1 calls that genmon recorded, 0 differ" in said


@pytest.mark.parametrize(
    ("off", "on", "calls", "status"),
    [
        ({"a": "passed", "b": "failed"}, {"a": "passed", "b": "failed"}, 3, 0),
        ({"a": "passed"}, {"a": "failed"}, 3, 1),
        ({"a": "passed"}, {"a": "unfinished"}, 3, 1),
        ({"a": "passed"}, {"a": "passed"}, 0, 1),
        ({"a": "passed", "b": "passed"}, {"a": "passed"}, 3, 1),
    ],
    ids=["same", "differs", "hangs", "sees no call", "ends early"],
)
def test_the_exit_status_says_whether_a_suite_is_borne(
    monkeypatch: pytest.MonkeyPatch,
    off: dict[str, str],
    on: dict[str, str],
    calls: int,
    status: int,
) -> None:
    """Only the same outcomes of the same tests, in which genmon saw calls, are a success."""
    found = {
        "off": compare.Found(off),
        "on": compare.Found(on, seen=Counter(calls=calls)),
    }
    monkeypatch.setattr(compare, "files_of", lambda folder, arguments: ["test_it.py"])
    monkeypatch.setattr(compare, "run", lambda folder, genmon, *_: found[genmon])
    assert compare.main(Path(), []) == status


def test_arguments_that_choose_tests_are_left_out_of_a_run_of_some() -> None:
    """These tests are named; what else was asked of pytest stays."""
    given = ["tests/a.py", "-k", "one", "-p", "no:asyncio", "--timeout", "60", "--ignore=x", "-x"]
    paths, choosing, others = compare.parts_of(given)
    assert paths == ["tests/a.py"]
    assert choosing == ["-k", "one", "--ignore=x"]
    assert others == ["-p", "no:asyncio", "--timeout", "60", "-x"]
