"""Replay a case in a process that is started anew."""

from __future__ import annotations

import contextlib
import os
import selectors
import subprocess
import time
from typing import Final

from genmon_otel.regression.judging.observation import Observation
from genmon_otel.regression.processes import launch

#: Seconds between two checks whether the process has ended without an answer.
_LOOK_S: Final = 0.5


def observe(job: launch.Job) -> Observation:
    """Start a process, have it replay a case, and end it."""
    with contextlib.ExitStack() as resources:
        reader, writer = os.pipe()
        resources.callback(os.close, reader)
        deadline_s = job.deadline_s + launch.TIME_TO_END_S
        try:
            started = launch.start(job, resources, answer_to=writer, deadline_s=deadline_s)
        except launch.CannotStart as error:
            return Observation(obstacle=("crash", str(error)))
        process = started.process
        try:
            answer, in_time = _read(reader, process, time.monotonic() + job.deadline_s)
            if in_time and not answer:  # it exits by itself, with an exit code that can be reported
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(_LOOK_S)
        finally:
            launch.end(process)
        return launch.interpret(
            answer,
            started.word,
            in_time=in_time,
            deadline_s=job.deadline_s,
            code=process.returncode,
            output=started.output,
        )


def _read(reader: int, process: subprocess.Popen[bytes], until: float) -> tuple[bytes, bool]:
    """Read the answer to its end; False when time or space ran out."""
    answer = b""
    with selectors.DefaultSelector() as selector:
        selector.register(reader, selectors.EVENT_READ)
        while (left := until - time.monotonic()) > 0:
            ended = process.poll() is not None  # another process may still hold the pipe open
            if not selector.select(0 if ended else min(left, _LOOK_S)):
                if ended:
                    return answer, True
                continue
            piece = os.read(reader, 1 << 16)
            if not piece:
                return answer, True
            answer += piece
            if len(answer) > launch.MAX_ANSWER:
                return b"", True
            if answer.endswith(b"\n"):  # the answer is one line; do not wait for stray children
                return answer, True
    return answer, False
