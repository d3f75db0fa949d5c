"""Records for tests of the store: small, valid, and different where it matters."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from genmon_otel.records import (
    Batch,
    Category,
    Failure,
    GenerationRecord,
    Outcome,
    Recording,
    Severity,
    StepRecord,
    SuccessSample,
)
from genmon_otel.store import SqlStore

#: A whole minute in 2023.
START = 1_700_000_040.0
DAY = 86_400.0
_numbers = itertools.count(1)


@dataclass
class FakeClock:
    """A clock that stands still until it is told."""

    at: float = START

    def now(self) -> float:
        """Unix seconds."""
        return self.at

    def monotonic(self) -> float:
        """The same."""
        return self.at


def new_id() -> str:
    """A generation id that no other process of the tests has."""
    return f"{os.getpid():016x}{next(_numbers):016x}"


def a_failure(name: str = "a", **changes: Any) -> Failure:
    """A failure of its own fingerprint and signature for each ``name``."""
    failure = Failure(
        category=Category.RATE_LIMIT,
        severity=Severity.MEDIUM,
        error_type="openai.RateLimitError",
        error_message=f"too many requests ({name})",
        stack_trace="Traceback\n  in call_model",
        fingerprint=f"v2:fingerprint-{name}",
        signature=f"v2:signature-{name}",
        stage="call_model",
    )
    return failure._replace(**changes)


def success(at: float = START, **changes: Any) -> GenerationRecord:
    """A generation that succeeded and ended at ``at``."""
    record = GenerationRecord(
        generation_id=new_id(),
        operation="build_app",
        framework="react",
        outcome=Outcome.SUCCESS,
        started_at=at - 2,
        ended_at=at,
        duration_s=2.0,
        user_id="ada",
        project_id="p1",
    )
    return record._replace(**changes)


def failing(name: str = "a", at: float = START, **changes: Any) -> GenerationRecord:
    """A generation that failed with :func:`a_failure` of ``name``."""
    failure = changes.pop("failure", None) or a_failure(name)
    return success(at, outcome=Outcome.FAILURE, failure=failure, **changes)


def recording_of(record: GenerationRecord, **changes: Any) -> Recording:
    """A redacted recording of a failing generation."""
    assert record.failure is not None
    recording = Recording(
        generation_id=record.generation_id,
        fingerprint=record.failure.fingerprint,
        operation=record.operation,
        target="app:build_app",
        inputs={"request": "a todo app"},
        steps=(StepRecord("call_model", {"prompt": "x"}, "value", "answer", digest="d"),),
        trigger_step=0,
        duration_s=2.0,
        redacted=True,
    )
    return replace(recording, **changes)


def sample_of(record: GenerationRecord) -> SuccessSample:
    """What a successful result looked like."""
    return SuccessSample(
        generation_id=record.generation_id,
        operation=record.operation,
        ended_at=record.ended_at,
        code_version="v1",
        shape={"type": "dict", "keys": ["files"], "non_empty": ["files"]},
    )


class Producer:
    """Writes batches in order, as one process's writer does."""

    def __init__(self, store: SqlStore, name: str | None = None) -> None:
        self.store = store
        self.name = name or f"producer-{new_id()}"
        self.position = 0

    def batch(self, *records: GenerationRecord, **more: Any) -> Batch:
        """The next batch, not yet written."""
        return Batch(self.name, self.position, self.position + 1, records, **more)

    def write(self, *records: GenerationRecord, **more: Any) -> Any:
        """Write the next batch."""
        result = self.store.write(self.batch(*records, **more))
        self.position += 1
        return result

    def strikes(self, *records: GenerationRecord, **more: Any) -> Iterator[Any]:
        """Write the next batch; its strikes."""
        return iter(self.write(*records, **more).strikes)
