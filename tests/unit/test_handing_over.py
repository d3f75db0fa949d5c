"""Between a generation's end and the books: nothing is lost, told twice or kept alive, and no secret passes."""

from __future__ import annotations

import contextvars
import gc
import sys
import time
import weakref
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import CollectorRegistry

from genmon_otel import conventions as names
from genmon_otel import generation, phase, recorder, step
from genmon_otel.instruments import MAX_EVENTS, NullMetrics, PrometheusMetrics
from genmon_otel.recorder.diagnosis import diagnose
from genmon_otel.records import GenerationRecord, Outcome
from genmon_otel.redaction import Redactor
from genmon_otel.store import SqlStore
from genmon_otel.testing import capture
from genmon_otel.writer import Writer
from genmon_otel.writer.memory_queue import MAX_RECORDS
from genmon_otel.writer.process_state import WAKE_AT, ProcessState
from tests.writer_kit import (
    FakeClock,
    MemoryStore,
    failure,
    running,
    settings_for,
    success,
    writer_by_hand,
)


@generation("handed over")
def handed_over(request: str, image: bytes = b"") -> str:
    return "done"


class Struck(Exception):
    """What a signal's handler raises."""


def test_a_request_is_redacted_though_the_diagnosis_breaks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A failure's request leaves its caller without secrets, whatever could not be found out."""

    @generation("undiagnosed")
    def undiagnosed(request: str) -> None:
        raise ValueError

    monkeypatch.setattr(diagnose, "diagnose", lambda *_: 1 / 0)
    with capture() as seen, pytest.raises(ValueError):
        undiagnosed("my password is hunter2")
    assert seen.record.failure is not None
    assert seen.record.user_request == "my password is redacted"


@pytest.mark.parametrize("broken", ["redactor", "stages"])
def test_what_breaks_at_the_end_costs_only_itself(
    broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the request cannot be redacted, or the steps not told, the failure is kept all the same."""

    @generation("cut short")
    def cut_short(request: str) -> None:
        with pytest.raises(KeyError), step("ask"):
            raise KeyError
        raise ValueError

    def fails(*_: object, **__: object) -> Any:
        raise RuntimeError

    with capture() as seen, pytest.raises(ValueError):
        if broken == "stages":
            monkeypatch.setattr(diagnose, "step_faults", fails)
        else:
            monkeypatch.setattr(Redactor, "text", fails)
        cut_short("x")
    monkeypatch.undo()
    assert seen.record.failure is not None
    assert (seen.record.user_request is None) is (broken == "redactor")


def test_what_has_ended_keeps_neither_arguments_nor_context_alive() -> None:
    """Metrics may not be read for long: large arguments and the caller's context go meanwhile."""

    class Large:
        pass

    variable: contextvars.ContextVar[Large] = contextvars.ContextVar("variable")
    image = bytes(1000)
    kept: list[weakref.ref[Large]] = []

    def call() -> None:
        large = Large()
        kept.append(weakref.ref(large))
        variable.set(large)
        handed_over("a page", image)

    metrics = PrometheusMetrics(CollectorRegistry())
    with capture(metrics=metrics):
        before = sys.getrefcount(image)
        contextvars.copy_context().run(call)
        gc.collect()
        assert kept[0]() is None
        assert sys.getrefcount(image) == before
        metrics.count_pending()


def test_a_record_keeps_no_argument_alive() -> None:
    """However long the writer is inside its store: a success leaves its request, and no argument."""
    image = bytes(100_000)
    with capture() as seen:
        recorder.active_runtime().sample_due["handed over"] = float("inf")
        before = sys.getrefcount(image)
        handed_over("a page", image)
        handed_over(request="a page", image=image)
        assert len(seen.records) == 2
        assert sys.getrefcount(image) == before
        assert seen.records[0].user_request == "a page"


def test_an_end_told_twice_counts_once() -> None:
    """Also where another thread's end comes in between."""
    registry = CollectorRegistry()
    metrics = PrometheusMetrics(registry)
    told: list[tuple[str, Any]] = []

    class Twice(NullMetrics):
        def count_starts(self, operations: Any) -> None:  # type: ignore[override]
            told.append(("count_starts", operations))

        def count_ends(self, ends: Any) -> None:  # type: ignore[override]
            told.append(("count_ends", ends))

    with capture(metrics=Twice()):
        handed_over("a")
        handed_over("b")
    for method, what in (*told, *told):
        getattr(metrics, method)(what)
    labels = {"operation": "handed over", "framework": "none", "outcome": "success"}
    assert registry.get_sample_value("genmon_generations_total", labels) == 2
    assert registry.get_sample_value("genmon_records_started_total") == 2


def test_a_default_that_may_change_is_read_at_once() -> None:
    """What is read on the writer's thread cannot have changed since, nor runs the user's code there."""
    default = ["a page"]

    @generation("defaulted", request="wanted")
    def defaulted(wanted: list[str] = default) -> None:
        default.append("changed")

    with capture() as seen:
        defaulted()
    assert seen.record.user_request == "['a page']"


# --- the writer's side -------------------------------------------------------------


def test_an_end_amid_close_is_journalled(tmp_path: Path) -> None:
    """A success that is put in memory right after close() emptied it is there for the next process."""
    store, clock = MemoryStore(), FakeClock()
    writer = writer_by_hand(tmp_path, store, clock)
    writer.drain()
    put = writer.queue.put

    def closing(record: GenerationRecord, seq: int | None) -> bool:
        assert writer._process.is_closed or writer.close(1)
        return put(record, seq)

    writer.queue.put = closing  # type: ignore[method-assign]
    writer.deliver(success("a" * 32))
    writer.deliver(success("b" * 32))
    assert writer.account().in_memory == 0
    assert writer.account().balanced
    writer.close(1)
    writer_by_hand(tmp_path, store, clock).drain()
    assert sorted(store.ids()) == ["a" * 32, "b" * 32]


@pytest.mark.parametrize("ended", [success, failure])
def test_an_end_delivered_again_after_an_interruption_counts_once(
    tmp_path: Path, ended: Callable[[str], GenerationRecord]
) -> None:
    """A signal struck the caller right after the first time; without a journal, a failure as well."""
    (tmp_path / "j").write_text("in the way")
    store = MemoryStore()
    writer = writer_by_hand(tmp_path / "j", store)
    record = ended("a" * 32)
    writer.deliver(record)
    writer.deliver(record)
    assert writer.account().delivered == 1
    writer.drain()
    assert store.ids() == ["a" * 32]


def test_an_interruption_amid_an_eviction_loses_no_count(tmp_path: Path) -> None:
    """What a full memory gave up before a signal struck is counted as dropped."""

    class Striking(deque[GenerationRecord]):
        def popleft(self) -> GenerationRecord:
            super().popleft()
            raise Struck

    writer = writer_by_hand(tmp_path, MemoryStore())
    for n in range(MAX_RECORDS):
        writer.deliver(success(f"{n:032x}"))
    writer.queue._others = Striking(writer.queue._others)
    with pytest.raises(Struck):
        writer.queue.put(success())
    assert writer.account().dropped == {"memory_full": 1}
    assert writer.account().balanced


def test_a_success_wakes_no_thread_that_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first starts it; after that a caller leaves a record and goes."""
    metrics = NullMetrics()
    settings = settings_for(tmp_path)
    writer = Writer(MemoryStore(), settings=settings, metrics=metrics, redactor=Redactor())  # type: ignore[arg-type]
    writer.deliver(success())
    assert writer._process.has_thread
    woken: list[str] = []
    monkeypatch.setattr(writer._process, "wake", lambda: woken.append("woken"))
    writer.deliver(success())
    assert woken == []
    monkeypatch.undo()
    assert writer.close(5)


def test_memory_that_fills_wakes_the_thread_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many more come before it has its turn."""
    writer = writer_by_hand(tmp_path, MemoryStore())
    woken: list[int] = []
    monkeypatch.setattr(writer._process, "wake", lambda: woken.append(len(writer.queue)))
    for _ in range(3 * WAKE_AT):
        writer.deliver(success())
    assert woken == [WAKE_AT]


def test_memory_is_bounded_where_no_thread_can_be_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The oldest successes go, counted; callers never notice."""

    def refuse() -> None:
        raise RuntimeError("can't start new thread")

    writer = writer_by_hand(tmp_path, MemoryStore())
    monkeypatch.setattr(writer._process, "start", refuse)
    for n in range(2 * MAX_RECORDS):
        writer.deliver(success(f"{n:032x}"))
    account = writer.account()
    assert account.in_memory <= MAX_RECORDS
    assert account.delivered == 2 * MAX_RECORDS
    assert account.balanced


def test_callers_never_send_redact_or_count_for_the_writer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However far the writer is behind: its work stays its own, the oldest successes go instead."""
    writer = writer_by_hand(tmp_path, MemoryStore())

    def forbidden(*_: object) -> None:
        raise AssertionError("a caller did the writer's work")

    monkeypatch.setattr(ProcessState, "turn", forbidden)
    monkeypatch.setattr(Redactor, "text", forbidden)
    monkeypatch.setattr(MemoryStore, "write", forbidden)
    for _ in range(MAX_RECORDS + 500):
        writer.deliver(success(user_request="a page"))
    assert writer.account().stored == 0
    assert writer.account().dropped["memory_full"] >= 500
    assert writer._services.metrics.errors == {}  # type: ignore[attr-defined]


def test_dropped_successes_keep_their_count_for_health(tmp_path: Path) -> None:
    """Their rows are gone; attempts, and so the failure rate, are what they were."""
    now = time.time()
    ended = now - 1800
    store = SqlStore(f"sqlite:///{tmp_path}/genmon.db")
    writer = writer_by_hand(tmp_path / "journal", store)
    writer.queue._max_records = 200
    for n in range(1000):
        writer.deliver(
            success(ended_at=ended, outcome=Outcome.SUCCESS if n % 10 else Outcome.CANCELLED)
        )
    for _ in range(100):
        writer.deliver(failure()._replace(ended_at=ended))
    writer.drain()
    account = writer.account()
    assert account.balanced
    assert account.dropped["memory_full"] >= 800
    health = store.health(3600, now)
    assert (health.successes, health.failures) == (900, 100)
    writer.close(5)


def test_counts_of_dropped_successes_are_stored_once(tmp_path: Path) -> None:
    """Also where the answer to their batch was lost, and where a row in it is refused."""
    store, clock = MemoryStore(), FakeClock()
    writer = writer_by_hand(tmp_path, store, clock)
    writer.queue._max_records = 10
    store.lose_answers = 1
    store.refuse = lambda batch: any(r.generation_id == "f" * 32 for r in batch.records)
    for n in range(50):
        writer.deliver(success(f"{n:032x}"))
    writer.deliver(failure("f" * 32))
    for _ in range(3):
        writer.drain()
        clock.advance(60)
    counted = sum(count for batch in store.batches for *_, count, _ in batch.counts)
    account = writer.account()
    assert counted == account.dropped["memory_full"] > 0
    assert len(store.ids()) + counted == 50
    assert account.dropped["refused"] == 1
    assert account.balanced


def test_a_failure_survives_any_number_of_successes(tmp_path: Path) -> None:
    """Without a journal failures wait in memory too, and no success pushes them out."""
    (tmp_path / "j").write_text("in the way")
    store = MemoryStore()
    writer = writer_by_hand(tmp_path / "j", store)
    writer.deliver(failure("f" * 32))
    for _ in range(2 * MAX_RECORDS):
        writer.deliver(success())
    writer.drain()
    assert "f" * 32 in store.ids()
    assert writer.account().balanced


def test_a_generation_of_very_many_stages_counts_at_its_end() -> None:
    """What its stages left waiting grows with their number, not with that of generations."""

    @generation("staged")
    def staged() -> None:
        for _ in range(MAX_EVENTS + 100):
            with phase("plan"):
                pass

    metrics = PrometheusMetrics(CollectorRegistry())
    relieved: list[int] = []
    metrics.count_if_many_pending = lambda: relieved.append(metrics._pending_events())  # type: ignore[method-assign]
    with capture(metrics=metrics):
        staged()
    assert len(relieved) == 1
    assert relieved[0] > MAX_EVENTS


def test_the_bell_rings_until_it_is_heard(tmp_path: Path) -> None:
    """Rung twice before the thread listens, it is one more turn."""
    process = writer_by_hand(tmp_path, MemoryStore())._process
    process.wake()
    process.wake()
    assert process._wake_lock.acquire(blocking=False)
    assert not process._wake_lock.acquire(blocking=False)


def test_nothing_ends_the_writers_thread(tmp_path: Path) -> None:
    """Not even what a driver raises to end a program or a task."""

    class Ends(MemoryStore):
        strikes = 1

        def open(self) -> None:
            if self.strikes:
                self.strikes -= 1
                raise SystemExit

    store = Ends()
    writer = Writer(
        store, settings=settings_for(tmp_path), metrics=NullMetrics(), redactor=Redactor()
    )
    try:
        writer.deliver(success("a" * 32))
        assert writer.flush(20)
        assert store.ids() == ["a" * 32]
    finally:
        writer.close(5)


def test_a_success_that_was_noted_ends_in_the_journal(tmp_path: Path) -> None:
    """Else its note would tell of a death, should the process die before the store has it."""
    clock = FakeClock()
    writer = writer_by_hand(tmp_path, MemoryStore(), clock)
    writer.watch(lambda: [running("a" * 32, clock.now() - 5)])
    writer.turns()
    writer.watch(tuple)
    writer.deliver(success("a" * 32))
    assert writer.account().journalled == 1


def test_what_ends_while_it_is_being_noted_is_not_noted(tmp_path: Path) -> None:
    """It ended before it could see the mark: no note may follow."""
    clock = FakeClock()
    writer = writer_by_hand(tmp_path, MemoryStore(), clock)
    lists = iter([[running("a" * 32, clock.now() - 5)], []])
    writer.watch(lambda: next(lists))
    writer.turns()
    assert not writer._process._running._noted


def test_a_request_on_a_span_is_redacted() -> None:
    """Content may be asked for, secrets never."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    with capture(tracer_provider=provider):
        recorder.active_runtime().content_on_spans = True
        handed_over("my password is hunter2")
    (span,) = exporter.get_finished_spans()
    said = str((span.attributes or {})[names.GEN_AI_INPUT_MESSAGES])
    assert "password" in said
    assert "hunter2" not in said
