"""One object that a module keeps, used by Celery's workers, scripts and thread pools: its cases replay."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from genmon_otel.policy import CaseState
from genmon_otel.regression import review
from genmon_otel.store import SqlStore

#: A class that cannot be made without arguments.
BUILDER = """
from genmon_otel import generation, step

@step
def ask(model, prompt):
    if "bad" in prompt:
        raise ConnectionResetError(104, f"{model} is gone")
    return "x = 1"

class Builder:
    def __init__(self, model, *, tries):
        self.model, self.tries = model, tries

    @generation(name="build")
    def build(self, request):
        for left in reversed(range(self.tries)):
            try:
                return {"files": {"a.py": ask(self.model, request)}}
            except OSError:
                if not left:
                    raise
"""
KEPT = "from builder import Builder\nBUILDER = Builder('large', tries=2)\n"
SETUP = """
import sys
from genmon_otel import setup, shutdown
setup("sqlite:///genmon.db", code_version="broken", metrics="none")
"""
TASKS = """
import celery
from kept import BUILDER
queue = celery.Celery("shop", broker="memory://", backend="cache+memory://")
queue.conf.task_store_errors_even_if_ignored = False

@queue.task
def make(request):
    return BUILDER.build(request)

class Task(celery.Task):
    def run(self, request):
        return BUILDER.build(request)

own = queue.register_task(Task())
"""
WORKER = """
from celery.contrib.testing.worker import start_worker
from tasks import {task} as task, queue

if __name__ == "__main__":
    with start_worker(queue, pool="{pool}", concurrency=2, perform_ping_check=False):
        for request in ("good", "bad", "bad", "bad"):
            task.delay(request).get(timeout=60, propagate=False)
    assert shutdown()
"""
POOL = """
from concurrent.futures import ThreadPoolExecutor

if __name__ == "__main__":
    with ThreadPoolExecutor(2) as pool:
        for made in [pool.submit(BUILDER.build, request) for request in ("good", "bad", "bad", "bad")]:
            made.exception()
    assert shutdown()
"""
SCRIPT = """
if __name__ == "__main__":
    for request in ("good", "bad", "bad", "bad"):
        try:
            BUILDER.build(request)
        except OSError:
            pass
    assert shutdown()
"""
#: By name: the program, and the target of its case.
PROGRAMS = {
    "celery_threads": (WORKER.format(task="make", pool="threads"), "tasks:BUILDER.build"),
    "celery_solo": (WORKER.format(task="make", pool="solo"), "tasks:BUILDER.build"),
    "celery_class": (WORKER.format(task="own", pool="solo"), "tasks:BUILDER.build"),
    "pool": ("from kept import BUILDER\n" + POOL, "main:BUILDER.build"),
    "pool_of_a_script": (BUILDER + KEPT.partition("\n")[2] + POOL, "main:BUILDER.build"),
    "script": ("from kept import BUILDER\n" + SCRIPT, "main:BUILDER.build"),
    "script_alone": (BUILDER + KEPT.partition("\n")[2] + SCRIPT, "main:BUILDER.build"),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_an_object_of_a_module_is_found(tmp_path: Path, name: str) -> None:
    """Its case reproduces although its class needs arguments and its caller keeps it elsewhere."""
    program, target = PROGRAMS[name]
    for module, source in {
        "builder": BUILDER, "kept": KEPT, "tasks": TASKS, "main": SETUP + program,
    }.items():  # fmt: skip
        (tmp_path / f"{module}.py").write_text(source, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "main.py"],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    store = SqlStore(f"sqlite:///{tmp_path}/genmon.db")
    store.open()
    try:
        (made,) = store.cases()
        row, found = review.verify(store, made.id, cwd=tmp_path)
        assert row.state is CaseState.REPRODUCED, found.reason
        assert review.stored(row).target == target
    finally:
        store.close()
