"""Metrics: what is counted under which name, with bounded memory, and without raising."""

from __future__ import annotations

import ast
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.parser import text_string_to_metric_families

from genmon_otel import conventions as names
from genmon_otel.classification import register_rule
from genmon_otel.errors import ConfigurationError
from genmon_otel.instruments import (
    COUNTING_FAILED,
    LABEL_OVERFLOW,
    MAX_EVENTS,
    Instruments,
    NullMetrics,
    PrometheusMetrics,
)
from genmon_otel.ports import Metrics
from genmon_otel.recorder import end
from genmon_otel.recorder.generation import Generation
from genmon_otel.recorder.stage import Stage as RunningStage
from genmon_otel.records import Category, Failure, GenerationRecord, Outcome, Severity, Stage

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def metrics(registry: CollectorRegistry) -> PrometheusMetrics:
    return PrometheusMetrics(registry, now=lambda: 1_700_000_000.0)


def failure(category: Category = Category.RATE_LIMIT, **changes: Any) -> Failure:
    return Failure(
        category=category,
        severity=category.default_severity,
        error_type="RateLimitError",
        error_message="slow down",
        stack_trace="",
        fingerprint="v2:0",
        signature="v2:0",
        **changes,
    )


def record(
    outcome: Outcome = Outcome.SUCCESS,
    operation: str = "build_app",
    framework: str = "react",
    failed: Failure | None = None,
    **changes: Any,
) -> GenerationRecord:
    return GenerationRecord(
        generation_id="0" * 32,
        operation=operation,
        framework=framework,
        outcome=outcome,
        started_at=1.0,
        ended_at=3.5,
        duration_s=2.5,
        trace_id=TRACE_ID,
        failure=failed or (failure() if outcome is Outcome.FAILURE else None),
        **changes,
    )


def samples(registry: CollectorRegistry, metric: str) -> dict[tuple[str, ...], float]:
    """Values of one sample name, by its label values in order of label name."""
    return {
        tuple(sample.labels[label] for label in sorted(sample.labels)): sample.value
        for family in registry.collect()
        for sample in family.samples
        if sample.name == metric
    }


def test_every_name_label_and_bucket_comes_from_the_conventions(
    registry: CollectorRegistry, metrics: PrometheusMetrics
) -> None:
    """An application serves exactly the metrics of conventions.METRICS."""
    metrics.declare("build_app", ["react"])
    metrics.stage(("build_app", Stage("plan", "phase", 0.2, Outcome.SUCCESS)))
    metrics.stage(("build_app", Stage("chat", "step", 0.3, Outcome.FAILURE)))
    metrics.dropped("full")
    metrics.resources("build_app", 1.0, 2**25)
    served = {family.name: family for family in registry.collect()}
    expected = [metric for metric in names.METRICS if metric.served_by == "applications"]
    assert set(served) == {metric.name.removesuffix("_total") for metric in expected}
    for metric in expected:
        family = served[metric.name.removesuffix("_total")]
        assert family.type == metric.type
        assert family.documentation == metric.help
        found = [s for s in family.samples if not s.name.endswith("_created")]
        assert found, f"{metric.name} has no series"
        for sample in found:
            assert set(sample.labels) - {"le"} == set(metric.labels)
        if metric.type == "histogram":
            bounds = {float(s.labels["le"]) for s in found if s.name.endswith("_bucket")}
            assert bounds == {*map(float, metric.buckets), float("inf")}


def test_every_label_set_that_can_be_known_is_there_at_0(
    registry: CollectorRegistry, metrics: PrometheusMetrics
) -> None:
    """Declaring an operation creates its counters, start times and histograms before the first call."""
    metrics.declare("build_app", ["react", "vue"])
    ends = {
        ("react", "build_app", "success"), ("react", "build_app", "failure"),
        ("react", "build_app", "cancelled"), ("react", "build_app", "rejected"),
        ("vue", "build_app", "success"), ("vue", "build_app", "failure"),
        ("vue", "build_app", "cancelled"), ("vue", "build_app", "rejected"),
    }  # fmt: skip
    assert samples(registry, "genmon_generations_total") == dict.fromkeys(ends, 0)
    assert samples(registry, "genmon_series_start_timestamp_seconds") == dict.fromkeys(
        ends, 1_700_000_000.0
    )
    assert samples(registry, "genmon_generation_duration_seconds_count") == dict.fromkeys(ends, 0)
    failures = samples(registry, "genmon_generation_failures_total")
    assert set(failures) == {
        (category, framework, "build_app", category.default_severity)
        for category in Category.known()
        for framework in ("react", "vue")
    } | {
        (category, framework, "build_app", "critical")
        for category in ("provider_error", "unknown")
        for framework in ("react", "vue")
    }
    assert set(failures.values()) == {0}
    assert samples(registry, "genmon_generations_in_progress") == {("build_app",): 0}
    assert samples(registry, "genmon_failures_reopened_total").keys() == {
        (category, "build_app") for category in Category.known()
    }


def test_each_outcome_of_a_stage_is_counted(
    registry: CollectorRegistry, metrics: PrometheusMetrics
) -> None:
    """A phase can be rejected, too."""
    for outcome in Outcome:
        metrics.stage(("build_app", Stage("plan", "phase", 0.2, outcome)))
    found = samples(registry, "genmon_phase_duration_seconds_count")
    assert found == {("build_app", outcome, "plan"): 1 for outcome in Outcome}


def test_an_operation_without_frameworks_is_declared_without(
    registry: CollectorRegistry, metrics: PrometheusMetrics
) -> None:
    """No framework declared means the one series ``none``."""
    metrics.declare("report")
    assert {key[0] for key in samples(registry, "genmon_generations_total")} == {"none"}


def test_a_generation_is_counted_where_it_belongs(
    registry: CollectorRegistry, metrics: PrometheusMetrics
) -> None:
    """Start, end, failure, duration, files, phases and steps are counted in their series."""
    metrics.started("build_app")
    metrics.started("build_app")
    metrics.started("build_app")
    assert samples(registry, "genmon_generations_in_progress") == {("build_app",): 3}
    metrics.ended(record(file_count=7))
    metrics.ended(record(Outcome.FAILURE, file_count=3))
    metrics.stage(("build_app", Stage("plan", "phase", 0.2, Outcome.SUCCESS)))
    metrics.stage(("build_app", Stage("chat", "step", 0.3, Outcome.FAILURE)))

    total = samples(registry, "genmon_generations_total")
    assert total == {("react", "build_app", "success"): 1, ("react", "build_app", "failure"): 1}
    assert samples(registry, "genmon_generation_failures_total") == {
        ("rate_limit", "react", "build_app", "medium"): 1
    }
    assert samples(registry, "genmon_generation_duration_seconds_sum") == dict.fromkeys(total, 2.5)
    assert samples(registry, "genmon_generated_files_sum") == {("react", "build_app"): 7}
    assert samples(registry, "genmon_generations_in_progress") == {("build_app",): 1}
    assert samples(registry, "genmon_records_started_total") == {(): 3}
    assert samples(registry, "genmon_phase_duration_seconds_count") == {
        ("build_app", "success", "plan"): 1
    }
    assert samples(registry, "genmon_step_duration_seconds_count") == {
        ("build_app", "failure", "chat"): 1
    }


def test_the_writers_figures_are_shown(
    registry: CollectorRegistry, metrics: PrometheusMetrics
) -> None:
    """A scrape contains the writer's figures."""
    metrics.written(5)
    metrics.retried(2)
    metrics.dropped("full", 3)
    metrics.queue_depth(9)
    metrics.journal_bytes(1024)
    metrics.store_up(True)
    metrics.batch_seconds(0.02)
    metrics.internal_error("decorator")
    metrics.reopened("build_app", "rate_limit")
    assert samples(registry, "genmon_records_written_total") == {(): 5}
    assert samples(registry, "genmon_records_retried_total") == {(): 2}
    assert samples(registry, "genmon_records_dropped_total")[("full",)] == 3
    assert samples(registry, "genmon_queue_depth") == {(): 9}
    assert samples(registry, "genmon_journal_bytes") == {(): 1024}
    assert samples(registry, "genmon_store_up") == {(): 1}
    assert samples(registry, "genmon_write_duration_seconds_count") == {(): 1}
    assert samples(registry, "genmon_internal_errors_total")[("decorator",)] == 1
    assert samples(registry, "genmon_failures_reopened_total") == {("rate_limit", "build_app"): 1}
    metrics.store_up(False)
    assert samples(registry, "genmon_store_up") == {(): 0}


def test_resources_are_declared_only_where_they_are_measured() -> None:
    """CPU time and memory have series before the first call only when they were asked for."""
    for measured in (False, True):
        registry = CollectorRegistry()
        PrometheusMetrics(registry, resources=measured).declare("build_app")
        assert bool(samples(registry, "genmon_generation_cpu_seconds_total")) is measured
        assert bool(samples(registry, "genmon_generation_peak_memory_bytes_count")) is measured


def test_a_generation_whose_process_died_is_counted_but_was_not_in_progress_here(
    registry: CollectorRegistry, metrics: PrometheusMetrics
) -> None:
    """The adopter of a dead process counts its failure and leaves its own gauge alone."""
    metrics.started("build_app")
    died = record(Outcome.FAILURE, failed=failure(Category.UNKNOWN, origin="process_died"))
    metrics.ended(died)
    assert samples(registry, "genmon_generations_total")[("react", "build_app", "failure")] == 1
    assert samples(registry, "genmon_generations_in_progress") == {("build_app",): 1}


def test_a_birth_is_set_before_its_counter_and_never_again(registry: CollectorRegistry) -> None:
    """A scrape with a counter has its start time, which does not change."""
    ticks = iter(range(100, 10_000))
    metrics = PrometheusMetrics(registry, now=lambda: float(next(ticks)))
    metrics.ended(record(framework="late"))
    starts = samples(registry, "genmon_series_start_timestamp_seconds")
    assert starts.keys() == samples(registry, "genmon_generations_total").keys()
    metrics.declare("build_app", ["late"])
    metrics.ended(record(framework="late"))
    later = samples(registry, "genmon_series_start_timestamp_seconds")
    assert later[("late", "build_app", "success")] == starts[("late", "build_app", "success")]


def test_a_scrape_reads_counters_before_births(
    registry: CollectorRegistry, metrics: PrometheusMetrics
) -> None:
    """A series created during a scrape is never served without its start time."""
    order = [family.name for family in registry.collect()]
    assert order.index("genmon_generations") < order.index("genmon_series_start_timestamp_seconds")


def test_ten_thousand_label_values_become_a_hundred_and_other(
    registry: CollectorRegistry, metrics: PrometheusMetrics
) -> None:
    """Label values beyond the limit are counted as ``other``, in bounded memory."""
    for number in range(10_000):
        metrics.ended(record(framework=f"framework-{number}"))
    total = samples(registry, "genmon_generations_total")
    assert len(total) == names.MAX_LABEL_VALUES + 1
    assert sum(total.values()) == 10_000
    assert total[(names.OTHER, "build_app", "success")] == 10_000 - names.MAX_LABEL_VALUES
    assert samples(registry, "genmon_internal_errors_total")[(LABEL_OVERFLOW,)] == (
        10_000 - names.MAX_LABEL_VALUES
    )
    assert len(metrics._ended) == names.MAX_LABEL_VALUES


def test_the_bound_is_of_a_label_not_of_a_metric(
    registry: CollectorRegistry, metrics: PrometheusMetrics
) -> None:
    """Steps beyond the limit do not affect operations."""
    for number in range(500):
        metrics.stage(("build_app", Stage(f"step-{number}", "step", 0.1, Outcome.SUCCESS)))
    metrics.ended(record(operation="other_app"))
    assert ("react", "other_app", "success") in samples(registry, "genmon_generations_total")


@given(st.text(max_size=300))
def test_any_text_is_a_label_value_that_can_be_scraped(value: str) -> None:
    """With any name of an operation the exposition can be parsed and counts it."""
    registry = CollectorRegistry()
    metrics = PrometheusMetrics(registry)
    metrics.ended(record(operation=value, framework=value))
    families = list(text_string_to_metric_families(generate_latest(registry).decode()))
    (found,) = [
        sample
        for family in families
        for sample in family.samples
        if sample.name == "genmon_generations_total"
    ]
    assert found.value == 1
    assert 0 < len(found.labels["operation"]) <= names.MAX_LABEL_LENGTH
    assert min(found.labels["operation"]) >= " "


@pytest.mark.parametrize(
    "value", ["\ud800", "a\0b", "x" * 10_000_000, "a\nb", "\x1b[31mred", "", "   "]
)
def test_hostile_label_values_are_scrubbed(value: str) -> None:
    """NUL, surrogates, escape codes, megabytes and nothing at all become bounded, clean text."""
    registry = CollectorRegistry()
    PrometheusMetrics(registry).started(value)
    ((operation,),) = samples(registry, "genmon_generations_in_progress")
    assert 0 < len(operation) <= names.MAX_LABEL_LENGTH
    assert operation.isprintable()
    assert operation.encode()


@pytest.mark.parametrize("secret", ["ghp_" + "a1B2c3D4e5F6" * 3, "ada@example.org"])
def test_no_label_value_holds_a_secret(secret: str) -> None:
    """A secret in the name of an operation, a framework or a stage is in no series."""
    registry = CollectorRegistry()
    metrics = PrometheusMetrics(registry)
    metrics.started(f"build for {secret}")
    metrics.ended(record(Outcome.SUCCESS)._replace(framework=secret))
    assert secret not in generate_openmetrics(registry).decode()


def test_exemplars_name_only_traces_that_are_kept(
    registry: CollectorRegistry, metrics: PrometheusMetrics
) -> None:
    """A failure whose trace was sampled away has no exemplar; one that was kept has its trace id."""
    metrics.count_ends(iter([(record(Outcome.FAILURE), None)]))
    metrics.count_ends(iter([(record(Outcome.SUCCESS), TRACE_ID)]))
    metrics.ended(record(Outcome.FAILURE))
    assert TRACE_ID not in generate_openmetrics(registry).decode()
    metrics.count_ends(iter([(record(Outcome.FAILURE), TRACE_ID)]))
    lines = [line for line in generate_openmetrics(registry).decode().splitlines() if "# {" in line]
    assert all(f'# {{trace_id="{TRACE_ID}"}}' in line for line in lines)
    assert {line.partition("{")[0] for line in lines} == {
        "genmon_generation_failures_total",
        "genmon_generation_duration_seconds_bucket",
    }


def test_threads_lose_no_count(registry: CollectorRegistry, metrics: PrometheusMetrics) -> None:
    """Eight threads that count at once in new series count exactly."""
    barrier = threading.Barrier(8)

    def count() -> None:
        barrier.wait()
        for number in range(2000):
            metrics.started("build_app")
            metrics.ended(record(framework=f"f{number % 50}"))

    threads = [threading.Thread(target=count) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(samples(registry, "genmon_generations_total").values()) == 16_000
    assert samples(registry, "genmon_records_started_total") == {(): 16_000}
    assert samples(registry, "genmon_generations_in_progress") == {("build_app",): 0}


def test_a_metric_of_somebody_elses_is_named_and_nothing_is_left_behind(
    registry: CollectorRegistry,
) -> None:
    """A name that is taken is refused, and the registry is not changed."""
    Counter("genmon_generation_failures_total", "somebody else's", registry=registry)
    with pytest.raises(ConfigurationError, match=r"genmon_generation_failures_total.*registry="):
        PrometheusMetrics(registry)
    assert [family.name for family in registry.collect()] == ["genmon_generation_failures"]


def test_the_same_registry_twice_is_the_same_series(registry: CollectorRegistry) -> None:
    """A second use of a registry continues its series; after close() it starts anew."""
    first, second = PrometheusMetrics(registry), PrometheusMetrics(registry)
    first.started("build_app")
    second.started("build_app")
    assert samples(registry, "genmon_records_started_total") == {(): 2}
    second.close()
    assert list(registry.collect()) == []
    first.started("build_app")  # harmless
    first.close()
    PrometheusMetrics(registry).started("build_app")
    assert samples(registry, "genmon_records_started_total") == {(): 1}


def test_a_scrape_of_one_metric_sees_all_that_happened(
    registry: CollectorRegistry, metrics: PrometheusMetrics
) -> None:
    """Pending events are counted before any metric is read."""
    metrics.started("build_app")
    only = registry.restricted_registry(["genmon_records_started_total"])
    (family,) = only.collect()
    assert [s.value for s in family.samples] == [1]
    metrics.started("build_app")
    assert registry.get_sample_value("genmon_records_started_total") == 2


def test_nothing_waits_once_they_are_closed(metrics: PrometheusMetrics) -> None:
    """After close() events are counted at once."""
    metrics.close()
    metrics.started("build_app")
    metrics.ended(record())
    metrics.stage(("build_app", Stage("chat", "step", 0.3, Outcome.FAILURE)))
    assert metrics._pending_events() == 0


def test_what_waits_to_be_counted_is_bounded(metrics: PrometheusMetrics) -> None:
    """Without reads callers count some events each, so that the queue does not grow."""
    for _ in range(MAX_EVENTS + 500):
        metrics.started("build_app")
        metrics.ended(record())
        metrics.count_if_many_pending()
    assert metrics._pending_events() <= MAX_EVENTS


@pytest.mark.parametrize("at_once", [False, True], ids=["noted", "at once"])
def test_a_finaliser_that_counts_while_its_thread_counts_locks_nothing_up(
    registry: CollectorRegistry, metrics: PrometheusMetrics, at_once: bool
) -> None:
    """prometheus_client's locks are not reentrant; a generation may end in a finaliser."""
    metrics._counts_at_once = at_once
    metrics.declare("build_app", ("react",))

    class Finalised:
        def inc(self, *_: Any) -> None:
            metrics.ended(record())

    series = metrics._plain[names.RECORDS_WRITTEN.name]
    metrics._plain[names.RECORDS_WRITTEN.name] = Finalised()

    def count() -> None:
        metrics.written(1)
        metrics.count_pending()

    thread = threading.Thread(target=count, daemon=True)
    thread.start()
    thread.join(10)
    assert not thread.is_alive()
    metrics._plain[names.RECORDS_WRITTEN.name] = series
    assert sum(samples(registry, "genmon_generations_total").values()) == 1


class BrokenSeries:
    """A backend whose series all raise, except those that count errors."""

    exemplars = True
    before_reading = None

    def __init__(self) -> None:
        self.errors = 0

    def series(self, metric: names.Metric, label_values: tuple[str, ...]) -> Any:
        if metric is names.INTERNAL_ERRORS:
            return self
        if metric.labels and metric is not names.RECORDS_DROPPED:
            raise RuntimeError("no such series")
        return None

    def inc(self, amount: float = 1) -> None:
        self.errors += 1

    def set_start_time(self, label_sets: Any, at: float) -> None:
        list(label_sets)

    def close(self) -> None:
        """Nothing to close."""


def calls(metrics: Metrics) -> Iterator[Any]:
    """One call of everything that ports.Metrics asks for."""
    yield lambda: metrics.declare("build_app")
    yield lambda: metrics.count_starts(iter(["build_app"]))
    yield lambda: metrics.count_ends(iter([(record(Outcome.FAILURE), TRACE_ID)]))
    yield lambda: metrics.ended(record(Outcome.FAILURE))
    yield lambda: metrics.stage(("build_app", Stage("chat", "step", 1.0, Outcome.SUCCESS)))
    yield lambda: metrics.resources("build_app", 1.0, 1)
    yield lambda: metrics.reopened("build_app", "rate_limit")
    yield lambda: metrics.written(1)
    yield lambda: metrics.retried(1)
    yield lambda: metrics.dropped("full")
    yield lambda: metrics.queue_depth(1)
    yield lambda: metrics.journal_bytes(1)
    yield lambda: metrics.store_up(True)
    yield lambda: metrics.batch_seconds(1.0)


def test_no_method_raises_whatever_breaks(caplog: pytest.LogCaptureFixture) -> None:
    """An exception while counting is counted and logged once, never raised."""
    backend = BrokenSeries()
    metrics = Instruments(backend)
    for number, call in enumerate(calls(metrics), start=1):
        assert call() is None
        assert backend.errors == number
    assert len(caplog.records) == 1


def test_null_metrics_take_every_call() -> None:
    """Without setup the same calls do nothing."""
    for call in calls(NullMetrics()):
        assert call() is None


def test_a_severity_that_a_rule_of_the_users_gives_is_there_at_0(
    registry: CollectorRegistry, metrics: PrometheusMetrics
) -> None:
    """Series of a registered rule's category and severity exist before a failure."""
    remove = register_rule(Category.VALIDATION_ERROR, exception="Refused", severity="critical")
    try:
        metrics.declare("ruled")
    finally:
        remove()
    labels = {"operation": "ruled", "framework": "none", "severity": "critical"}
    for category, value in (("validation_error", 0), ("rate_limit", None)):
        found = registry.get_sample_value(
            "genmon_generation_failures_total", {**labels, "category": category}
        )
        assert found == value


def test_severities_beyond_the_default_have_series_of_their_own(
    registry: CollectorRegistry, metrics: PrometheusMetrics
) -> None:
    """A failure made critical by a rule is counted as critical."""
    critical = Failure(
        category=Category.PROVIDER_ERROR,
        severity=Severity.CRITICAL,
        error_type="AuthenticationError",
        error_message="",
        stack_trace="",
        fingerprint="v2:0",
        signature="v2:0",
    )
    metrics.declare("build_app", ["react"])
    metrics.ended(record(Outcome.FAILURE, failed=critical))
    found = samples(registry, "genmon_generation_failures_total")
    assert found[("provider_error", "react", "build_app", "critical")] == 1
    assert found[("provider_error", "react", "build_app", "high")] == 0


def test_nothing_runs_on_because_its_end_could_not_be_counted(
    registry: CollectorRegistry, metrics: PrometheusMetrics
) -> None:
    """A record that a histogram refuses still lowers the gauge of running generations."""
    metrics.started("build_app")
    metrics.ended(record(file_count=10**400))
    assert samples(registry, "genmon_generations_in_progress") == {("build_app",): 0}


def test_a_surplus_label_value_is_counted_once(
    registry: CollectorRegistry, metrics: PrometheusMetrics
) -> None:
    """Each refused value is counted once."""
    for number in [*range(names.MAX_LABEL_VALUES), *([-1, -2] * 10)]:
        metrics.ended(record(framework=f"framework-{number}"))
    assert samples(registry, "genmon_internal_errors_total")[(LABEL_OVERFLOW,)] == 2


SOURCE = Path(names.__file__).parent


def calls_of(*methods: str) -> set[str]:
    """First arguments of all calls of functions and methods of these names, as far as they are text."""
    found = set()
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
                called = getattr(node.func, "attr", getattr(node.func, "id", ""))
                if called in methods and isinstance(node.args[0].value, str):
                    found.add(node.args[0].value)
    return found


def test_every_place_and_reason_is_there_at_0(
    registry: CollectorRegistry, metrics: PrometheusMetrics
) -> None:
    """The tables of places and reasons name what the code uses, no more and no less."""
    named = calls_of("suppress_and_count", "_contain", "internal_error", "_on_error")
    named |= {Generation.noun, RunningStage.noun, LABEL_OVERFLOW, COUNTING_FAILED}
    named |= {place for place, _ in (*end._WITH_STAGES, *end._OF_A_FAILURE)}
    assert named == set(names.INTERNAL_PLACES)
    reasons = {value for name, value in vars(names).items() if name.startswith("DROPPED_")}
    assert reasons == set(names.DROP_REASONS)
    errors = samples(registry, "genmon_internal_errors_total")
    assert errors == {(place,): 0 for place in names.INTERNAL_PLACES}
    dropped = samples(registry, "genmon_records_dropped_total")
    assert dropped == {(reason,): 0 for reason in names.DROP_REASONS}
