"""Parts under command for tests of the journal and the writer: store, clock, counters, records."""

from __future__ import annotations

import math
import os
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from genmon_otel.corrections import Correction
from genmon_otel.errors import StoreRefused, StoreUnavailable
from genmon_otel.instruments import NullMetrics
from genmon_otel.journal import Journal
from genmon_otel.records import (
    Batch,
    Category,
    Failure,
    GenerationRecord,
    Health,
    InFlight,
    Outcome,
    Recording,
    Severity,
    Stage,
    StepRecord,
    Strike,
    WriteResult,
)
from genmon_otel.redaction import Redactor
from genmon_otel.settings import Settings
from genmon_otel.writer import Writer
from genmon_otel.writer.memory_queue import MemoryQueue
from genmon_otel.writer.process_state import ProcessState


class FakeClock:
    """Stands still until told."""

    def __init__(self) -> None:
        self.wall = 1_700_000_000.0
        self.running = 0.0

    def now(self) -> float:
        return self.wall

    def monotonic(self) -> float:
        return self.running

    def advance(self, seconds: float) -> None:
        self.wall += seconds
        self.running += seconds


class MemoryStore:
    """A store in memory, transactional as the real ones, that fails on command."""

    def __init__(self) -> None:
        self.records: list[GenerationRecord] = []
        self.recordings: list[Recording] = []
        self.samples: list[Any] = []
        self.producers: dict[str, tuple[int, int]] = {}
        self.batches: list[Batch] = []
        self.strikes: defaultdict[str, int] = defaultdict(int)
        self.recordings_at_strike: dict[str, int] = {}
        self.down = False
        #: Commit, then pretend not to know.
        self.lose_answers = 0
        self.refuse: Callable[[Batch], bool] = lambda batch: False
        self.broken: Exception | None = None
        self.delay_s = 0.0
        self.opened = self.pruned = self.asked_for_corrections = 0
        self.corrected: list[Correction] = []
        self.corrections_broken: Exception | None = None
        self.closed = False

    def open(self) -> None:
        self.opened += 1
        self._check()

    def _check(self) -> None:
        if self.down:
            raise StoreUnavailable("the store is down, by command")

    def write(self, batch: Batch) -> WriteResult:
        self._check()
        if self.delay_s:
            time.sleep(self.delay_s)
        if self.broken is not None:
            raise self.broken
        position, seq = self.producers.get(batch.producer, (0, 0))
        if position > batch.position:
            return WriteResult(0, duplicate=True)
        if self.refuse(batch):
            raise StoreRefused("a row is refused, by command")
        assert batch.journal_seq >= seq
        self.producers[batch.producer] = (batch.position + 1, batch.journal_seq)
        self.batches.append(batch)
        self.records.extend(batch.records)
        self.recordings.extend(batch.recordings)
        self.samples.extend(batch.samples)
        strikes = []
        for record in batch.records:
            if record.failure is not None:
                name = record.failure.fingerprint
                self.strikes[name] += 1
                if self.strikes[name] == 3:
                    self.recordings_at_strike[name] = sum(
                        r.fingerprint == name for r in self.recordings
                    )
                strikes.append(
                    Strike(
                        record.generation_id,
                        "F-TEST",
                        record.operation,
                        record.failure.category,
                        self.strikes[name],
                    )
                )
        if self.lose_answers:
            self.lose_answers -= 1
            raise StoreUnavailable("the answer to COMMIT was lost, by command")
        return WriteResult(len(batch.records), tuple(strikes))

    def producer_position(self, producer: str) -> tuple[int, int]:
        self._check()
        return self.producers.get(producer, (0, 0))

    def prune_step(self, limit: int) -> int:
        self.pruned += 1
        return 0

    def corrections(self) -> list[Correction]:
        self._check()
        self.asked_for_corrections += 1
        if self.corrections_broken is not None:
            raise self.corrections_broken
        return self.corrected

    def health(self, window_s: float, now: float) -> Health:
        raise NotImplementedError

    def close(self) -> None:
        self.closed = True

    def ids(self) -> list[str]:
        """Generation ids stored, in order, repeated if stored twice."""
        return [record.generation_id for record in self.records]


@dataclass
class CountingMetrics(NullMetrics):
    """Remembers what was counted."""

    drops: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    ends: list[GenerationRecord] = field(default_factory=list)
    stored: int = 0
    again: int = 0
    up: bool | None = None
    depth: int = 0
    bytes: int = 0

    def dropped(self, reason: str, count: int = 1) -> None:
        self.drops[reason] += count

    def internal_error(self, where: str) -> None:
        self.errors[where] += 1

    def ended(self, ended: Any, /) -> None:
        self.ends.append(ended)

    def written(self, count: int) -> None:
        self.stored += count

    def retried(self, count: int) -> None:
        self.again += count

    def store_up(self, up: bool) -> None:
        self.up = up

    def queue_depth(self, depth: int) -> None:
        self.depth = depth

    def journal_bytes(self, size: int) -> None:
        self.bytes = size


class WithoutThread(ProcessState):
    """A process whose thread is the test's. Its turns end by what there is, not by time."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._loop.turn_s = math.inf

    def start(self) -> None:
        """Start none."""


class ByHand(Writer):
    """A writer without a thread: the test says when it has its turns."""

    process_type = WithoutThread

    def turns(self, count: int = 1) -> None:
        """So many turns, an error in one contained as the thread does."""
        for _ in range(count):
            self._process.turn()

    def drain(self) -> None:
        """Turns until there is nothing more to do at once."""
        for _ in range(10_000):
            if not self._process.turn():
                return
        raise AssertionError("the writer does not come to rest")

    def retry_at_once(self) -> None:
        """Let the next turn try the store, however often it failed."""
        self._process._loop.retry_at_once()

    def limit_turns(self) -> None:
        """Let each turn do as little as it may: time is always up."""
        self._process._loop.turn_s = 0

    @property
    def journal(self) -> Journal:
        """The journal of this process."""
        return self._process._journal

    @property
    def queue(self) -> MemoryQueue:
        """The queue of this process."""
        return self._process._queue

    def crash(self) -> None:
        """What ``kill -9`` does, as far as one process can do it to itself: locks go, files stay."""
        self._process.is_closed = True
        self._process._loop.release_adopted()
        for segment in self.journal._segments:
            segment.release(delete=False)
        self.journal._segments.clear()


def settings_for(folder: Path, store: str = "sqlite:////nowhere/genmon.db") -> Settings:
    """Settings with the journal in a folder."""
    return Settings(store=store, journal_dir=folder)


def writer_by_hand(
    folder: Path, store: Any, clock: FakeClock | None = None, metrics: Any = None
) -> ByHand:
    """A writer over a folder and a store, driven by the test."""
    return ByHand(
        store,
        settings=settings_for(folder),
        metrics=metrics or CountingMetrics(),
        redactor=Redactor(),
        clock=clock or FakeClock(),
    )


def failure(
    generation_id: str | None = None, *, fingerprint: str = "v2:" + "a" * 32, **changes: Any
) -> GenerationRecord:
    """A failing generation."""
    return GenerationRecord(
        generation_id=generation_id or os.urandom(16).hex(),
        operation="build_app",
        framework="react",
        outcome=Outcome.FAILURE,
        started_at=1_700_000_000.0,
        ended_at=1_700_000_001.5,
        duration_s=1.5,
        user_request="a to-do app",
        stages=(
            Stage("plan", "phase", 0.5, Outcome.SUCCESS),
            Stage("chat", "step", 1.0, Outcome.FAILURE),
        ),
        failure=Failure(
            category=Category.RATE_LIMIT,
            severity=Severity.MEDIUM,
            error_type="openai.RateLimitError",
            error_message="Error code: 429",
            stack_trace="Traceback (most recent call last):\n" + '  File "app.py"\n' * 40,
            fingerprint=fingerprint,
            signature="v2:" + "b" * 32,
            trigger="fault",
            stage="chat",
        ),
        **changes,
    )


def success(generation_id: str | None = None, **changes: Any) -> GenerationRecord:
    """A generation that worked."""
    return GenerationRecord(
        **{
            "generation_id": generation_id or os.urandom(16).hex(),
            "operation": "build_app",
            "framework": "react",
            "outcome": Outcome.SUCCESS,
            "started_at": 1_700_000_000.0,
            "ended_at": 1_700_000_001.5,
            "duration_s": 1.5,
            **changes,
        }
    )


def recording(record: GenerationRecord, text: str = "hello") -> Recording:
    """What a failing generation did."""
    assert record.failure is not None
    return Recording(
        generation_id=record.generation_id,
        fingerprint=record.failure.fingerprint,
        operation=record.operation,
        target="app:build_app",
        inputs={"request": text},
        steps=(StepRecord("chat", {"prompt": text}, "value", text),),
        trigger_step=0,
        duration_s=1.5,
    )


def running(generation_id: str, started_at: float, last_step: str = "") -> InFlight:
    """A generation in flight."""
    return InFlight(generation_id, "build_app", "react", started_at, last_step=last_step)


def journals(folder: Path) -> list[Path]:
    """The segments in a folder."""
    return sorted(folder.glob("*.journal"))


def only_once(ids: Iterable[str]) -> bool:
    """Whether nothing is repeated."""
    counted = Counter(ids)
    return all(count == 1 for count in counted.values())
