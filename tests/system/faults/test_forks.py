"""A fork at the worst moment: another thread holds every lock of ours."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import os, signal, sys, threading, time

from prometheus_client import CollectorRegistry, generate_latest

from genmon_otel import check_health, current_generation, forks, generation, setup, shutdown

registry = CollectorRegistry()
setup(store=sys.argv[1], journal_dir=sys.argv[2], registry=registry)


def fail(operation):
    @generation(operation)
    def build():
        current_generation().add_tokens(3)
        raise ValueError("no files")

    try:
        build()
    except ValueError:
        pass


def until_kept(failures):
    while check_health().failures != failures:
        time.sleep(0.05)


signal.alarm(240)
fail("before")
until_kept(1)  # or the parent's writer, waiting for a lock, would never tell the child of it
held = threading.Event()


def hold():
    for lock in list(forks._locks):
        lock.acquire()
    print(len(forks._locks), flush=True)
    held.set()
    time.sleep(600)


threading.Thread(target=hold, daemon=True).start()
held.wait()
pid = os.fork()
if not pid:
    signal.alarm(120)
    fail("after")
    generate_latest(registry)
    until_kept(2)
    setup(store=sys.argv[1], journal_dir=sys.argv[2], registry=registry)
    shutdown()
    os._exit(0)
_, status = os.waitpid(pid, 0)
os._exit(os.waitstatus_to_exitcode(status) and 1)
"""


@pytest.mark.parametrize("multiprocess", [False, True])
def test_a_child_finds_every_lock_free(tmp_path: Path, multiprocess: bool) -> None:
    """It counts, fails, is scraped, judged and shut down, whoever held a lock of its parent's."""
    shared = tmp_path / "shared"
    shared.mkdir()
    more = {"PROMETHEUS_MULTIPROC_DIR": str(shared)} if multiprocess else {}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, f"sqlite:///{tmp_path}/genmon.db", tmp_path / "journal"],
        env={**os.environ, **more}, capture_output=True, text=True, timeout=280, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) >= 6


def test_the_thread_that_forks_keeps_what_it_holds() -> None:
    """A handler that forks amidst one of ours: parent and child both leave it as ever."""
    program = """
import os
from genmon_otel.forks import forkable_lock

with forkable_lock():
    pid = os.fork()
if not pid:
    os._exit(7)
os._exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=280, check=False
    )
    assert done.returncode == 7, done.stderr


def test_a_signal_handler_may_fail_a_generation_amidst_one_of_ours(tmp_path: Path) -> None:
    """What it asks for its own thread may hold: it goes on, and nothing hangs."""
    program = """
import signal, sys
from genmon_otel import current_generation, forks, generation, setup

setup(store=sys.argv[1], journal_dir=sys.argv[2])

@generation("build")
def build(*_):
    current_generation().add_tokens(3)
    raise ValueError("no files")

def handle(*_):
    try:
        build()
    except ValueError:
        print("failed", flush=True)

signal.signal(signal.SIGUSR1, handle)
for lock in list(forks._locks):
    lock.acquire()
signal.alarm(120)
signal.raise_signal(signal.SIGUSR1)
for lock in list(forks._locks):
    lock.release()
"""
    done = subprocess.run(
        [sys.executable, "-c", program, f"sqlite:///{tmp_path}/genmon.db", tmp_path],
        capture_output=True, text=True, timeout=280, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "failed\n"), done.stderr
