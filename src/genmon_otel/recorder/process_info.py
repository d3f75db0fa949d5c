"""What a generation reads from its process: CPU time, memory, the Celery task that runs it."""

from __future__ import annotations

import sys
import time
import tracemalloc
from typing import Final

from genmon_otel.interruption import reraise_if_signal

#: Share of a task's hard limit after which its end is attributed to the limit: the generation began
#: later than its task.
_NEARLY: Final = 0.9


def measure() -> tuple[float, int]:
    """Return CPU seconds of this thread and traced bytes, to be compared at the end."""
    if not tracemalloc.is_tracing():
        tracemalloc.start()
    tracemalloc.reset_peak()
    return time.thread_time(), tracemalloc.get_traced_memory()[0]


def used(before: tuple[float, int]) -> tuple[float, int]:
    """Return CPU seconds used, and bytes at the peak, since :func:`measure`."""
    cpu, memory = before
    return max(0.0, time.thread_time() - cpu), max(0, tracemalloc.get_traced_memory()[1] - memory)


def task_id() -> str | None:
    """Return the id of the Celery task that is running: however often retried, it is one strike."""
    try:
        task = sys.modules["celery"].current_task
        found = task.request.id if task else None
        return found if isinstance(found, str) else None
    except Exception:
        reraise_if_signal()  # such as the task's own soft time limit
        return None


def out_of_time(elapsed_s: float) -> bool:
    """Whether the Celery task that is running has used up its hard time limit.

    Celery ends such a worker with SIGTERM, which looks the same inside as a worker that is stopped.
    """
    try:
        task = sys.modules["celery"].current_task
        given = (task.request.timelimit or (None, None))[0]
        limit = given or task.time_limit or task.app.conf.task_time_limit
        return bool(limit) and elapsed_s >= _NEARLY * limit
    except Exception:
        reraise_if_signal()
        return False
