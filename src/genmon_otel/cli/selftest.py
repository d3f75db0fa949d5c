"""Cause one failure on purpose, and check that it arrives in log, metric, span and row."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from typing import Final

from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult
from prometheus_client import CollectorRegistry

from genmon_otel import conventions as names
from genmon_otel.cli.checks import Finding
from genmon_otel.decorators import generation
from genmon_otel.errors import GenmonError, NotFound
from genmon_otel.settings import Settings
from genmon_otel.store import SqlStore
from genmon_otel.store.rows import FailureDetail
from genmon_otel.wiring import setup, shutdown

OPERATION: Final = names.SELFTEST_OPERATION
#: Seconds until the row must be there.
PATIENCE_S: Final = 10.0


class SelfTestFailure(Exception):
    """The failure that ``--send-test-failure`` causes."""


class _Spans(SpanExporter):
    """Keep exported spans."""

    def __init__(self) -> None:
        self.kept: list[ReadableSpan] = []

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.kept += spans
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        pass


class _Lines(logging.Handler):
    """Keep log lines."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.kept.append(record.getMessage())


def send_test_failure(settings: Settings) -> Iterator[Finding]:
    """Let one generation fail under the user's store and say where it arrived.

    Its failure is marked ``ignored``, so that it neither reopens nor makes a case.
    """
    spans, lines, registry = _Spans(), _Lines(), CollectorRegistry()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    logger = logging.getLogger(names.LOGGER)
    logger.addHandler(lines)
    try:
        setup(
            settings.store,
            tracer_provider=provider,
            registry=registry,
            metrics="prometheus",
            journal_dir=settings.journal_dir,
        )
        try:
            _fail()
        except SelfTestFailure:
            yield Finding("ok", "caller", "the exception reached the caller unchanged")
        yield _log(lines)
        yield _metric(registry)
        yield _span(spans)
        yield _row(settings)
    except GenmonError as error:
        yield Finding("problem", "setup", str(error))
    finally:
        shutdown()
        logger.removeHandler(lines)


def _fail() -> None:
    @generation(name=OPERATION, capture="off")
    def selftest() -> None:
        raise SelfTestFailure("genmon doctor asked for this failure")

    selftest()


def _log(lines: _Lines) -> Finding:
    for line in lines.kept:
        if OPERATION in line:
            return Finding("ok", "log", f"{names.LOGGER}: {line}")
    return Finding("problem", "log", f"no line on the logger {names.LOGGER!r} names {OPERATION}")


def _metric(registry: CollectorRegistry) -> Finding:
    labels = {"operation": OPERATION, "framework": names.NO_FRAMEWORK, "outcome": "failure"}
    count = registry.get_sample_value(names.GENERATIONS.name, labels)
    shown = ",".join(f'{key}="{value}"' for key, value in labels.items())
    if count == 1:
        return Finding("ok", "metric", f"{names.GENERATIONS.name}{{{shown}}} 1")
    return Finding("problem", "metric", f"{names.GENERATIONS.name}{{{shown}}} is {count}, not 1")


def _span(spans: _Spans) -> Finding:
    for span in spans.kept:
        if span.name == f"{names.WORKFLOW_OPERATION} {OPERATION}":
            found = dict(span.attributes or {})
            return Finding(
                "ok",
                "span",
                f"{span.name}: {names.ERROR_TYPE}={found.get(names.ERROR_TYPE)}, "
                f"{names.ATTR_FAILURE_CATEGORY}={found.get(names.ATTR_FAILURE_CATEGORY)}",
            )
    return Finding(
        "problem", "span", f"no span '{names.WORKFLOW_OPERATION} {OPERATION}' was exported"
    )


def _row(settings: Settings) -> Finding:
    until = time.monotonic() + PATIENCE_S
    store = SqlStore(settings.store)
    try:
        while time.monotonic() < until:
            if found := _stored(store):
                store.set_failure_status(found.row.fingerprint, "ignored")
                return Finding(
                    "ok",
                    "row",
                    f"{found.row.handle} in {names.TABLE_FAILURES}, "
                    "marked ignored; it does not count for health",
                )
            time.sleep(0.1)
    finally:
        store.close()
    return Finding(
        "problem",
        "row",
        f"not in the store after {PATIENCE_S:.0f} s",
        "It waits in the journal; see the log of the application for what the store says.",
    )


def _stored(store: SqlStore) -> FailureDetail | None:
    try:
        rows = store.failures(operation=OPERATION, since=time.time() - 60, limit=1)
        return store.failure(rows[0].fingerprint) if rows else None
    except NotFound:
        return None
