"""From a failure and its recordings to a case: names, triggers, donors."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genmon_otel.records import Recording, StepRecord, SuccessSample
from genmon_otel.regression.cases.case import Case
from genmon_otel.regression.propose import case_from, propose, slug, with_samples
from tests.case_kit import failure_row, recorded

VALUE = StepRecord("ask", {"p": 1}, "value", "x", ended_s=1.0)
RAISED = StepRecord("ask", {"p": 1}, "exception", {"$": "error"}, ended_s=1.0)
HUNG = StepRecord("ask", {"p": 1}, "hang", None)
STREAM = StepRecord("ask", {"p": 1}, "stream", ["a"], ended_s=1.0)
BROKEN = replace(STREAM, stream_error={"$": "error"})
STUCK = replace(STREAM, ended_s=None)


def recording(*steps: StepRecord, trigger: int | None = None) -> Recording:
    """A redacted recording of these steps."""
    return Recording(
        generation_id="9f", fingerprint="v2:f", operation="build", target="app:build",
        inputs={"request": "a shop"}, steps=steps, trigger_step=trigger, duration_s=2.0,
        code_version="v1", redacted=True,
    )  # fmt: skip


def test_a_case_is_made_of_the_recording_that_answers_every_question() -> None:
    """A cache above a step asks once a process: the recording that has its answer is taken."""
    cached, other = replace(VALUE, name="fetch", digest="f"), replace(VALUE, digest="a")
    first, later = recording(cached, other), recording(other)
    row = failure_row()
    for kept in ([later, first], [first, later], [later, later, first]):
        case = Case.from_dict(propose(row, kept))
        assert [step.name for step in case.steps] == ["fetch", "ask"]
    again = recording(other, replace(other, digest="b"))
    assert len(Case.from_dict(propose(row, [later, again])).steps) == 2
    broken = replace(first, unreplayable="an argument")
    assert len(Case.from_dict(propose(row, [later, broken])).steps) == 1
    assert len(Case.from_dict(propose(row, [broken])).steps) == 2


def test_a_case_is_made_of_what_really_failed(tmp_path: Path) -> None:
    """A real failure gives a case with its inputs, steps, trigger, success and origin."""
    case = recorded(tmp_path)
    assert (case.slug, case.operation, case.target) == (
        "build-connectionreseterror-f-3kq2", "build", "app:build",
    )  # fmt: skip
    assert case.inputs == {"request": "bad"}
    assert [(step.name, step.kind) for step in case.steps] == [("ask", "exception")]
    assert (case.trigger.kind, case.trigger.step, case.trigger.persistent) == ("fault", 0, False)
    assert case.expected.category == "provider_error"
    assert [shape["keys"] for shape in case.success_shapes] == [["files"]]
    assert (case.provenance.failure, case.provenance.occurrences) == ("F-3KQ2", 3)
    assert case.expect == "fails"


@pytest.mark.parametrize(
    ("step", "category", "kind", "persistent"),
    [
        (VALUE, "syntax_error", "content", False),
        (STREAM, "syntax_error", "content", False),
        (RAISED, "rate_limit", "fault", False),
        (RAISED, "provider_error", "fault", False),
        (RAISED, "dependency_error", "fault", True),
        (HUNG, "ai_timeout", "fault", False),
        (BROKEN, "provider_error", "fault", False),
        (STUCK, "ai_timeout", "fault", False),
        (None, "unknown", "input", False),
    ],
)
def test_the_trigger(step: StepRecord | None, category: str, kind: str, persistent: bool) -> None:
    """A step that answered is to blame for its content; faults of the environment pass."""
    made = case_from(
        failure_row(category=category),
        recording(*([step] if step else []), trigger=None if step is None else 0),
    )
    assert (made.trigger.kind, made.trigger.persistent) == (kind, persistent)


def test_the_best_recording_is_taken() -> None:
    """The first recording makes the case; without one there is nothing."""
    first, second = recording(VALUE, trigger=0), recording(RAISED, trigger=0)
    assert Case.from_dict(propose(failure_row(), [first, second])).steps == (VALUE,)
    assert propose(failure_row(), []) == {}


def test_donors_are_answers_of_successes() -> None:
    """At most three donors a step, none that raised, hung or broke off, which count as no answer; newest first."""
    samples = [
        SuccessSample(f"g{n}", "build", float(n), "v1", {"type": "dict"},
                      (VALUE, RAISED, HUNG, BROKEN, STUCK, replace(STREAM, name="read")))
        for n in range(5)
    ]  # fmt: skip
    case = with_samples(case_from(failure_row(), recording(RAISED, trigger=0)), samples)
    assert [(d.generation_id, d.step.name, d.step.kind) for d in case.donors] == [
        (f"g{n}", name, kind)
        for n in range(3)
        for name, kind in (("ask", "value"), ("read", "stream"))
    ]
    assert len(case.success_shapes) == 5
    assert case.own_calls == 1


ANYTHING = st.text() | st.text(st.characters(categories=["Cc", "Zs", "Po", "Cs", "Lu", "So"]))


@given(ANYTHING, ANYTHING, ANYTHING)
def test_every_slug_is_legal(operation: str, error_type: str, handle: str) -> None:
    """Whatever the names, the slug is of letters of our own, short, and no path."""
    made = slug({"operation": operation, "error_type": error_type, "handle": handle})
    assert re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,119}", made)
    row = failure_row(operation=operation, error_type=error_type, handle=handle)
    assert case_from(row, recording()).slug == made


def test_slugs_of_different_failures_differ() -> None:
    """The handle keeps cases of like failures apart."""
    assert slug(failure_row(handle="F-AAAA")) != slug(failure_row(handle="F-AAAB"))
    assert slug(failure_row(operation="x" * 500)).endswith("-f-3kq2")
    assert case_from(failure_row(operation="x" * 500, handle="F" * 500), recording()).slug
