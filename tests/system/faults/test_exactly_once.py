"""The real stores with answers lost and calls failing at random: each record once."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest

from genmon_otel.errors import StoreUnavailable
from genmon_otel.records import Batch, WriteResult
from genmon_otel.store import SqlStore
from tests.system.faults.world import World
from tests.writer_kit import ByHand, FakeClock, failure, journals, success, writer_by_hand


class Flaky:
    """A store whose writes fail before, or whose answers are lost after, the commit."""

    def __init__(self, store: SqlStore, rng: random.Random) -> None:
        self._store = store
        self._rng = rng
        self.well = False

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)

    def write(self, batch: Batch) -> WriteResult:
        fate = 1.0 if self.well else self._rng.random()
        if fate < 0.2:
            raise StoreUnavailable("away, by command")
        result = self._store.write(batch)
        if fate < 0.5:
            raise StoreUnavailable("the answer was lost, by command")
        return result


@pytest.mark.parametrize("seed", range(3))
def test_lost_answers_and_crashes(store_url: str, tmp_path: Path, seed: int) -> None:
    """Two writers, crashes in between, an heir: failures, rollups and rows agree with what was."""
    rng = random.Random(seed)
    store, clock, folder = Flaky(SqlStore(store_url), rng), FakeClock(), tmp_path / "journal"
    now = time.time()
    failed: set[str] = set()
    succeeded: set[str] = set()

    def begin() -> ByHand:
        return writer_by_hand(folder, store, clock)

    writers = [begin(), begin()]
    for _ in range(60):
        place = rng.randrange(2)
        for _ in range(rng.randrange(12)):
            record = rng.choice((failure, success))()._replace(started_at=now - 1, ended_at=now)
            writers[place].deliver(record)
            (failed if record.failure else succeeded).add(record.generation_id)
        writers[place].turns(rng.randrange(4))
        clock.advance(rng.choice((0.1, 5, 70)))
        if rng.random() < 0.1:
            writers[place].crash()
            writers[place] = begin()
    for writer in writers:
        writer.close(0)
    store.well = True
    clock.advance(100)
    heir = begin()
    heir.drain()
    assert journals(folder) == []
    stored = World(store_url, folder).stored()
    assert {i for i, outcome in stored.items() if outcome == "failure"} == failed
    assert {i for i, outcome in stored.items() if outcome == "success"} <= succeeded
    assert heir.account().balanced
    heir.close(1)
