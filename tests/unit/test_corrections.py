"""What people said of failures reaches running processes, and changes nothing that is stored."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import CollectorRegistry

from genmon_otel import conventions as names
from genmon_otel import generation, recorder
from genmon_otel.corrections import Correction, Corrections, corrected, in_force
from genmon_otel.errors import StoreUnavailable
from genmon_otel.instruments import PrometheusMetrics
from genmon_otel.journal.payloads import decode_record, encode_record
from genmon_otel.null_sink import NullSink
from genmon_otel.records import Category, Severity
from genmon_otel.testing import capture
from genmon_otel.wiring.pseudonyms import Pseudonymous
from genmon_otel.writer import loop
from genmon_otel.writer.unfinished import process_died_record
from tests.writer_kit import (
    CountingMetrics,
    FakeClock,
    MemoryStore,
    failure,
    running,
    writer_by_hand,
)

SAID = (Category("prompt_injection"), Severity.LOW)


def correction(fingerprint: str) -> Correction:
    """A person's word on one failure."""
    return Correction(fingerprint, "build_app", "react", *SAID)


# --- what applies them ----------------------------------------------------------


class Corrected(NullSink):
    """A sink whose store has corrections."""

    corrections: Corrections


@generation(name="corrected.build")
def build() -> None:
    """Fail as a programming error does."""
    raise ValueError("no such colour")


def fail(registry: CollectorRegistry, corrections: Corrections) -> tuple[str, dict[str, object]]:
    """Fail once under corrections; the failure's fingerprint and its span's attributes."""
    spans = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    with capture(metrics=PrometheusMetrics(registry), tracer_provider=provider) as seen:
        sink = Corrected()
        sink.corrections = corrections
        sink.deliver = seen.deliver  # type: ignore[method-assign]
        recorder.active_runtime().sink = sink
        with pytest.raises(ValueError, match="colour"):
            build()
        recorder.active_runtime().metrics.count_pending()
    (span,) = spans.get_finished_spans()
    kept = seen.record.failure
    assert kept is not None
    assert (kept.category, kept.severity) == (Category.UNKNOWN, Severity.MEDIUM)
    assert kept.label == (corrections.get(kept.fingerprint) or ("unknown", "medium"))
    return kept.fingerprint, dict(span.attributes or {})


def counted(registry: CollectorRegistry) -> dict[tuple[str, str], float]:
    """Failures counted by category and severity, zeros left out."""
    return {
        (sample.labels["category"], sample.labels["severity"]): sample.value
        for metric in registry.collect()
        for sample in metric.samples
        if sample.name == names.FAILURES.name and sample.value
    }


def test_metrics_spans_and_the_log_say_what_a_person_said(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The record keeps what the rules say, and the failure its fingerprint."""
    registry = CollectorRegistry()
    fingerprint, attributes = fail(registry, in_force([correction("another's")]))
    assert attributes[names.ATTR_FAILURE_CATEGORY] == "unknown"
    with caplog.at_level(logging.ERROR, names.LOGGER):
        again, attributes = fail(registry, in_force([correction(fingerprint)]))
    assert again == fingerprint
    assert attributes[names.ATTR_FAILURE_CATEGORY] == "prompt_injection"
    assert attributes[names.ATTR_FAILURE_SEVERITY] == "low"
    assert attributes[names.ATTR_FAILURE_FINGERPRINT] == fingerprint
    assert "corrected.build prompt_injection at" in caplog.text
    assert counted(registry) == {("unknown", "medium"): 1, ("prompt_injection", "low"): 1}


def test_the_journal_says_what_the_rules_said() -> None:
    """A correction is the store's: an older one in a journal would contradict it."""
    record = failure()
    assert record.failure is not None
    said = corrected(record.failure, in_force([correction(record.failure.fingerprint)]))
    assert said.corrected == SAID
    payload = encode_record(record._replace(failure=said))
    assert "corrected" not in json.loads(payload)["failure"]
    # Nor does it hold the request, which the writer redacts.
    assert decode_record(payload) == (record._replace(user_request=None), None, False)


def test_a_series_is_there_before_its_first_failure() -> None:
    """Of an operation of this process; those of other services on the same store are theirs."""
    registry = CollectorRegistry()
    metrics = PrometheusMetrics(registry)
    metrics.declare("mine", ("react",))
    for operation in ("mine", "theirs"):
        metrics.declare_failure(operation, "react", *SAID)
    labels = {"framework": "react", "category": "prompt_injection", "severity": "low"}
    assert registry.get_sample_value(names.FAILURES.name, {"operation": "mine", **labels}) == 0
    theirs = {"operation": "theirs", **labels}
    assert registry.get_sample_value(names.FAILURES.name, theirs) is None


# --- what reads them ------------------------------------------------------------


def test_the_thread_asks_twice_a_minute_busy_or_idle(tmp_path: Path) -> None:
    """No caller asks; each turn in between costs nothing."""
    store, clock = MemoryStore(), FakeClock()
    writer = writer_by_hand(tmp_path, store, clock)
    assert writer.corrections == {}
    for second in range(90):
        if second > 60:
            writer.deliver(failure())
        writer.turns()
        clock.advance(1)
    assert store.asked_for_corrections == 3
    assert loop.CORRECTIONS_EVERY_S <= 30


def test_a_change_is_seen_at_the_next_look(tmp_path: Path) -> None:
    """New ones, others, and none again after an undo; through pseudonyms too."""
    store, clock = MemoryStore(), FakeClock()
    writer = writer_by_hand(tmp_path, store, clock)
    sink = Pseudonymous(writer, "key")
    for told in ([correction("v2:a")], [correction("v2:a"), correction("v2:b")], []):
        store.corrected = told
        writer.turns()
        clock.advance(31)
        assert dict(sink.corrections) == {each.fingerprint: SAID for each in told}


def test_while_the_store_is_away_the_last_answer_holds(tmp_path: Path) -> None:
    """It is neither forgotten nor asked for in a loop; afterwards it is asked again."""
    store, clock = MemoryStore(), FakeClock()
    store.corrected = [correction("v2:a")]
    writer = writer_by_hand(tmp_path, store, clock)
    writer.turns()
    store.down = True
    for _ in range(300):
        writer.turns()
        clock.advance(1)
    assert dict(writer.corrections) == {"v2:a": SAID}
    store.down, store.corrected = False, []
    for _ in range(62):
        writer.turns()
        clock.advance(1)
    assert dict(writer.corrections) == {}


@pytest.mark.parametrize("broken", [RuntimeError("odd"), StoreUnavailable("odd")])
def test_rows_are_written_though_nobody_can_be_asked(tmp_path: Path, broken: Exception) -> None:
    """A question that the store does not answer holds up no record."""
    store, clock, metrics = MemoryStore(), FakeClock(), CountingMetrics()
    store.corrections_broken = broken
    writer = writer_by_hand(tmp_path, store, clock, metrics)
    writer.deliver(failure("1" * 32))
    for _ in range(40):
        writer.turns()
        clock.advance(1)
    assert store.ids() == ["1" * 32]
    assert writer.account().balanced


def test_a_forked_child_begins_with_what_its_parent_knows(tmp_path: Path) -> None:
    """It need not wait for its own first look."""
    store = MemoryStore()
    store.corrected = [correction("v2:a")]
    writer = writer_by_hand(tmp_path, store)
    writer.turns()
    store.down = True
    writer._start_over()
    writer.turns()
    assert dict(writer.corrections) == {"v2:a": SAID}


def test_a_death_is_counted_as_people_see_it(tmp_path: Path) -> None:
    """The adopter counts and logs it under the correction, and stores what the rules say."""
    store, clock, metrics = MemoryStore(), FakeClock(), CountingMetrics()
    note = running("d" * 32, clock.now() - 5, "chat")
    expected = process_died_record(note, clock.now()).failure
    assert expected is not None
    store.corrected = [correction(expected.fingerprint)]
    writer = writer_by_hand(tmp_path, store, clock)
    writer.watch(lambda: [note])
    writer.turns()
    writer.crash()
    writer_by_hand(tmp_path, store, clock, metrics).drain()
    (dead,) = metrics.ends
    assert dead.failure is not None
    assert dead.failure.label == SAID
    assert dead.failure.category == Category.UNKNOWN
    assert store.ids() == ["d" * 32]
