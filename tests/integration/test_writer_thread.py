"""The writer with its thread: callers never wait for the store, whatever it does."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry import context
from prometheus_client import CollectorRegistry

from genmon_otel.instruments import PrometheusMetrics
from genmon_otel.records import Batch, WriteResult
from genmon_otel.redaction import Redactor
from genmon_otel.writer import Writer
from tests.writer_kit import (
    CountingMetrics,
    FakeClock,
    MemoryStore,
    failure,
    journals,
    settings_for,
    success,
    writer_by_hand,
)


class StuckStore(MemoryStore):
    """Answers a write only when told to."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = threading.Event()
        self.answer = threading.Event()
        self.suppressed: list[object] = []
        self.inside = False

    def write(self, batch: Batch) -> WriteResult:
        self.inside = True
        try:
            return self._write(batch)
        finally:
            self.inside = False

    def _write(self, batch: Batch) -> WriteResult:
        self.asked.set()
        self.suppressed.append(context.get_value("suppress_instrumentation"))
        assert self.answer.wait(120)
        return super().write(batch)


@pytest.fixture
def stuck(tmp_path: Path) -> Iterator[tuple[Writer, StuckStore]]:
    store = StuckStore()
    writer = Writer(
        store, settings=settings_for(tmp_path), metrics=CountingMetrics(), redactor=Redactor()
    )
    yield writer, store
    store.answer.set()
    writer.close(10)


def test_nobody_waits_for_a_store_that_is_stuck(stuck: tuple[Writer, StuckStore]) -> None:
    """Thousands of deliveries return while one write hangs; then all of it is stored."""
    writer, store = stuck
    writer.deliver(success())
    assert store.asked.wait(120)
    for _ in range(1000):
        writer.deliver(failure())
        writer.deliver(success())
    account = writer.account()
    assert (account.stored, account.journalled, account.in_memory) == (0, 1000, 1001)
    store.answer.set()
    assert writer.flush(120)
    assert writer.account().stored == 2001
    assert writer.account().balanced


def test_a_scrape_sees_what_waits_for_a_stuck_store(tmp_path: Path) -> None:
    """Ended = written + queue depth + dropped, also while one write hangs for a minute."""
    store, registry = StuckStore(), CollectorRegistry()
    metrics = PrometheusMetrics(registry)
    writer = Writer(store, settings=settings_for(tmp_path), metrics=metrics, redactor=Redactor())
    try:
        writer.deliver(success())
        assert store.asked.wait(120)
        for _ in range(10):
            writer.deliver(failure())
            writer.deliver(success())
        assert registry.get_sample_value("genmon_queue_depth") == 21
        assert (registry.get_sample_value("genmon_journal_bytes") or 0) > 10 * 500
        store.answer.set()
        assert writer.flush(120)
        assert registry.get_sample_value("genmon_queue_depth") == 0
    finally:
        store.answer.set()
        writer.close(10)
        metrics.close()


def test_the_store_is_used_with_instrumentation_suppressed(
    stuck: tuple[Writer, StuckStore],
) -> None:
    """A store that OpenTelemetry instruments makes no spans of our own writes."""
    writer, store = stuck
    store.answer.set()
    writer.deliver(success())
    assert writer.flush(120)
    assert store.suppressed == [True]
    assert context.get_value("suppress_instrumentation") is None


def test_closing_over_a_stuck_store_keeps_its_deadline(
    stuck: tuple[Writer, StuckStore], tmp_path: Path
) -> None:
    """What the store may or may not have is journalled; the heir stores each once."""
    writer, store = stuck
    writer.deliver(success("a" * 32))
    assert store.asked.wait(120)
    writer.deliver(failure("b" * 32))
    assert writer.close(0.3) is False  # the store answers only afterwards
    store.answer.set()
    deadline = time.monotonic() + 120
    while not store.records and time.monotonic() < deadline:
        time.sleep(0.01)
    heir = writer_by_hand(tmp_path, store, FakeClock())
    heir.drain()
    assert sorted(store.ids()) == ["a" * 32, "b" * 32]


def test_many_threads_one_account(tmp_path: Path) -> None:
    """Deliveries from many threads at once are all stored once, and the books balance."""
    store = MemoryStore()
    writer = Writer(
        store, settings=settings_for(tmp_path), metrics=CountingMetrics(), redactor=Redactor()
    )

    def deliver() -> None:
        for _ in range(200):
            writer.deliver(failure())
            writer.deliver(success())

    threads = [threading.Thread(target=deliver) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert writer.close(120)
    assert len(store.ids()) == len(set(store.ids())) == 3200
    assert writer.account().balanced
    assert journals(tmp_path) == []


def test_a_forked_child_starts_over(tmp_path: Path) -> None:
    """The parent's items stay with the parent; the child has a journal of its own."""
    writer = writer_by_hand(tmp_path, MemoryStore())
    writer.deliver(failure())
    writer.deliver(success())
    read, write = os.pipe()
    pid = os.fork()
    if not pid:
        writer.deliver(failure())
        os.write(write, repr(writer.account().delivered).encode())
        os._exit(0)
    os.waitpid(pid, 0)
    assert os.read(read, 100) == b"1"
    os.close(read)
    os.close(write)
    assert writer.account().delivered == 2
    assert len(journals(tmp_path)) == 2
    store = MemoryStore()
    heir = writer_by_hand(tmp_path, store)
    heir.drain()
    assert len(store.records) == 1  # the child's: the parent lives


def test_a_fork_waits_for_the_stores_library_but_not_for_ever(
    stuck: tuple[Writer, StuckStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No child is forked amid a write that ends soon; one that does not end holds nobody up."""
    writer, store = stuck
    writer.deliver(failure())
    writer._process.wake()
    assert store.asked.wait(120)
    assert _child_sees(store) == b"amidst"
    monkeypatch.setattr("genmon_otel.writer._FORK_WAIT_S", 120.0)  # however busy the machine
    threading.Timer(0.1, store.answer.set).start()
    assert _child_sees(store) == b"outside"
    assert writer.flush(120)  # the thread goes on where the fork stopped it


def _child_sees(store: StuckStore) -> bytes:
    """Whether the writer's thread was amidst a write at the moment of a fork."""
    read, write = os.pipe()
    pid = os.fork()
    if not pid:
        os.write(write, b"amidst" if store.inside else b"outside")
        os._exit(0)
    os.waitpid(pid, 0)
    said = os.read(read, 100)
    os.close(read)
    os.close(write)
    return said


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.floats(0, 1), st.booleans(), st.integers(1, 255))
def test_a_damaged_journal_is_adopted_but_for_its_damage(
    tmp_path_factory: pytest.TempPathFactory, where: float, cut: bool, flip: int
) -> None:
    """Torn anywhere or one byte flipped: what is intact is stored, nothing is made up."""
    folder = tmp_path_factory.mktemp("journal")
    store = MemoryStore()
    writer = writer_by_hand(folder, store)
    records = [failure() for _ in range(8)]
    for record in records:
        writer.deliver(record)
    writer.crash()
    (path,) = journals(folder)
    data = bytearray(path.read_bytes())
    at = min(len(data) - 1, int(where * len(data)))
    if cut:
        del data[at:]
    else:
        data[at] ^= flip
    path.write_bytes(data)
    heir = writer_by_hand(folder, store)
    heir.drain()
    ids = [record.generation_id for record in records]
    assert set(store.ids()) <= set(ids)
    assert len(store.ids()) == len(set(store.ids()))
    if cut:
        assert store.ids() == ids[: len(store.ids())]
    else:
        assert len(store.ids()) >= 7
        assert heir.account().dropped.get("journal_damaged", 0) == 8 - len(store.ids())
    assert heir.account().balanced
    assert journals(folder) == []
