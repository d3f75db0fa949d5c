"""The writer against a model: whatever happens in whatever order, each failure is stored once."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from genmon_otel.records import GenerationRecord, InFlight
from tests.writer_kit import (
    ByHand,
    CountingMetrics,
    FakeClock,
    MemoryStore,
    failure,
    journals,
    only_once,
    recording,
    running,
    success,
    writer_by_hand,
)


class Processes(RuleBasedStateMachine):
    """Two processes on one folder and one store; both may crash, close and come back."""

    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.store = MemoryStore()
        self.clock = FakeClock()
        self.writers: list[ByHand] = []
        self.flying: list[dict[str, InFlight]] = [{}, {}]
        #: Failures that a caller saw; successes; noted generations of processes that died.
        self.failed: set[str] = set()
        self.succeeded: set[str] = set()
        self.may_die: set[str] = set()
        self.poison: set[str] = set()
        self.store.refuse = lambda batch: any(r.generation_id in self.poison for r in batch.records)
        self.names = iter(range(10**9))
        for place in range(2):
            self.writers.append(self._new(place))

    def _new(self, place: int) -> ByHand:
        writer = writer_by_hand(self.folder, self.store, self.clock, CountingMetrics())
        writer.watch(lambda: list(self.flying[place].values()))
        if place:
            writer.limit_turns()
        return writer

    def _name(self) -> str:
        return f"{next(self.names):032x}"

    def _deliver(self, place: int, record: GenerationRecord, with_recording: bool = False) -> None:
        self.flying[place].pop(record.generation_id, None)
        self.writers[place].deliver(record, recording(record) if with_recording else None)
        (self.failed if record.failure else self.succeeded).add(record.generation_id)

    PLACE = st.integers(0, 1)

    @rule(place=PLACE, count=st.integers(1, 40), with_recording=st.booleans())
    def fail(self, place: int, count: int, with_recording: bool) -> None:
        for _ in range(count):
            self._deliver(place, failure(self._name()), with_recording)

    @rule(place=PLACE, count=st.integers(1, 40))
    def succeed(self, place: int, count: int) -> None:
        for _ in range(count):
            self._deliver(place, success(self._name()))

    @rule(place=PLACE)
    def fail_poisonously(self, place: int) -> None:
        name = self._name()
        self.poison.add(name)
        self._deliver(place, failure(name))

    @rule(place=PLACE)
    def take_off(self, place: int) -> None:
        name = self._name()
        self.flying[place][name] = running(name, self.clock.now(), "chat")

    @rule(place=PLACE, fails=st.booleans())
    def land(self, place: int, fails: bool) -> None:
        for name in list(self.flying[place])[:1]:
            self._deliver(place, (failure if fails else success)(name))

    @rule(place=PLACE, count=st.integers(1, 5))
    def turn(self, place: int, count: int) -> None:
        self.writers[place].turns(count)

    @rule(seconds=st.sampled_from([0.5, 2.0, 70.0]))
    def wait(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @rule(seconds=st.sampled_from([-3600.0, 3600.0]))
    def jump(self, seconds: float) -> None:
        self.clock.wall += seconds

    @rule()
    def go_down(self) -> None:
        self.store.down = True

    @rule()
    def come_up(self) -> None:
        self.store.down = False

    @rule()
    def lose_an_answer(self) -> None:
        self.store.lose_answers = 1

    @rule(place=PLACE)
    def crash(self, place: int) -> None:
        self.may_die |= set(self.flying[place])
        self.flying[place].clear()
        self.writers[place].crash()
        self.writers[place] = self._new(place)

    @rule(place=PLACE)
    def close(self, place: int) -> None:
        self.succeeded |= set(self.flying[place])  # as cancelled
        self.writers[place].close(0)
        self.flying[place].clear()
        self.writers[place] = self._new(place)

    @rule(place=PLACE, count=st.integers(1, 5))
    def deliver_after_close(self, place: int, count: int) -> None:
        self.succeeded |= set(self.flying[place])
        self.writers[place].close(0)
        self.flying[place].clear()
        self.fail(place, count, False)
        self.writers[place].close(0)
        self.writers[place] = self._new(place)

    @invariant()
    def nothing_is_stored_twice(self) -> None:
        if hasattr(self, "store"):
            assert only_once(self.store.ids())

    @invariant()
    def the_books_balance(self) -> None:
        for writer in getattr(self, "writers", ()):
            assert writer.account().balanced, writer.account()

    def teardown(self) -> None:
        if not hasattr(self, "store"):
            return
        self.store.down, self.store.lose_answers = False, 0
        for place in range(2):
            self.crash(place)
        self.clock.advance(120)
        heir = self._new(0)
        heir.drain()
        stored = {r.generation_id: r for r in self.store.records}
        assert self.failed - self.poison <= set(stored)
        assert not self.poison & set(stored)
        died = {i for i, r in stored.items() if r.failure and r.failure.origin == "process_died"}
        assert died <= self.may_die
        assert set(stored) <= self.failed | self.succeeded | self.may_die
        assert journals(self.folder) == []
        assert heir.account().balanced
        shutil.rmtree(self.folder)


TestProcesses = Processes.TestCase
TestProcesses.settings = settings(max_examples=60, stateful_step_count=40)
