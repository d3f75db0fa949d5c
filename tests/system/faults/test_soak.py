"""Half a minute of load on each database with processes killed at random: the books still agree."""

from __future__ import annotations

import random
import signal
import subprocess
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.system.faults.world import World, ids

pytestmark = [
    pytest.mark.long("half a minute of load and random kills for each seed and store"),
    pytest.mark.timeout(900),
]

#: Seconds of load, processes at a time, lines that the killed ones said before, and how they end.
LOAD_S = 30.0
PROCESSES = 3
LEAST_LINES = 1_000
ENDS = (signal.SIGKILL, signal.SIGKILL, signal.SIGTERM)


class Listener:
    """Reads what an application says until every process behind it is gone."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.lines: list[str] = []
        self._thread = threading.Thread(target=self._listen)
        self._thread.start()

    def _listen(self) -> None:
        assert self.process.stdout is not None
        self.lines.extend(self.process.stdout)

    def said(self) -> str:
        self._thread.join(200)
        assert not self._thread.is_alive()
        return "".join(self.lines)


@pytest.mark.parametrize("seed", [4])
def test_random_kills_under_load(store_url: str, tmp_path: Path, seed: int) -> None:
    """No failure that a caller saw is lost, nothing is counted twice, rows equal rollups."""
    rng = random.Random(seed)
    world = World(store_url, tmp_path / "journal")
    listeners: list[Listener] = []
    with ExitStack() as stack:
        running: list[Listener] = []
        end = time.monotonic() + LOAD_S
        # On a busy machine until there was load.
        while time.monotonic() < end or sum(len(each.lines) for each in listeners) < LEAST_LINES:
            while len(running) < PROCESSES:
                process = stack.enter_context(world.started("soak", rng.randrange(10**6)))
                running.append(Listener(process))
            time.sleep(rng.uniform(1, 4))
            victim = running.pop(rng.randrange(len(running)))
            victim.process.send_signal(rng.choice(ENDS))
            listeners.append(victim)
        for left in running:
            left.process.kill()
        listeners += running
        said = "".join(listener.said() for listener in listeners)
    own = world.inherit()
    stored = world.stored()
    failed, succeeded = ids(said, "failed"), ids(said, "succeeded")
    assert len(failed) > 200
    assert len(set(failed)) == len(failed)
    failures = {i for i, outcome in stored.items() if outcome == "failure"}
    assert set(failed) <= failures, "a failure that its caller saw is lost"
    # What more there is died with its process, or had not quite reached its caller.
    kills = len(listeners)
    assert len(failures - set(failed)) <= kills * 4
    successes = {i for i, outcome in stored.items() if outcome == "success"}
    assert len(successes - {*succeeded, *own}) <= kills * 4
    assert set(stored.values()) <= {"failure", "success", "cancelled"}
