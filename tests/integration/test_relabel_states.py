"""Whatever happens in whichever order, a failure's category is the last thing a person said."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from genmon_otel.records import Category, Severity
from genmon_otel.store import SqlStore
from tests.store_records import START, FakeClock, Producer, a_failure, failing

A = "v2:fingerprint-a"
CATEGORIES = st.sampled_from([str(each) for each in Category.known()])
SEVERITIES = st.sampled_from(list(Severity))


class Relabelled(RuleBasedStateMachine):
    """One failure that two processes write and a person judges, beside what must be true of it."""

    @initialize(severity=SEVERITIES)
    def begin(self, severity: Severity) -> None:
        """A store with one occurrence."""
        self.folder = tempfile.TemporaryDirectory()
        self.clock = FakeClock(START)
        self.store = SqlStore(f"sqlite:///{Path(self.folder.name)}/genmon.db", clock=self.clock)
        self.store.open()
        self.producers = (Producer(self.store), Producer(self.store))
        self.rules = ("rate_limit", severity)
        self.said: tuple[str, str] | None = None
        self.resolved = False
        self.count = 0
        self.occur(0, severity)

    @rule(process=st.integers(0, 1), severity=SEVERITIES)
    def occur(self, process: int, severity: Severity) -> None:
        """It happens again; the rules may think worse of it."""
        self.clock.at += 1
        record = failing(at=self.clock.at, failure=a_failure(severity=severity))
        self.producers[process].write(record)
        self.rules = ("rate_limit", severity)
        self.count += 1
        self.resolved = False

    @rule(category=CATEGORIES, severity=SEVERITIES)
    def relabel(self, category: str, severity: Severity) -> None:
        """A person says what it is."""
        self.store.relabel(A, category=category, severity=severity, reviewer="ada")
        self.said = (category, severity)

    @rule()
    def undo(self) -> None:
        """A person takes it back."""
        self.store.undo_relabel(A)
        self.said = None

    @precondition(lambda self: not self.resolved)
    @rule()
    def resolve(self) -> None:
        """A person says that it is fixed."""
        self.store.set_failure_status(A, "resolved")
        self.resolved = True

    @rule()
    def come_back(self) -> None:
        """The store is closed and opened anew, as by another process."""
        self.store.close()
        self.store.open()

    @invariant()
    def the_last_word_holds(self) -> None:
        """In its row, in health, in what processes are told; nothing is counted twice or lost."""
        row = self.store.failure(A).row
        current = self.said or self.rules
        assert (row.category, row.severity) == current
        assert (row.rules_category, row.rules_severity) == (
            self.rules if self.said else (None, None)
        )
        assert (row.relabelled_at is None) == (self.said is None)
        assert (row.status == "resolved") == self.resolved
        health = self.store.health(3_600, self.clock.at)
        assert health.by_category == {current[0]: self.count}
        corrections = [(each.category, each.severity) for each in self.store.corrections()]
        assert corrections == ([self.said] if self.said else [])

    def teardown(self) -> None:
        """Leave nothing."""
        if hasattr(self, "store"):
            self.store.close()
            self.folder.cleanup()


TestRelabelled = Relabelled.TestCase
TestRelabelled.settings = settings(max_examples=15, stateful_step_count=15, deadline=None)
