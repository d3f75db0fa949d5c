"""A Celery application whose broker is a folder; decorated tasks, one of them retried."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from celery import Celery

from genmon_otel import generation, setup

QUEUE = Path(os.environ["JOBS"])

app = Celery("jobs", broker="filesystem://")
app.conf.update(
    broker_transport_options={
        "data_folder_in": str(QUEUE),
        "data_folder_out": str(QUEUE),
        "control_folder": str(QUEUE / "control"),
    },
    worker_prefetch_multiplier=1,
)
setup()


@app.task(bind=True, max_retries=2)
def job(self: Any, request: str) -> None:
    attempt(self, request)
    (QUEUE / f"done-{self.request.id}").touch()


@generation(name="job", framework="react")
def attempt(task: Any, request: str) -> str:
    if request == "bad":
        raise task.retry(exc=TimeoutError("the model did not answer in 30 s"), countdown=0.1)
    return "fine"


def send() -> None:
    """Queue a task for each line of the input."""
    for line in sys.stdin:
        job.delay(line.strip())
