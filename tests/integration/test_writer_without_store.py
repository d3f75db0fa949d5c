"""A writer on a real folder whose store is away for long."""

from __future__ import annotations

from pathlib import Path

from tests.writer_kit import (
    CountingMetrics,
    FakeClock,
    MemoryStore,
    failure,
    journals,
    writer_by_hand,
)


def test_the_store_down_for_ten_minutes(tmp_path: Path) -> None:
    """100 failures a second: none lost, memory bounded, all stored in order afterwards."""
    store, clock, metrics = MemoryStore(), FakeClock(), CountingMetrics()
    writer = writer_by_hand(tmp_path, store, clock, metrics)
    store.down = True
    ids = []
    for _ in range(600):
        for _ in range(100):
            record = failure()
            ids.append(record.generation_id)
            writer.deliver(record)
        writer.turns()
        clock.advance(1)
    account = writer.account()
    assert (account.journalled, account.in_memory, account.dropped) == (60_000, 0, {})
    assert metrics.up is False
    # 30 s at most between two attempts, half that on average: far from 600 of them.
    assert 15 < store.opened < 120
    store.down = False
    clock.advance(30)
    writer.drain()
    assert store.ids() == ids
    assert writer.account().balanced
    assert metrics.up is True
    assert len(journals(tmp_path)) > 1
    clock.advance(1)
    writer.drain()
    assert len(journals(tmp_path)) == 1
    assert metrics.bytes == 0
