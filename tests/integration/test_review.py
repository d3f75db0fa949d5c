"""The review: what is made anew, what a person's word changes, in which order cases queue."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from genmon_otel.cli.card import print_cases, render_card
from genmon_otel.errors import ConfigurationError, InvalidTransition
from genmon_otel.payload import decode
from genmon_otel.policy import CaseState, Channel, Verdict
from genmon_otel.records import Category, GenerationRecord, StepRecord
from genmon_otel.regression import exporting, reproduction_check, review
from genmon_otel.regression.cases import files
from genmon_otel.regression.cases.case import Case
from genmon_otel.regression.cases.case_reading import CaseError
from genmon_otel.regression.cases.needs import Needs
from genmon_otel.regression.judging.run_result import RunResult
from genmon_otel.regression.propose import propose
from genmon_otel.store import SqlStore
from genmon_otel.wording.case import is_stale, meaning, runs
from tests.store_records import Producer, a_failure, failing, recording_of, sample_of, success

HUNG = StepRecord("call_model", {"prompt": "x"}, "hang", None, digest="d")
RAISED = StepRecord("call_model", {"prompt": "x"}, "exception", {"$": "e"}, ended_s=1, digest="d")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    """A store that proposes cases."""
    opened = SqlStore(f"sqlite:///{tmp_path}/genmon.db", propose=propose)
    opened.open()
    yield opened
    opened.close()


@pytest.fixture
def replays(monkeypatch: pytest.MonkeyPatch) -> Callable[[Verdict], list[Case]]:
    """Let every replay show one verdict; the cases that were replayed."""

    def show(verdict: Verdict) -> list[Case]:
        asked: list[Case] = []

        def run_case(case: Case, **_: Any) -> RunResult:
            asked.append(case)
            return RunResult(verdict=verdict, detail=f"it showed {verdict}")

        monkeypatch.setattr(reproduction_check, "run_case", run_case)
        monkeypatch.setattr(review, "run_case", run_case)
        return asked

    return show


def strike(
    store: SqlStore, name: str = "a", *, times: int = 3, kept: int = 3, **changes: Any
) -> str:
    """Let a failure happen and the first ``kept`` be recorded; its handle."""
    category = changes.pop("category", Category.RATE_LIMIT)
    failure = a_failure(name, category=category)
    records: list[GenerationRecord] = [
        failing(failure=failure, code_version="v1") for _ in range(times)
    ]
    Producer(store).write(*records, recordings=[recording_of(r, **changes) for r in records[:kept]])
    return store.failure(failure.fingerprint).row.handle


def opened(store: SqlStore, replays: Callable[[Verdict], list[Case]], **edits: Any) -> str:
    """A case that was checked and approved; its handle."""
    handle = strike(store)
    replays(Verdict.FAIL_SAME)
    review.verify(store, handle)
    review.approve(store, handle, reviewer="eve", **edits)
    return handle


def case_of(store: SqlStore, handle: str) -> Case:
    """The stored case."""
    return review.stored(store.case(handle))


# --- the reproduction check ---------------------------------------------------------------


def test_verify_makes_the_case_of_the_best_there_is(
    store: SqlStore, replays: Callable[[Verdict], list[Case]]
) -> None:
    """What is checked has the best recording and the success samples that came since."""
    handle = strike(store, unreplayable="size: too large")
    assert case_of(store, handle).success_shapes == ()
    strike(store, times=1, inputs={"request": "replayable"})
    good = success()
    Producer(store).write(good, samples=[sample_of(good)])
    asked = replays(Verdict.FAIL_SAME)
    row, found = review.verify(store, handle)
    assert (row.state, row.state_reason) == (CaseState.REPRODUCED, "reproduced 3 of 3")
    assert found.reproduced == 3
    assert asked == [case_of(store, handle)] * 3
    assert asked[0].inputs == {"request": "replayable"}
    assert [shape["keys"] for shape in asked[0].success_shapes] == [["files"]]


def test_the_reason_is_always_the_latest(
    store: SqlStore, replays: Callable[[Verdict], list[Case]]
) -> None:
    """Each time through the check leaves its own reason, also where the state stays."""
    handle = strike(store)
    replays(Verdict.PASS)
    assert "it passed" in review.verify(store, handle)[0].state_reason
    replays(Verdict.INCONCLUSIVE)
    row, _ = review.verify(store, handle)
    assert (row.state, row.state_reason) == (CaseState.UNREPRODUCIBLE, "it showed inconclusive")
    replays(Verdict.FAIL_SAME)
    assert review.verify(store, handle)[0].state is CaseState.REPRODUCED
    assert review.verify(store, handle)[0].state is CaseState.REPRODUCED
    replays(Verdict.FAIL_OTHER)
    assert review.verify(store, handle)[0].state is CaseState.UNREPRODUCIBLE


def test_nothing_recorded_says_so(
    store: SqlStore, replays: Callable[[Verdict], list[Case]]
) -> None:
    """Without a recording nothing is replayed, and the reason names what to look at."""
    asked = replays(Verdict.FAIL_SAME)
    Producer(store).write(*(failing("bare") for _ in range(3)))
    Producer(store).write(
        *(failing(failure=a_failure("dead", error_type="process_died")) for _ in range(3))
    )
    dead, bare = store.cases()
    assert "capture off" in review.verify(store, bare.id)[0].state_reason
    assert "process died" in review.verify(store, dead.id)[0].state_reason
    assert asked == []
    with pytest.raises(CaseError, match="only be rejected"):
        review.stored(store.case(bare.id))


def test_a_persons_edits_are_carried(
    store: SqlStore, replays: Callable[[Verdict], list[Case]]
) -> None:
    """What a person set survives when the case is made anew."""
    handle = strike(store)
    edits: dict[str, Any] = {
        "target": "moved:build", "postcondition": "app:check", "fails_as": "rejected",
        "recovery": {"call_model": RAISED}, "live": ("lookup",), "env": {"MODE": "test"},
        "programs": ("node",), "factories": {"self": "app:make"},
    }  # fmt: skip
    store.save_case(handle, replace(case_of(store, handle), **edits).to_dict())
    replays(Verdict.FAIL_SAME)
    review.verify(store, handle)
    made = case_of(store, handle)
    assert {name: getattr(made, name) for name in edits} == edits


def test_a_moved_target_follows_its_newest_recording(
    store: SqlStore, replays: Callable[[Verdict], list[Case]]
) -> None:
    """A target that nobody set by hand is where the newest recording found the code."""
    handle = strike(store, kept=1)
    replays(Verdict.FAIL_SAME)
    review.verify(store, handle)
    strike(store, times=1, target="moved:build_app")
    review.verify(store, handle)
    assert case_of(store, handle).target == "moved:build_app"


@pytest.mark.parametrize("shows", [Verdict.FAIL_SAME, Verdict.PASS])
def test_what_an_older_genmon_named_gets_todays_name(
    store: SqlStore, monkeypatch: pytest.MonkeyPatch, shows: Verdict
) -> None:
    """``verify`` takes the name from a replay, else from what was recorded; the state stays."""
    names = {"fingerprint": "v1:f", "signature": "v1:s", "trigger_signature": "v1:t"}
    failure = a_failure("a", category=Category.RATE_LIMIT, trigger="fault", **names)
    records = [failing(failure=failure, code_version="v1") for _ in range(3)]
    Producer(store).write(*records, recordings=[recording_of(r) for r in records])
    handle = store.failure("v1:f").row.handle

    def run_case(case: Case, **_: Any) -> RunResult:
        failed = shows is Verdict.FAIL_SAME
        return RunResult(
            verdict=shows, detail="", signature="v2:new" if failed else None,
            category="unknown" if failed else None, error_type=failure.error_type,
            trigger_signature="v2:met",
        )  # fmt: skip

    monkeypatch.setattr(reproduction_check, "run_case", run_case)
    monkeypatch.setattr(review, "run_case", run_case)
    for state in (CaseState.PROPOSED, CaseState.OPEN):
        if state is CaseState.OPEN:
            store.set_case_state(handle, CaseState.REPRODUCED)
            store.set_case_state(handle, CaseState.OPEN, reviewer="eve")
            store.rename_case(handle, "v1:s", "v1:t", "")
        row, _ = review.verify(store, handle)
        named = case_of(store, handle).expected
        assert row.signature == named.signature != "v1:s"
        assert named.signature.startswith("v2:")
        assert (named.signature == "v2:new") == (shows is Verdict.FAIL_SAME)
        assert row.trigger_signature == "v2:met"
    assert row.state is CaseState.OPEN


def test_the_gate_comes_before_the_review(
    store: SqlStore, replays: Callable[[Verdict], list[Case]]
) -> None:
    """A case that a person decided about does not go through the check again."""
    handle = opened(store, replays)
    with pytest.raises(InvalidTransition, match="genmon cases run"):
        review.verify(store, handle)


# --- the review -----------------------------------------------------------------


def test_approving_keeps_who_and_what(
    store: SqlStore, replays: Callable[[Verdict], list[Case]]
) -> None:
    """The case is open, knows its reviewer, and still says how often it reproduced."""
    handle = opened(
        store, replays, postcondition="app:check", fails_as="rejected",
        needs=Needs(recovery={"call_model": "other"}, live=("lookup",)),
    )  # fmt: skip
    row, case = store.case(handle), case_of(store, handle)
    assert (row.state, row.reviewer, row.state_reason) == (
        CaseState.OPEN, "eve", "reproduced 3 of 3",
    )  # fmt: skip
    assert (case.postcondition, case.fails_as, case.live) == ("app:check", "rejected", ("lookup",))
    assert decode(case.recovery["call_model"].outcome) == "other"
    assert case.recovery["call_model"].ended_s == 0.0


def test_only_what_reproduced_can_be_approved(
    store: SqlStore, replays: Callable[[Verdict], list[Case]]
) -> None:
    """A proposed case is sent to the check, a rejected one is over; nothing is edited then."""
    handle = strike(store)
    before = case_of(store, handle)
    with pytest.raises(InvalidTransition, match="genmon cases verify"):
        review.approve(store, handle, reviewer="eve", fails_as="rejected")
    store.set_case_state(handle, CaseState.REJECTED)
    with pytest.raises(InvalidTransition, match="final"):
        review.approve(store, handle, reviewer="eve", fails_as="rejected")
    assert case_of(store, handle) == before


def test_an_approved_case_can_be_told_more(
    store: SqlStore, replays: Callable[[Verdict], list[Case]]
) -> None:
    """What the fix turns out to need is added later, and the state stays."""
    handle = opened(store, replays, needs=Needs(recovery={"one": 1}))
    row = review.approve(store, handle, reviewer="bob", needs=Needs(recovery={"two": 2}))
    assert (row.state, row.reviewer) == (CaseState.OPEN, "eve")
    assert set(case_of(store, handle).recovery) == {"one", "two"}
    with pytest.raises(InvalidTransition, match="nothing is changed"):
        review.approve(store, handle, reviewer="bob")


def test_a_postcondition_is_an_import_path(
    store: SqlStore, replays: Callable[[Verdict], list[Case]]
) -> None:
    """What cannot be a function is refused before the case is approved."""
    handle = strike(store)
    replays(Verdict.FAIL_SAME)
    review.verify(store, handle)
    with pytest.raises(ConfigurationError, match=r"package\.module:name"):
        review.approve(store, handle, reviewer="eve", postcondition="app.check")
    assert store.case(handle).state is CaseState.REPRODUCED


def test_the_queue(store: SqlStore, replays: Callable[[Verdict], list[Case]]) -> None:
    """What waits for a person comes first, what nobody could fix last of its kind, and says so."""
    replays(Verdict.FAIL_SAME)
    raised: dict[str, Any] = {"steps": (RAISED,), "category": Category.DEPENDENCY_ERROR}
    made = {name: strike(store, name) for name in ("rejected", "open", "new", "waits", "older")}
    made["hopeless"] = strike(store, "hopeless", **raised)
    made["new-hopeless"] = strike(store, "new-hopeless", **raised)
    for name in ("open", "waits", "older", "hopeless"):
        review.verify(store, made[name])
    review.approve(store, made["open"], reviewer="eve")
    store.set_case_state(made["rejected"], CaseState.REJECTED)
    rows = review.queue(store.cases())
    names = {handle: name for name, handle in made.items()}
    assert [names[row.handle] for row in rows] == [
        "older", "waits", "hopeless", "new", "new-hopeless", "open", "rejected",
    ]  # fmt: skip
    out = Console(width=200, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    print_cases(out, rows)
    lines = out.export_text().splitlines()
    said = [
        above for above, line in pairwise(lines) if "asking the same again does not help" in line
    ]
    assert len(said) == 2
    assert made["hopeless"] in said[0]
    assert "should ask it something else" in meaning(review.card(store, made["hopeless"]))


# --- running, rebinding, exporting ------------------------------------------------


def test_a_case_whose_passes_drift_on_three_versions_is_stale(
    store: SqlStore, replays: Callable[[Verdict], list[Case]]
) -> None:
    """Two versions are not enough; one clean pass on the newest is; live passes do not count."""
    handle = opened(store, replays)
    row = store.case(handle)
    said = "step 1, ask, was asked otherwise"

    def passes(version: str, drift: str, channel: Channel = "ci") -> bool:
        number = len(list(store.case_runs(row.id)))
        store.record_run(
            row.id, channel, version, Verdict.PASS, "", f"r{number}", 1e9 + number, 0.25, drift
        )
        return is_stale(review.card(store, handle))

    assert not passes("v2", said)
    assert not passes("v3", said)
    assert not passes("v3", said)
    assert not passes("v4", "", "live")
    assert passes("v4", said)
    assert f"stale: its passes on 3 versions drifted: genmon cases refresh {handle}" in runs(
        review.card(store, handle)
    )
    assert not passes("v5", "")


def test_a_replay_counts_once_it_is_approved(
    store: SqlStore, replays: Callable[[Verdict], list[Case]]
) -> None:
    """Verdicts before approval and after the end only show; those between move the case."""
    handle = strike(store)
    replays(Verdict.PASS)
    assert review.replay(store, handle, code_version="v2")[1].verdict is Verdict.PASS
    assert store.case(handle).run_count == 0
    handle = opened(store, replays)
    replays(Verdict.PASS)
    row, _ = review.replay(store, handle, code_version="v2")
    assert (row.state, row.run_count) == (CaseState.GUARDING, 1)
    replays(Verdict.FAIL_SAME)
    assert review.replay(store, handle, code_version="v3")[0].state is CaseState.REGRESSED
    replays(Verdict.PASS)
    assert review.replay(store, handle, code_version="v3")[0].state is CaseState.GUARDING
    replays(Verdict.FAIL_SAME)
    row, _ = review.replay(store, handle, code_version="v3")
    assert (row.state, row.confidence_score) == (CaseState.QUARANTINED, 0.0)
    store.set_case_state(handle, CaseState.RETIRED)
    assert review.replay(store, handle, code_version="v4")[0].run_count == 4


def test_a_released_case_guards_again(
    store: SqlStore, replays: Callable[[Verdict], list[Case]]
) -> None:
    """Out of quarantine a case is open, and its next pass on a new version makes it guard."""
    handle = opened(store, replays)
    for verdict in (Verdict.FAIL_SAME, Verdict.PASS, Verdict.FAIL_SAME):
        replays(verdict)
        review.replay(store, handle, code_version="v2")
    assert store.case(handle).state is CaseState.QUARANTINED
    store.set_case_state(handle, CaseState.OPEN, expected=CaseState.QUARANTINED, reviewer="eve")
    replays(Verdict.PASS)
    assert review.replay(store, handle, code_version="v3")[0].state is CaseState.GUARDING


def test_confidence_through_the_store(
    store: SqlStore, replays: Callable[[Verdict], list[Case]]
) -> None:
    """Clean passes on 3, 5, 10, 20, 35 versions give .44, .57, .72, .84, .90."""
    handle = opened(store, replays)
    replays(Verdict.PASS)
    scores = {}
    for number in range(1, 36):
        row, _ = review.replay(store, handle, code_version=f"w{number}")
        scores[number] = round(row.confidence_score, 2)
    assert [scores[n] for n in (3, 5, 10, 20, 35)] == [0.44, 0.57, 0.72, 0.84, 0.90]


def test_export_is_what_a_person_may_commit(
    store: SqlStore, replays: Callable[[Verdict], list[Case]], tmp_path: Path
) -> None:
    """Reproduced and approved cases get a file with what is expected of them; others none."""
    strike(store, "proposed")
    replays(Verdict.FAIL_SAME)
    waits = strike(store, "waits")
    review.verify(store, waits)
    guarding = opened(store, replays)
    store.record_run(store.case(guarding).id, "ci", "v2", Verdict.PASS, "", "r1")
    written = dict(exporting.export(store, tmp_path / "cases", on_unreadable=pytest.fail))
    assert {files.read(path).provenance.failure: files.read(path).expect for path in written} == {
        waits: "fails", guarding: "passes",
    }  # fmt: skip
    assert all(written.values())
    assert not any(
        new for _, new in exporting.export(store, tmp_path / "cases", on_unreadable=pytest.fail)
    )


def test_rebind_in_the_store(store: SqlStore, replays: Callable[[Verdict], list[Case]]) -> None:
    """Every case that names the old path follows; the verify after it keeps the new name."""
    mine, other = strike(store), strike(store, "other", target="app:other")
    assert [row.handle for row in review.rebind(store, "app:build_app", "app:make")] == [mine]
    assert case_of(store, other).target == "app:other"
    assert list(review.rebind(store, "app:build_app", "app:make")) == []
    replays(Verdict.FAIL_SAME)
    review.verify(store, mine)
    assert case_of(store, mine).target == "app:make"


def test_forgetting_reaches_a_case_made_anew(
    store: SqlStore, replays: Callable[[Verdict], list[Case]]
) -> None:
    """A person whose recording came in by a later verify is forgotten in the case too."""
    handle = strike(store, kept=1)
    replays(Verdict.FAIL_SAME)
    review.verify(store, handle)
    late = failing(failure=a_failure("a", category=Category.RATE_LIMIT), user_id="zoe")
    Producer(store).write(late, recordings=[recording_of(late, inputs={"request": "I am zoe"})])
    review.verify(store, handle)
    assert "zoe" in str(store.case(handle).case)
    assert store.forget("zoe").cases == 1
    assert "zoe" not in str(store.case(handle).case)


HOSTILE = "[red]x[/nothing] [/] \x1b[2J\x9b31m {0} \u202e"


def test_the_card_says_that_nobody_is_known(store: SqlStore) -> None:
    """A failure without users and projects says so, and how to know them."""
    records = [failing(user_id=None, project_id=None) for _ in range(3)]
    Producer(store).write(*records, recordings=[recording_of(each) for each in records])
    (case,) = store.cases()
    out = Console(record=True, width=120, file=io.StringIO())
    out.print(render_card(review.card(store, case.handle)))
    assert "no user or project is known" in out.export_text()


def test_the_card_shows_recorded_text_as_text(
    store: SqlStore, replays: Callable[[Verdict], list[Case]]
) -> None:
    """Markup and control characters in what was recorded neither break nor style the card."""
    handle = strike(store, inputs={"request": HOSTILE}, steps=(), trigger_step=None)
    replays(Verdict.FAIL_SAME)
    store.set_case_state(handle, CaseState.UNREPRODUCIBLE, reason=HOSTILE)
    out = Console(width=120, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    out.print(render_card(review.card(store, handle)))
    print_cases(out, store.cases())
    text = out.export_text()
    assert text.count("[red]x[/nothing]") >= 2
    assert not {"\x1b", "\x9b", "\u202e"} & set(text)
