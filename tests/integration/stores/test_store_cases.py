"""Cases: allowed transitions, the effect of runs, and live runs from production."""

from __future__ import annotations

import pytest

from genmon_otel.errors import ConfigurationError, InvalidTransition, NotFound
from genmon_otel.policy import CaseState, Verdict, wilson_lower_bound
from genmon_otel.records import StepFault
from genmon_otel.store import SqlStore
from genmon_otel.store.rows import CaseRow
from tests.store_records import DAY, START, Producer, a_failure, failing, success

TRIGGER = "v2:trigger-a"


def a_case(producer: Producer, state: CaseState, *, consecutive: int = 2) -> CaseRow:
    """Create a fault case of failure ``a``, recorded on version v1, in a given state."""
    store = producer.store
    fault = a_failure("a", trigger="fault", trigger_signature=TRIGGER)
    faults = (StepFault("call_model", TRIGGER, consecutive),)
    for _ in range(3):
        producer.write(failing(failure=fault, code_version="v1", step_faults=faults))
    (case,) = store.cases()
    store.set_case_state(case.id, CaseState.REPRODUCED)
    store.set_case_state(case.id, CaseState.OPEN, reviewer="eve")
    if state is not CaseState.OPEN:
        store.record_run(case.id, "ci", "v2", Verdict.PASS, "", f"guard-{case.id}", START)
    return store.case(case.id)


def test_a_person_moves_a_case(producer: Producer, store: SqlStore) -> None:
    """An approval stores the reviewer and the time; a transition that policy forbids is refused."""
    producer.write(*(failing("a") for _ in range(3)))
    case = store.cases()[0]
    with pytest.raises(InvalidTransition, match="reproduced"):
        store.set_case_state(case.id, CaseState.OPEN)
    assert store.set_case_state(case.handle, CaseState.REPRODUCED, reason="3 of 3").reviewer is None
    approved = store.set_case_state(case.id, CaseState.OPEN, reviewer="eve", reason="seen")
    assert (approved.state, approved.reviewer, approved.reviewed_at, approved.state_reason) == (
        CaseState.OPEN, "eve", START, "seen",
    )  # fmt: skip
    assert store.cases(state="open") == [approved]
    assert store.cases(state="proposed") == []
    with pytest.raises(InvalidTransition, match="by now"):
        store.set_case_state(case.id, CaseState.RETIRED, expected=CaseState.GUARDING)


def test_a_case_is_found_by_number_or_handle(producer: Producer, store: SqlStore) -> None:
    """A case is found by its number and by its failure's handle, and by nothing else."""
    producer.write(*(failing("a") for _ in range(3)))
    case = store.cases()[0]
    for ref in (case.id, str(case.id), case.handle, case.handle.lower(), case.handle[2:]):
        assert store.case(ref) == case
    for ref in (case.id + 1, "F-", "", "nothing", "9" * 40):
        with pytest.raises(NotFound):
            store.case(ref)


def test_a_run_counts_once(producer: Producer, store: SqlStore) -> None:
    """A run that is saved twice counts once; each verdict has its counter."""
    case = a_case(producer, CaseState.OPEN)
    for run, verdict in enumerate(Verdict):
        for _ in range(2):
            after = store.record_run(case.id, "replay", "v1", verdict, "why\0", f"run-{run}", START)
    assert (after.run_count, after.pass_count, after.fail_count, after.inconclusive_count) == (
        4, 1, 2, 1,
    )  # fmt: skip
    assert [run.verdict for run in store.case_runs(case.id)] == list(Verdict)[::-1]
    assert store.case_runs(case.id)[0].detail == "why"
    assert store.counts().runs["replay"]["fail_same"] == 1
    with pytest.raises(ConfigurationError):
        store.record_run(case.id, "elsewhere", "v1", Verdict.PASS, "", "x")  # type: ignore[arg-type]
    with pytest.raises(NotFound):
        store.record_run(10**9, "ci", "v1", Verdict.PASS, "", "y")


def test_the_way_of_a_case(producer: Producer, store: SqlStore) -> None:
    """Open, guarding at the first pass on a new version, regressed, guarding, quarantined."""
    case = a_case(producer, CaseState.OPEN)
    story = [
        ("v1", Verdict.FAIL_SAME, CaseState.OPEN),
        ("v1", Verdict.INCONCLUSIVE, CaseState.OPEN),
        (None, Verdict.PASS, CaseState.OPEN),
        ("v2", Verdict.PASS, CaseState.GUARDING),
        ("v3", Verdict.FAIL_OTHER, CaseState.GUARDING),
        ("v4", Verdict.FAIL_SAME, CaseState.REGRESSED),
        ("v5", Verdict.FAIL_SAME, CaseState.REGRESSED),
        ("v5", Verdict.PASS, CaseState.GUARDING),
        ("v5", Verdict.FAIL_SAME, CaseState.QUARANTINED),
    ]
    for number, (version, verdict, state) in enumerate(story):
        after = store.record_run(case.id, "ci", version, verdict, "", f"r{number}", START + number)
        assert after.state is state, (number, version, verdict)
    assert after.flakiness > 0


def test_confidence_grows_with_versions_not_with_repetition(
    producer: Producer, store: SqlStore
) -> None:
    """Passes on ten versions give .72; a hundred on one version give the same as on two versions."""
    case = a_case(producer, CaseState.OPEN)
    for n in range(10):
        after = store.record_run(case.id, "ci", f"v{n + 2}", Verdict.PASS, "", f"a{n}", START)
    assert after.confidence_score == pytest.approx(0.72, abs=0.005)
    after = store.record_run(case.id, "ci", "v99", Verdict.FAIL_SAME, "", "fail", START)
    assert after.confidence_score == 0.0
    for n in range(20):
        after = store.record_run(case.id, "ci", "v100", Verdict.PASS, "", f"b{n}", START)
    two = 2 / (2 + 1.96**2)
    assert after.confidence_score == pytest.approx(two)


def test_a_pass_of_the_code_that_failed_is_its_second_verdict(
    producer: Producer, store: SqlStore
) -> None:
    """A pass on the version that failed weighs a quarter; one on another version weighs 1."""
    case = a_case(producer, CaseState.OPEN)
    store.record_run(case.id, "ci", "v2", Verdict.FAIL_SAME, "", "fail", START)
    after = store.record_run(case.id, "ci", "v2", Verdict.PASS, "", "luck", START)
    assert after.confidence_score == pytest.approx(wilson_lower_bound(0.25, 0.25))
    after = store.record_run(case.id, "ci", "v3", Verdict.PASS, "", "mended", START)
    assert after.confidence_score == pytest.approx(wilson_lower_bound(1.25, 1.25))


def test_the_live_channel_passes(producer: Producer, store: SqlStore) -> None:
    """A success on another version that had the trigger as often as recorded is a live pass."""
    case = a_case(producer, CaseState.GUARDING, consecutive=2)

    def met(version: str | None, consecutive: int, trigger: str = TRIGGER) -> None:
        faults = (StepFault("call_model", trigger, consecutive),)
        producer.write(success(code_version=version, step_faults=faults))

    met("v1", 2)  # the failing version
    met(None, 2)  # an unknown one
    met("v2", 1)  # not as often
    met("v2", 3, "v2:another-trigger")
    assert store.case(case.id).run_count == 1
    met("v2", 2)
    assert store.case(case.id).pass_count == 2
    assert store.case_runs(case.id)[0].channel == "live"


def test_five_live_passes_a_day_count(producer: Producer, store: SqlStore) -> None:
    """Live passes of one day beyond the limit are not saved; those of the next day are."""
    case = a_case(producer, CaseState.GUARDING)
    faults = (StepFault("call_model", TRIGGER, 9),)
    for day in (0, 1):
        at = START + day * DAY
        for _ in range(4):
            producer.write(*(success(at, code_version="v2", step_faults=faults) for _ in range(3)))
    assert store.counts().runs["live"] == {"pass": 10}
    assert store.case(case.id).pass_count == 11


def test_a_live_failure_regresses_a_guarding_case(producer: Producer, store: SqlStore) -> None:
    """A failure with the case's signature on a newer version is a live fail: regressed, once."""
    case = a_case(producer, CaseState.GUARDING)
    fault = a_failure("a", trigger="fault", trigger_signature=TRIGGER, fingerprint="v2:elsewhere")
    producer.write(failing(failure=fault, code_version="v1"))
    assert store.case(case.id).state is CaseState.GUARDING
    producer.write(*(failing(failure=fault, code_version="v3") for _ in range(3)))
    after = store.case(case.id)
    assert (after.state, after.fail_count) == (CaseState.REGRESSED, 1)
    assert store.counts().cases_by_state == {"regressed": 1, "proposed": 1}


def test_content_cases_have_no_live_channel(producer: Producer, store: SqlStore) -> None:
    """Only cases whose trigger is a fault get live runs."""
    content = a_failure("a", trigger="content", trigger_signature=TRIGGER)
    producer.write(*(failing(failure=content, code_version="v1") for _ in range(3)))
    case = store.cases()[0]
    store.set_case_state(case.id, CaseState.REPRODUCED)
    store.set_case_state(case.id, CaseState.OPEN)
    store.record_run(case.id, "ci", "v2", Verdict.PASS, "", "r1")
    producer.write(failing(failure=content, code_version="v3"))
    assert store.case(case.id).run_count == 1


def test_a_case_is_saved_exactly(producer: Producer, store: SqlStore) -> None:
    """A case's JSON is read back unchanged: NUL, lone surrogates and key order included."""
    producer.write(*(failing("a") for _ in range(3)))
    case = {"z": ["\0", "\ud800", 1.5, None], "a": {"nested": True}}
    saved = store.save_case(store.cases()[0].id, case)
    assert saved.case == case
    assert list(saved.case) == ["z", "a"]
