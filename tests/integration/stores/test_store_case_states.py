"""The states of cases against a model: after any sequence of requests both agree."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from genmon_otel.errors import InvalidTransition
from genmon_otel.policy import TRANSITIONS, CaseState, Verdict, state_after_run
from genmon_otel.store import SqlStore
from tests.store_records import START, Producer, a_failure, failing

VERSIONS = st.sampled_from(["v1", "v2", "v3", None])


def machine(store: SqlStore) -> type[RuleBasedStateMachine]:
    """A state machine over one store; each run creates its own case."""

    class Cases(RuleBasedStateMachine):
        @initialize()
        def make_a_case(self) -> None:
            """Create a case by three strikes of a new failure."""
            Cases.number = getattr(Cases, "number", 0) + 1
            failure = a_failure(f"machine-{Cases.number}", trigger="fault")
            result = Producer(store).write(
                *(failing(failure=failure, code_version="v1") for _ in range(3))
            )
            self.case_id: int = result.strikes[0].case_id
            self.state = CaseState.PROPOSED
            self.runs: dict[str, tuple[str | None, Verdict]] = {}

        @rule(wanted=st.sampled_from(CaseState))
        def ask(self, wanted: CaseState) -> None:
            """Request a state, as a person or the reproduction check does."""
            if wanted in TRANSITIONS[self.state]:
                store.set_case_state(self.case_id, wanted)
                self.state = wanted
            else:
                with pytest.raises(InvalidTransition):
                    store.set_case_state(self.case_id, wanted)

        @rule(version=VERSIONS, verdict=st.sampled_from(Verdict), number=st.integers(0, 30))
        def run(self, version: str | None, verdict: Verdict, number: int) -> None:
            """Save a run, perhaps for the second time."""
            run_id = f"{self.case_id}-{number}"
            after: Any = store.record_run(
                self.case_id, "ci", version, verdict, "", run_id, START + number
            )
            if run_id not in self.runs:
                earlier = [v for known, v in self.runs.values() if known == version]
                self.state = state_after_run(
                    self.state, verdict, code_version=version, failing_version="v1",
                    earlier=earlier,
                )  # fmt: skip
                self.runs[run_id] = (version, verdict)
            assert after.state is self.state

        @invariant()
        def agree(self) -> None:
            """State and counters equal the model's."""
            if not hasattr(self, "case_id"):
                return
            case = store.case(self.case_id)
            verdicts = [verdict for _version, verdict in self.runs.values()]
            assert case.state is self.state
            assert case.run_count == len(verdicts)
            assert case.pass_count == verdicts.count(Verdict.PASS)
            assert case.inconclusive_count == verdicts.count(Verdict.INCONCLUSIVE)
            assert case.fail_count + case.pass_count + case.inconclusive_count == case.run_count
            assert 0.0 <= case.confidence_score < 1.0
            assert 0.0 <= case.flakiness <= 1.0

    return Cases


def test_states_follow_the_model(store: SqlStore) -> None:
    """After requests and runs in any order every case has the state that ``policy`` gives."""
    run_state_machine_as_test(
        machine(store),
        settings=settings(
            max_examples=12,
            stateful_step_count=20,
            suppress_health_check=list(HealthCheck),
        ),
    )
