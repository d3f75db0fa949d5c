"""How much work something is, told without a clock on the wall: machines are busy."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from benchmarks.guard import instructions

__all__ = ["growth", "instructions"]

#: Below nearly every bound that tests set: more rounds would show no other verdict.
MODERATE = 4.0


def growth(
    less: Callable[[], Any], more: Callable[[], Any], rounds: int = 9, enough: float = MODERATE
) -> float:
    """How many times this thread's processor time for ``less`` ``more`` takes.

    For work in C, which no instruction counts: searching, copying, printing. Taken in
    turns, so that both meet the same machine; the least of each, so that neither pays
    for the machine's other work. No more rounds than it takes to see less than ``enough``.
    """
    least, most = float("inf"), float("inf")
    for taken in range(1, rounds + 1):
        least, most = min(least, _spent(less)), min(most, _spent(more))
        if taken > 1 and most < enough * least:
            break
    return most / least


def _spent(call: Callable[[], Any]) -> float:
    start = time.thread_time()
    call()
    return time.thread_time() - start
