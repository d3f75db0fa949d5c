"""What reading costs as the table grows: health, the strike decision, failures list and show.

Fills one database to each size in turn (rows a second apart over the hour before the
clock, so that the window is full at every size) and takes medians.

    python benchmarks/store_growth.py [--url URL] [--sizes 10000 100000 1000000] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from genmon_otel.records import Batch
from genmon_otel.store import SqlStore
from store_write import START, record

FILL = 2_000


def median_ms(call: Callable[[], Any], rounds: int = 41) -> float:
    """Milliseconds of a call, median."""
    times = []
    for _ in range(rounds):
        begun = time.perf_counter()
        call()
        times.append(time.perf_counter() - begun)
    return round(statistics.median(times) * 1e3, 3)


def main() -> None:
    """Print a line a size; the last one says how much each grew."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", help="an empty database; default: a SQLite file")
    parser.add_argument("--sizes", type=int, nargs="*", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    folder = tempfile.mkdtemp(prefix="genmon-growth-")
    store = SqlStore(given.url or f"sqlite:///{folder}/genmon.db")
    store.open()
    chance, producer, position, filled = random.Random(1), uuid.uuid4().hex, 0, 0
    rows: list[dict[str, Any]] = []

    def write(count: int) -> None:
        nonlocal position, filled
        records = tuple(record(chance, filled + n, 0.2) for n in range(count))
        store.write(Batch(producer, position, position, records))
        position, filled = position + 1, filled + count

    def strike() -> None:
        nonlocal position, filled
        store.write(Batch(producer, position, position, (record(chance, filled, 1.0),)))
        position, filled = position + 1, filled + 1

    for size in given.sizes:
        while filled < size:
            write(min(FILL, size - filled))
        # Rows lie 0.01 s apart: a window of 90 s holds 9000 of them at every size.
        now = START + filled * 0.01
        handle = store.failures(limit=1)[0].handle
        rows.append(
            {
                "generations": size,
                "health_ms": median_ms(lambda now=now: store.health(90, now)),
                "strike_ms": median_ms(strike),
                "list_ms": median_ms(store.failures),
                "show_ms": median_ms(lambda handle=handle: store.failure(handle)),
            }
        )
        print(rows[-1], flush=True)
    grown = {key: round(rows[-1][key] / rows[0][key], 2) for key in rows[0] if key != "generations"}
    print("grew", grown)
    if given.json:
        given.json.write_text(json.dumps({"rows": rows, "grew": grown}, indent=2), "utf-8")
    store.close()


if __name__ == "__main__":
    main()
