"""How much work one call is, counted rather than timed: the same on any machine, however busy.

Counted are bytecode instructions and calls (of Python and C functions) in the
caller's thread. ``guard.json`` holds what they were; the test in
``tests/integration/test_benchmark_guard.py`` fails at :data:`BOUND` times as much.

    python -m benchmarks.guard            show the counts beside those of guard.json
    python -m benchmarks.guard --write    after a change that is worth its cost
"""

from __future__ import annotations

import argparse
import gc
import json
import logging
import random
import sys
import tempfile
import uuid
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.records import CALM, USUAL, Load, record

FILE = Path(__file__).with_name("guard.json")
#: Catches a doubling; leaves room for other versions of Python and of the libraries.
BOUND = 1.7
WARM_UP, ROUNDS = 30, 5


@dataclass(frozen=True)
class Counts:
    """Work of one call."""

    instructions: int
    calls: int
    #: SQL statements, where it is the store's; a statement for many rows is one.
    statements: int = 0


def count(call: Callable[[], Any]) -> Counts:
    """Count a call's work: the least of a few, since caches may have to be filled."""
    for _ in range(WARM_UP):
        call()
    enabled = gc.isenabled()
    gc.disable()  # a collection may run finalisers of others
    try:
        found = [(instructions(call), *_calls(call)) for _ in range(ROUNDS)]
    finally:
        if enabled:
            gc.enable()
    return Counts(*(min(each) for each in zip(*found, strict=True)))


def instructions(call: Callable[[], Any]) -> int:
    """Bytecode instructions of one call in this thread."""
    counted = 0

    def trace(frame: Any, event: str, _argument: Any) -> Any:
        nonlocal counted
        if event == "call":
            frame.f_trace = trace  # 3.13 wants it before it heeds the next
            frame.f_trace_opcodes, frame.f_trace_lines = True, False
        elif event == "opcode":
            counted += 1
        return trace

    before = sys.gettrace()
    sys._getframe().f_trace_opcodes = True  # from 3.12 on one frame must ask before tracing begins
    sys.settrace(trace)
    try:
        call()
    finally:
        sys.settrace(before)
    return counted


def _calls(call: Callable[[], Any]) -> tuple[int, int]:
    counted = statements = 0

    def profile(_frame: Any, event: str, argument: Any) -> None:
        nonlocal counted, statements
        if event in ("call", "c_call"):
            counted += 1
            name = getattr(argument, "__qualname__", "") if event == "c_call" else ""
            if name in ("Cursor.execute", "Cursor.executemany"):
                statements += 1

    before = sys.getprofile()
    sys.setprofile(profile)
    try:
        call()
    finally:
        sys.setprofile(before)
    return counted, statements


def decorated() -> dict[str, Counts]:
    """Count decorated calls, everything on; a stage is its share of a call with many."""
    from benchmarks import decorated_call as made
    from genmon_otel import conventions

    logger = logging.getLogger(conventions.LOGGER)
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        with made.everything_on():
            return {
                "success": count(lambda: made.ours("a todo app")),
                "failure": count(made.caught(made.ours_fail, 1)),
                "failure, 11 frames": count(made.caught(made.ours_fail, 11)),
                f"{made.MANY} phases": count(made.our_phases),
                f"{made.MANY} steps": count(made.our_steps),
                f"{made.ITEMS} items": count(lambda: sum(made.our_items())),
            }
    finally:
        logger.setLevel(level)


def stored() -> dict[str, Counts]:
    """Count batches written to SQLite."""
    from genmon_otel.records import Batch
    from genmon_otel.store import SqlStore

    found = {}
    with tempfile.TemporaryDirectory(prefix="genmon-guard-") as folder:
        store = SqlStore(f"sqlite:///{folder}/genmon.db")
        store.open()
        for size, load in ((1, CALM), (1, Load("all fail", 1.0)), (100, CALM), (100, USUAL)):
            chance, number = random.Random(1), 0
            producer, position = uuid.UUID(int=size).hex + load.name, 0
            ready: list[Batch] = []
            for _ in range(WARM_UP + 2 * ROUNDS):
                records = tuple(record(chance, number + n, load) for n in range(size))
                ready.append(Batch(producer, position, position, records))
                position, number = position + 1, number + size
            batches = iter(ready)
            found[f"batch of {size}, {load.name}"] = count(lambda b=batches: store.write(next(b)))
        store.close()
    return found


def known() -> dict[str, dict[str, int]]:
    """The counts that are kept."""
    kept: dict[str, dict[str, int]] = json.loads(FILE.read_text("utf-8")) if FILE.exists() else {}
    return kept


def main() -> None:
    """Show the counts, or write them."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.guard", description=__doc__)
    parser.add_argument("--write", action="store_true", help=f"write {FILE.name}")
    given = parser.parse_args()
    found = {name: asdict(counts) for name, counts in (decorated() | stored()).items()}
    before = known()
    for name, counts in found.items():
        print(f"{name:34} {counts}  was {before.get(name)}")
    if given.write:
        FILE.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
