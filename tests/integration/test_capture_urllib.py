"""Automatic steps of urllib.request over real HTTP, and their replays."""

from __future__ import annotations

import io
import json
import shutil
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from integration.capture_kit import Tried, steps_of, unlike_recorded
from integration.capture_server import Server

pytestmark = pytest.mark.usefixtures("installed")

SECRET = "sk-proj-abcdefghijklmnopqrstuvwxyz0123456789"


def _by_lines(response: Any) -> bytes:
    return b"".join(response)


def _into_a_buffer(response: Any) -> bytes:
    data, buffer = b"", bytearray(3)
    while count := response.readinto(buffer):
        data += buffer[:count]
    return data


def _copied(response: Any) -> bytes:
    target = io.BytesIO()
    shutil.copyfileobj(response, target, 2)
    return target.getvalue()


def _as_text(response: Any) -> bytes:
    return io.TextIOWrapper(response, "utf-8").read().encode()


def _at_once(response: Any) -> bytes:
    data = b""
    while part := response.read1(100):
        data += part
    return data


WAYS: dict[str, Callable[[Any], bytes]] = {
    "whole": lambda response: response.read(),
    "lines": _by_lines,
    "buffer": _into_a_buffer,
    "copied": _copied,
    "text": _as_text,
    "read1": _at_once,
}


@pytest.mark.parametrize("path", ["/json", "/plain-stream"])
def test_a_body_is_kept_however_it_is_read(server: Server, path: str) -> None:
    """Whole, by lines, into a buffer, as text: the same bytes for the caller, the same step for us."""
    wanted = '{"a": 1.0}' if path == "/json" else "one\ntwo\n"
    for name, read in WAYS.items():
        got: list[bytes] = []

        def do(read: Any = read, got: list[bytes] = got) -> None:
            with urllib.request.urlopen(f"{server.url}{path}", timeout=5) as response:
                got.append(read(response))

        (step,) = steps_of(do)
        assert got == [wanted.encode()], name
        assert (step.adapter, step.name, step.kind) == ("urllib", "GET 127.0.0.1", "value"), name
        assert step.outcome["body"] == wanted, name


def test_requests_are_kept_without_secrets(server: Server) -> None:
    """Form, JSON and streamed bodies, query and redirects; no authorization, no key in a body."""

    def do() -> None:
        for data in (b"a=1&api_key=" + SECRET.encode(), json.dumps({"key": SECRET}).encode()):
            request = urllib.request.Request(
                f"{server.url}/echo?q=1", data, {"Authorization": f"Bearer {SECRET}"}
            )
            urllib.request.urlopen(request, timeout=5).read()
        request = urllib.request.Request(
            f"{server.url}/echo", io.BytesIO(b"xyz"), {"Content-Length": "3"}, method="PUT"
        )
        with pytest.raises(urllib.error.HTTPError):
            urllib.request.urlopen(request, timeout=5)
        urllib.request.urlopen(f"{server.url}/redirect", timeout=5).read()

    form, as_json, streamed, redirect, target = steps_of(do)
    assert form.arguments["query"] == "q=1"
    assert form.arguments["type"] == "application/x-www-form-urlencoded"
    assert as_json.arguments["body"].startswith('{"key":')
    assert SECRET not in str((form, as_json))
    assert (streamed.arguments["method"], streamed.arguments["length"]) == ("PUT", 3)
    assert [redirect.outcome["status"], target.outcome["status"]] == [302, 200]


def test_a_stream_comes_chunk_by_chunk_and_may_be_left(server: Server) -> None:
    """The first event is there before the second was sent; what is closed early says so."""
    server.go_on.clear()

    def do() -> None:
        with urllib.request.urlopen(f"{server.url}/stream", timeout=5) as response:
            assert response.readline() == b"data: one\n"
            server.go_on.set()
        with urllib.request.urlopen(f"{server.url}/stream", timeout=5) as response:
            assert response.read() == b"data: one\n\ndata: two\n\n"

    cut, whole = steps_of(do)
    assert (cut.kind, cut.cut, cut.outcome[1][1]) == ("stream", True, "data: one\n")
    assert not whole.cut


def test_nothing_is_left_open(server: Server) -> None:
    """A response that nobody closes is freed as without us."""

    def do() -> None:
        urllib.request.urlopen(f"{server.url}/json", timeout=5)

    (step,) = steps_of(do)
    assert step.cut


FAULTS = {
    "refused": ("urlopen('http://127.0.0.1:9/', timeout=5)", "URLError"),
    "unknown host": ("urlopen('http://no-such-host.invalid/', timeout=5)", "URLError"),
    "no TLS": ("urlopen(url.replace('http:', 'https:') + '/json', timeout=5)", "URLError"),
    "late": ("urlopen(url + '/slow', timeout=0.2)", "TimeoutError"),
    "status": ("urlopen(url + '/none', timeout=5)", "HTTPError"),
    "broken": ("urlopen(url + '/broken', timeout=5).read()", "IncompleteRead"),
    "broken stream": ("urlopen(url + '/broken-stream', timeout=5).read()", "IncompleteRead"),
    "content": ("json.loads(urlopen(url + '/plain-stream', timeout=5).read())", "JSONDecodeError"),
    "empty": ("json.loads(urlopen(url + '/empty', timeout=5).read())", "JSONDecodeError"),
    "gzip": ("json.loads(unpacked(urlopen(url + '/gzip', timeout=5)))", "JSONDecodeError"),
    "lines": ("[json.loads(x) for x in urlopen(url + '/plain-stream', timeout=5)]", "JSONDecodeError"),
    "redirected": ("json.loads(urlopen(url + '/redirect', timeout=5).read())['b']", "KeyError"),
}  # fmt: skip

SOURCE = """
import gzip, json
from urllib.request import urlopen
from genmon_otel import generation

def unpacked(response):
    data = response.read()
    return gzip.decompress(data) if response.headers.get("content-encoding") == "gzip" else data

@generation(name="build")
def build(url):
    return FAULT
"""


def test_every_fault_is_replayed(server: Server, tmp_path: Path) -> None:
    """Each fault is the library's own again in a replay, which asks nobody."""
    before = len(server.asked)
    assert unlike_recorded(tmp_path, SOURCE, FAULTS, server.url) == {}
    paths = [path for path in server.asked[before:] if path != "/json"]
    assert len(paths) == 9, paths


def test_a_replay_without_a_network(server: Server, tmp_path: Path) -> None:
    """A process of its own reproduces a body that broke off behind a redirect."""
    fault = "urlopen(url + '/redirect').read() and urlopen(url + '/broken').read()"
    run = Tried(tmp_path, SOURCE.replace("FAULT", fault), server.url).replayed()
    assert (run.verdict, run.error_type) == ("fail_same", "http.client.IncompleteRead"), run.detail
