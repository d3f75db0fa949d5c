"""Preforking servers: workers come, go and are killed; every answered request is counted once."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from pathlib import Path

import pytest

from faults.world import World

pytestmark = pytest.mark.slow


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def ask(port: int, path: str) -> int | None:
    """The worker that answered; None when none did."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
            return int(answer.read())
    except urllib.error.HTTPError as error:
        return int(error.read())
    except OSError:
        return None


def test_gunicorn_preloaded(store_url: str, tmp_path: Path) -> None:
    """Set up in the master, used in workers, one of them killed, then an orderly stop."""
    pytest.importorskip("gunicorn")
    world = World(store_url, tmp_path / "journal")
    port = free_port()
    server = subprocess.Popen(
        [sys.executable, "-m", "gunicorn", "--preload", "--workers", "2", "--bind",
         f"127.0.0.1:{port}", "--worker-tmp-dir", str(tmp_path), "web:application"],
        cwd=Path(__file__).parent,
        env=world.environ,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 60
        while ask(port, "/good") is None:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        answers = Counter[str](good=1)
        workers = set[int]()
        for number in range(200):
            path = "/bad" if number % 2 else "/good"
            worker = ask(port, path)
            if worker is not None:
                answers[path[1:]] += 1
                workers.add(worker)
            if number == 100:
                os.kill(min(workers), signal.SIGKILL)
        server.send_signal(signal.SIGTERM)
        assert server.wait(30) == 0
    finally:
        server.kill()
    world.inherit()
    counted = Counter(world.stored().values())
    assert counted["failure"] == answers["bad"]
    # A killed worker may lose its last second of successes; the heir adds one of its own.
    assert answers["good"] - 55 <= counted["success"] - 1 <= answers["good"]
