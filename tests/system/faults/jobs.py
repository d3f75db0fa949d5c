"""A Celery application whose broker is a folder; decorated tasks, some retried, some ended."""

from __future__ import annotations

import fcntl
import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

from celery import Celery
from kombu.transport import TRANSPORT_ALIASES, filesystem

from genmon_otel import current_generation, generation, setup

QUEUE = Path(os.environ["JOBS"])

#: Tasks that somebody ends: their ids, too.
ENDED = ("terminated", "killed", "limited")


@contextmanager
def one_at_a_time() -> Iterator[None]:
    with (QUEUE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


class Channel(filesystem.Channel):
    """The library's own gives a file to whoever reads the folder before it is written."""

    def _put(self, queue: str, payload: object, **_: object) -> None:
        name = f"{time.monotonic_ns()}_{uuid4()}.{queue}.msg"
        unfinished = QUEUE / f"{name}.unfinished"
        unfinished.write_text(json.dumps(payload))
        unfinished.rename(QUEUE / name)

    def _queue_bind(self, *arguments: object) -> None:
        with one_at_a_time():
            super()._queue_bind(*arguments)

    def get_table(self, exchange: str) -> list[Any]:
        with one_at_a_time():
            return super().get_table(exchange)  # type: ignore[no-any-return]


class Transport(filesystem.Transport):
    Channel = Channel


TRANSPORT_ALIASES["folder"] = "jobs:Transport"
app = Celery("jobs", broker="folder://")
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
    (QUEUE / f"began-{request}-{current_generation().id}").touch()
    if request in ENDED:
        time.sleep(600)
    if request == "bad":
        raise task.retry(exc=TimeoutError("the model did not answer in 30 s"), countdown=0.1)
    return "fine"


def send() -> None:
    """Queue a task for each line of the input, or end one: ``SIGKILL killed``."""
    for line in sys.stdin:
        match line.split():
            case [how, task]:
                app.control.revoke(task, terminate=True, signal=how)
            case [request] if request in ENDED:
                limit = 6 if request == "limited" else None
                job.apply_async((request,), task_id=request, time_limit=limit)
            case [request]:
                job.delay(request)
