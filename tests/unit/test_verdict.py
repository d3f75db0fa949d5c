"""A verdict cannot be a pass unless everything was seen; a case file cannot be misread."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genmon_otel.payload import Streamed, shape
from genmon_otel.policy import Verdict
from genmon_otel.records import Outcome, StepRecord
from genmon_otel.regression.cases.case import Case, CaseTrigger, Donor, Expected, Provenance
from genmon_otel.regression.cases.case_reading import CaseError
from genmon_otel.regression.judging.observation import Failed, Observation
from genmon_otel.regression.judging.verdict import judge, unlike
from genmon_otel.regression.processes.launch import observation

GOOD = shape({"files": {"a": "x"}, "notes": ""})
CASE = Case(
    slug="build-rate_limit-3kq2",
    operation="build",
    target="app:build",
    inputs={"request": "a shop"},
    steps=(
        StepRecord("chat", {"p": 1}, "exception", {"$": "error"}, ended_s=1.0, digest="d"),
        StepRecord("chat", {"p": 1}, "hang", None, started_s=1.0, is_async=True),
    ),
    trigger=CaseTrigger("fault", 0),
    expected=Expected("v2:same", "rate_limit", "app.RateLimit", "slow", "chat"),
    success_shapes=(GOOD,),
    recovery={"chat": StepRecord("chat", {}, "value", "x")},
    donors=(Donor("9f", StepRecord("chat", {}, "stream", ["a"], stream_error=None)),),
    live=("lookup",),
    env={"MODE": "test"},
    programs=("node",),
    factories={"self": "app:make"},
    provenance=Provenance("F-3KQ2", "v2:f", "9f", 1.0, 2.0, 3, 2, 1),
)
SEEN = Observation(
    generations=1, outcome=Outcome.SUCCESS, trigger_consumed=True, result_shape=GOOD,
    substitutes=("code",),
)  # fmt: skip
SAME = Failed("v2:same", "rate_limit", "app.RateLimit")
OTHER = Failed("v2:other", "unknown", "builtins.TypeError", "oops")


def test_another_versions_case_says_what_to_do() -> None:
    """A failure that an older fingerprint names may be the same: no verdict, but a remedy."""
    old = replace(CASE, expected=replace(CASE.expected, signature="v1:same"))
    seen = replace(SEEN, outcome=Outcome.FAILURE, failed=SAME)
    found = judge(old, seen)
    assert (found.verdict, found.reason) == (Verdict.INCONCLUSIVE, "superseded")
    assert "genmon cases verify F-3KQ2" in found.detail
    assert "genmon cases export" in found.detail
    assert judge(old, SEEN).verdict is Verdict.PASS


def test_a_pass_has_it_all() -> None:
    """Target called, trigger met, nothing failed, the result is like a success."""
    assert judge(CASE, SEEN).verdict is Verdict.PASS


@pytest.mark.parametrize(
    ("missing", "verdict"),
    [
        ({"obstacle": ("network", "x")}, Verdict.INCONCLUSIVE),
        ({"generations": 0}, Verdict.INCONCLUSIVE),
        ({"outcome": None}, Verdict.INCONCLUSIVE),
        ({"trigger_consumed": False}, Verdict.INCONCLUSIVE),
        ({"escaped": "TypeError: x"}, Verdict.FAIL_OTHER),
        ({"other_failures": ("ValueError: inner",)}, Verdict.FAIL_OTHER),
        ({"result_shape": None}, Verdict.FAIL_OTHER),
        ({"result_shape": shape(None)}, Verdict.FAIL_OTHER),
        ({"result_shape": shape({})}, Verdict.FAIL_OTHER),
        ({"result_shape": shape([1])}, Verdict.FAIL_OTHER),
        ({"result_shape": shape({"files": {"a": "x"}})}, Verdict.FAIL_OTHER),
        ({"result_shape": shape({"files": {}, "notes": ""})}, Verdict.FAIL_OTHER),
        ({"result_shape": shape({"files": {"a": " "}, "notes": ""})}, Verdict.FAIL_OTHER),
        ({"outcome": Outcome.FAILURE, "failed": SAME}, Verdict.FAIL_SAME),
        ({"outcome": Outcome.FAILURE, "failed": OTHER}, Verdict.FAIL_OTHER),
        ({"outcome": Outcome.FAILURE}, Verdict.FAIL_OTHER),
        ({"outcome": Outcome.REJECTED}, Verdict.FAIL_OTHER),
        ({"outcome": Outcome.CANCELLED}, Verdict.FAIL_OTHER),
        ({"obstacle": ("write", "x"), "outcome": Outcome.FAILURE, "failed": SAME},
         Verdict.INCONCLUSIVE),
    ],
)  # fmt: skip
def test_whatever_is_missing_is_no_pass(missing: dict[str, Any], verdict: Verdict) -> None:
    """Each condition alone keeps a run from passing."""
    assert judge(CASE, replace(SEEN, **missing)).verdict is verdict


def test_a_result_rests_on_an_answer() -> None:
    """A success without an answer in the trigger's place needs a function that says it is right."""
    own, other = (CASE.steps[CASE.trigger.step or 0].name,), ("another",)
    content = replace(CASE, trigger=CaseTrigger("content", CASE.trigger.step))
    twice = replace(CASE, own_calls=2)
    beside = (CASE.steps[0], replace(CASE.steps[1], started_s=0.5))
    rows: list[tuple[Case, dict[str, Any], Verdict]] = [
        (CASE, {"substitutes": ()}, Verdict.INCONCLUSIVE),
        (CASE, {"substitutes": own}, Verdict.PASS),
        (CASE, {"substitutes": other}, Verdict.PASS),
        (twice, {"substitutes": own}, Verdict.INCONCLUSIVE),  # it follows in each success
        (twice, {"substitutes": own * 2}, Verdict.PASS),
        # what was asked beside the trigger does not follow from its answer
        (replace(twice, steps=beside), {"substitutes": own}, Verdict.PASS),
        (content, {"substitutes": (), "depends": False}, Verdict.INCONCLUSIVE),
        (content, {"substitutes": (), "depends": True}, Verdict.PASS),
        (content, {"substitutes": own, "depends": False}, Verdict.INCONCLUSIVE),
        (content, {"substitutes": own, "depends": None}, Verdict.PASS),
        (CASE, {"substitutes": own, "depends": False}, Verdict.INCONCLUSIVE),
    ]
    wrong = [
        (seen, found)
        for case, seen, verdict in rows
        if (found := judge(case, replace(SEEN, **seen))).verdict is not verdict
    ]
    assert not wrong, wrong
    named = replace(CASE, postcondition="app:ok")
    asked = replace(SEEN, substitutes=(), postcondition="")
    assert judge(named, asked).verdict is Verdict.PASS


def test_without_sample_or_function_nothing_passes() -> None:
    """Nothing says what success looks like: inconclusive; a function's word counts."""
    bare = replace(CASE, success_shapes=())
    found = judge(bare, SEEN)
    assert found.reason == "postcondition"
    assert "genmon cases approve F-3KQ2 --postcondition" in found.detail  # works when copied
    asked = replace(bare, postcondition="app:ok")
    assert judge(asked, SEEN).verdict is Verdict.INCONCLUSIVE
    assert judge(asked, replace(SEEN, postcondition="")).verdict is Verdict.PASS
    assert judge(asked, replace(SEEN, postcondition="too short")).verdict is Verdict.FAIL_OTHER


@pytest.mark.parametrize(
    ("fails_as", "seen", "verdict"),
    [
        ("rejected", {"outcome": Outcome.REJECTED}, Verdict.PASS),
        ("rejected", {"outcome": Outcome.FAILURE, "failed": OTHER}, Verdict.FAIL_OTHER),
        ("rejected", {"outcome": Outcome.SUCCESS}, Verdict.FAIL_OTHER),
        (
            "rejected",
            {"outcome": Outcome.REJECTED, "trigger_consumed": False},
            Verdict.INCONCLUSIVE,
        ),
        ("TypeError", {"outcome": Outcome.FAILURE, "failed": OTHER}, Verdict.PASS),
        ("unknown", {"outcome": Outcome.FAILURE, "failed": OTHER}, Verdict.PASS),
        ("TypeError", {"outcome": Outcome.CANCELLED, "failed": OTHER}, Verdict.FAIL_OTHER),
        ("rate_limit", {"outcome": Outcome.FAILURE, "failed": SAME}, Verdict.FAIL_SAME),
    ],
)
def test_a_declared_failure(fails_as: str, seen: dict[str, Any], verdict: Verdict) -> None:
    """Only the declared way to fail passes, once the trigger was met; never the recorded one."""
    assert judge(replace(CASE, fails_as=fails_as), replace(SEEN, **seen)).verdict is verdict


SHAPES = st.none() | st.fixed_dictionaries(
    {
        "type": st.sampled_from(["dict", "list"]),
        "keys": st.lists(st.sampled_from("abc"), unique=True),
        "non_empty": st.lists(st.sampled_from("abc"), unique=True),
        "empties": st.lists(st.sampled_from("abc"), unique=True),
        "empty": st.booleans(),
    }
)
OBSERVATIONS = st.builds(
    Observation,
    obstacle=st.none() | st.just(("network", "x")),
    generations=st.integers(0, 2),
    outcome=st.none() | st.sampled_from(Outcome),
    failed=st.none() | st.sampled_from([SAME, OTHER]),
    other_failures=st.sampled_from([(), ("ValueError: x",)]),
    escaped=st.sampled_from(["", "E: x"]),
    trigger_consumed=st.booleans(),
    result_shape=SHAPES,
    postcondition=st.none() | st.sampled_from(["", "no"]),
)


@given(
    OBSERVATIONS,
    st.lists(SHAPES, max_size=3),
    st.none() | st.just("app:ok"),
    st.none() | st.sampled_from(["rejected", "TypeError"]),
)
def test_no_vacuous_pass(
    seen: Observation, shapes: list[Any], postcondition: str | None, fails_as: str | None
) -> None:
    """Whatever was seen, a pass implies every one of its conditions."""
    case = replace(
        CASE, success_shapes=tuple(shapes), postcondition=postcondition, fails_as=fails_as
    )
    if judge(case, seen).verdict is not Verdict.PASS:
        return
    assert seen.obstacle is None
    assert seen.generations > 0
    assert seen.trigger_consumed
    if fails_as is not None:
        assert seen.outcome in (Outcome.REJECTED, Outcome.FAILURE)
        assert seen.failed != SAME or seen.outcome is Outcome.REJECTED
        return
    assert seen.outcome is Outcome.SUCCESS
    assert not seen.escaped
    assert not seen.other_failures
    if postcondition is not None:
        assert seen.postcondition == ""
    else:
        assert any(shapes)
        assert unlike(seen.result_shape, shapes) == ""


def test_new_members_of_a_result_are_welcome() -> None:
    """A result may have more than the samples had, and other nested names."""
    assert unlike(shape({"files": {"b": "y"}, "notes": "", "more": 1}), [GOOD]) == ""
    assert (
        unlike(shape({"files": {}, "n": 1}), [shape({"files": {}}), shape({"files": {"a": 1}})])
        == ""
    )


def test_a_class_that_was_moved_is_the_same() -> None:
    """Its module does not count, its name does."""
    known = [{"type": "shop.graph:Page", "keys": ["title"]}]
    assert unlike({"type": "shop.models:Page", "keys": ["title"]}, known) == ""
    assert "postcondition" in unlike({"type": "shop.graph:Sheet", "keys": ["title"]}, known)


def test_a_stream_that_ends_early_is_unlike() -> None:
    """A stream must have as many items as the shortest successful one; more are welcome."""
    samples = [shape(Streamed(3)), shape(Streamed(5))]
    assert unlike(shape(Streamed(3)), samples) == ""
    assert unlike(shape(Streamed(9)), samples) == ""
    assert "2 items, successful ones at least 3" in unlike(shape(Streamed(2)), samples)
    assert "empty" in unlike(shape(Streamed(0)), samples)
    assert unlike(shape(["x"] * 3), samples) != ""
    assert unlike(shape(Streamed(0)), [shape(Streamed(0)), shape(Streamed(5))]) == ""


# --- the case's file --------------------------------------------------------


def test_a_case_file_round_trips() -> None:
    """What is written is read again as the same case; the file is ASCII."""
    text = CASE.to_json()
    assert text.isascii()
    assert Case.from_json(text) == CASE
    assert Case.from_json(text).to_json() == text


def spoiled(**changes: Any) -> dict[str, Any]:
    return {**CASE.to_dict(), **changes}


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ([], "no case"),
        ({}, "genmon cases export"),
        (spoiled(genmon_case=2), "Upgrade genmon-otel"),
        (spoiled(genmon_case="1"), "version"),
        (spoiled(genmon_case=True), "version"),
        (spoiled(surprise=1), "unknown member 'surprise'"),
        (spoiled(slug="../../etc/passwd"), "slug"),
        (spoiled(slug="A B"), "lower-case"),
        (spoiled(expect="maybe"), "fails, passes"),
        (spoiled(trigger={"kind": "fault", "step": 9}), "2 steps"),
        (spoiled(trigger={"kind": "fault"}), "needs the index"),
        (spoiled(trigger={"kind": "weird"}), "fault, content, input"),
        (spoiled(steps=[{"name": "x"}]), "case.steps[0] lacks"),
        (spoiled(steps=5), "a list"),
        (spoiled(live=[1]), "case.live[0]"),
        (spoiled(duration_s="long"), "a number"),
        (spoiled(duration_s=10**400), "a number"),
        (spoiled(target="x" * 9_000), "8192"),
        (spoiled(env={"A": 1}), "case.env.A"),
        (
            {key: value for key, value in CASE.to_dict().items() if key != "target"},
            "lacks 'target'",
        ),
    ],
)
def test_a_spoiled_case_says_what_is_wrong(data: Any, words: str) -> None:
    """Each fault is refused with the field and what is allowed."""
    with pytest.raises(CaseError, match="(?s)" + words.replace("[", r"\[")):
        Case.from_dict(data)


@pytest.mark.parametrize(
    "text", ["", "{", "nonsense", '{"genmon_case": NaN}', "[" * 100_000, b"\xff", "1" * 10_000]
)
def test_a_file_that_is_no_json_is_refused(text: str | bytes) -> None:
    """Whatever the bytes, the answer is a CaseError."""
    with pytest.raises(CaseError):
        Case.from_json(text)


def test_bottomless_data_is_refused() -> None:
    """A tree nested deeper than any encoder makes is refused before it is walked."""
    deep: Any = 1
    for _ in range(5_000):
        deep = [deep]
    with pytest.raises(CaseError, match="nested"):
        Case.from_dict(spoiled(inputs=deep))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(st.sampled_from(sorted(CASE.to_dict())), JSON)
def test_any_member_may_be_anything(name: str, value: Any) -> None:
    """The parser gives a case or a CaseError, nothing else."""
    try:
        Case.from_dict(spoiled(**{name: value}))
    except CaseError:
        pass


@given(st.text())
def test_any_text_is_a_case_or_an_error(text: str) -> None:
    """Arbitrary text never gets further than a CaseError."""
    with pytest.raises(CaseError):
        Case.from_json(text)


def test_an_answer_is_read_as_it_was_sent() -> None:
    """What the replaying process reports arrives unchanged."""
    from dataclasses import asdict

    seen = replace(
        SEEN, failed=SAME, steps=("a", "b"), notes=("n",), obstacle=("size", "x"), drifted=True
    )
    assert observation(json.loads(json.dumps(asdict(seen)))) == seen
