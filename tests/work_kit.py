"""How much work something is, told without a clock on the wall: machines are busy."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from benchmarks.guard import instructions

__all__ = ["growth", "instructions"]


def growth(less: Callable[[], Any], more: Callable[[], Any], rounds: int = 9) -> float:
    """How many times this thread's processor time for ``less`` ``more`` takes.

    For work in C, which no instruction counts: searching, copying, printing. Taken in
    turns, so that both meet the same machine; the least of each, so that neither pays
    for the machine's other work.
    """
    taken = [(_spent(less), _spent(more)) for _ in range(rounds)]
    return min(each for _, each in taken) / min(each for each, _ in taken)


def _spent(call: Callable[[], Any]) -> float:
    start = time.thread_time()
    call()
    return time.thread_time() - start
