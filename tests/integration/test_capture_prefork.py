"""Workers that a server forks after ``setup()``: each records its own calls."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from pathlib import Path

from integration.capture_server import Server

APPLICATION = """
import os, sys
import httpx
from genmon_otel import generation, setup, shutdown

client = httpx.Client()

@generation(name="build")
def build(url):
    client.get(f"{url}/json").json()["title"]

setup(store="genmon.db", metrics_port=None)
workers = []
for number in range(3):
    worker = os.fork()
    if worker == 0:
        client = httpx.Client()
        try:
            build(sys.argv[1])
        except KeyError:
            shutdown()
            os._exit(0)
        os._exit(1)
    workers.append(worker)
print([os.waitstatus_to_exitcode(os.waitpid(worker, 0)[1]) for worker in workers])
"""


def test_each_worker_records_its_calls(server: Server, tmp_path: Path) -> None:
    """Three workers' failures make one group, of three recordings with the call that each one made."""
    (tmp_path / "application.py").write_text(APPLICATION)
    done = subprocess.run(
        [sys.executable, "application.py", server.url],
        cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.stdout.strip() == "[0, 0, 0]", done.stdout + done.stderr
    with sqlite3.connect(tmp_path / "genmon.db") as db:
        counts = [
            db.execute(f"select count(*) from {table}").fetchone()[0]
            for table in ("generation_analytics", "generation_failures", "auto_generated_tests")
        ]
        recordings = [
            json.loads(row[0]) for row in db.execute("select recording from failure_recordings")
        ]
    assert counts == [3, 1, 1]
    steps = [[step["name"] for step in recording["steps"]] for recording in recordings]
    assert steps == [["GET 127.0.0.1"]] * 3
