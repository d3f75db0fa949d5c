"""No call does twice the work it did: counted, not timed, so that a busy machine changes nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import guard

ROOT = Path(__file__).parents[2]
KNOWN = guard.known()

#: In a process of its own: what other tests left behind, or trace, would be counted too.
SCRIPT = """
import json
from dataclasses import asdict
from benchmarks import guard
found = guard.decorated() | guard.stored()
print(json.dumps({name: asdict(counts) for name, counts in found.items()}))
"""


@pytest.fixture(scope="module")
def counted() -> dict[str, dict[str, int]]:
    """Today's counts."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        capture_output=True, text=True, timeout=240, cwd=ROOT, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found: dict[str, dict[str, int]] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


@pytest.mark.parametrize("name", KNOWN)
@pytest.mark.xdist_group("benchmark_guard")
def test_a_call_does_no_more_than_it_did(name: str, counted: dict[str, dict[str, int]]) -> None:
    """Instructions, calls and SQL statements stay below 1.7 times what guard.json says."""
    for what, before in KNOWN[name].items():
        now = counted[name][what]
        assert now <= before * guard.BOUND, (
            f"{name}: {now} {what}, {before} before. Mend it; if it is worth its cost: "
            "python -m benchmarks.guard --write"
        )


@pytest.mark.xdist_group("benchmark_guard")
def test_everything_that_is_counted_has_a_bound(counted: dict[str, dict[str, int]]) -> None:
    """A new measurement without a line in guard.json would guard nothing."""
    assert set(counted) == set(KNOWN)


def test_a_doubling_is_seen() -> None:
    """Twice the work counts as twice, in a loop without calls as well as in calls."""

    def work(times: int) -> int:
        total = 0
        for number in range(times * 1000):
            total += number
        for number in range(times * 1000):
            total += len(str(number))
        return total

    once, twice = guard.count(lambda: work(1)), guard.count(lambda: work(2))
    assert twice.instructions > once.instructions * guard.BOUND
    assert twice.calls > once.calls * guard.BOUND
