"""Say of a case what happened, what a replay does, how sure it is, and what approving means."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from genmon_otel.exchanges import is_fault, is_fault_status, status_of
from genmon_otel.policy import CaseState, Verdict
from genmon_otel.records import StepRecord
from genmon_otel.regression import review
from genmon_otel.regression.cases.case import Case
from genmon_otel.regression.cases.needs import Needs, unknown_steps
from genmon_otel.regression.cases.shrinking import read
from genmon_otel.regression.review import Card
from genmon_otel.regression.shrink import WHOLE, text_at
from genmon_otel.store.rows import CaseRow, FailureRow, RunRow
from genmon_otel.text import clean
from genmon_otel.wording.printable import one_line
from genmon_otel.wording.units import ago, duration, many
from genmon_otel.wording.values import call, failed_with

#: Characters of a sentence about a case.
SENTENCE: Final = 1_200

#: Code versions with drifted passes alone after which a case is stale.
STALE_AFTER: Final = 3
#: States whose reason a person gave; the reproduction check gave that of the others.
_ENDED = (CaseState.REJECTED, CaseState.RETIRED)

#: What to do next with a case, by its state.
_NEXT: Final = {
    CaseState.PROPOSED: "Put it through the reproduction check: genmon cases verify {handle}",
    CaseState.UNREPRODUCIBLE: "Fix what the reason names and verify again, or: "
    "genmon cases reject {handle}",
    CaseState.REPRODUCED: "genmon cases approve {handle}   or   genmon cases reject {handle}",
    CaseState.OPEN: "Fix it; the first pass on a new code version makes it a guard. "
    "Replay it now: genmon cases run {handle}",
    CaseState.GUARDING: "It gates CI. To end it: genmon cases retire {handle}",
    CaseState.REGRESSED: "The failure is back: genmon failures show {handle}",
    CaseState.QUARANTINED: "It flipped within one code version. Make the code deterministic, then: "
    "genmon cases release {handle}   or   genmon cases retire {handle}",
}
#: The same on the page, which has a button for each command: the sentence, and its buttons' names.
_NEXT_ON_PAGE: Final = {
    CaseState.PROPOSED: ("Put it through the reproduction check: does it fail again?", ("Verify",)),
    CaseState.UNREPRODUCIBLE: ("Fix what the reason names and verify again, or reject it.",
                               ("Verify", "Reject")),
    CaseState.REPRODUCED: ("It fails again, as recorded. Approve it, or reject it.",
                           ("Approve", "Reject")),
    CaseState.OPEN: ("Fix the code; the first pass on a new code version makes it a guard.",
                     ("Replay now",)),
    CaseState.GUARDING: ("It gates CI.", ("Replay now", "Retire")),
    CaseState.REGRESSED: ("The failure is back: fix the code, and replay it.", ("Replay now",)),
    CaseState.QUARANTINED: ("It flipped within one code version. Make the code deterministic, then "
                            "release it, or retire it.", ("Release", "Retire")),
}  # fmt: skip
#: Note in the list at a case whose fault meets every retry.
UNFIXABLE: Final = (
    "the step failed each time, or nothing was recorded: asking the same again does not help"
)


def next_step(row: CaseRow) -> str:
    """Return what to do next with a case; empty where it is over."""
    return _NEXT.get(row.state, "").format(handle=row.handle)


def next_on_page(row: CaseRow) -> tuple[str, tuple[str, ...]]:
    """Return what to do next with a case, and which of the page's buttons do it; empty where it is over."""
    return _NEXT_ON_PAGE.get(row.state, ("", ()))


def reason(row: CaseRow) -> tuple[str, str]:
    """Return why a case has its state: whose word it is, and the word."""
    if row.state in _ENDED:
        return "why", row.state_reason or "no reason was given"
    return "reproduction check", row.state_reason or "not yet run"


def size(case: Case) -> str:
    """Return how much smaller a case is than its recording; empty where that was not tried."""
    found = case.shrunk
    if found is None:
        return ""
    text = WHOLE
    if found.is_smaller:
        text = (
            f"shrunk from {_kilobytes(found.bytes_before)} in {many(found.steps_before, 'step')} "
            f"to {_kilobytes(found.bytes_after)} in {found.steps_after}"
        )
    if found.smallest_trigger is not None and case.trigger.step is not None:
        step = case.steps[case.trigger.step]
        at = text_at(step)
        if at is not None and found.smallest_trigger == read(step.outcome, at):
            return f"{text}; the answer that broke it is the smallest that does"
        smallest = clean(repr(found.smallest_trigger), 200)
        text += f"; the answer that broke it is kept whole, its smallest part is {smallest}"
    return text


def _kilobytes(count: int) -> str:
    if count < 1000:
        return many(count, "byte")
    return f"{count / 1000:.1f} KB" if count < 10_000 else f"{count / 1000:.0f} KB"


def runs(card: Card) -> str:
    """Return how a case's runs ended."""
    row = card.row
    text = (
        f"{row.pass_count} passed, {row.fail_count} failed, {row.inconclusive_count} inconclusive"
    )
    if card.runs:
        last = card.runs[0]
        text += f"; last {ago(last.at)}: {last.verdict} ({last.channel})"
        if last.drift:
            text += f", drifted: {last.drift}"
    if is_stale(card):
        text += f"; stale: its passes on {STALE_AFTER} versions drifted: genmon cases refresh {row.handle}"
    if row.flakiness:
        text += f"; flaky in {row.flakiness:.0%} of repeats"
    return text


def is_stale(card: Card) -> bool:
    """Return whether a case is stale by its card."""
    return asks_otherwise(card.runs)


def asks_otherwise(found: Sequence[RunRow]) -> bool:
    """Return whether the passes on the last three code versions all drifted; what it asks is long another.

    Args:
        found: a case's runs, newest first.
    """
    drifted: dict[str | None, bool] = {}
    for run in found:
        if run.verdict is Verdict.PASS and run.channel != "live":
            drifted[run.code_version] = drifted.get(run.code_version, True) and bool(run.drift)
    newest = list(drifted.values())[:STALE_AFTER]
    return len(newest) == STALE_AFTER and all(newest)


def confidence(card: Card) -> str:
    """Return the confidence score and its meaning in words."""
    versions: set[str | None] = set()
    for run in card.runs:
        if run.verdict is Verdict.FAIL_SAME:
            break
        if run.verdict is Verdict.PASS:
            versions.add(run.code_version)
    plain = f"passed on {many(len(versions), 'version')}"
    return f"{card.row.confidence_score:.2f} ({plain} since it was last seen)"


def what_happened(case: Case, failure: FailureRow | None) -> str:
    """Return which step the failure came from, what that step did, and whether that is only likely.

    A step that raised is certain. Whose answer the code could not use is certain only where the
    error carries that answer's text, or where the check tried another in its place; else it is the
    last answer before it. Of a file, whose failure is not at hand (None), that is not said.
    """
    trigger = case.trigger
    if trigger.kind == "input" or trigger.step is None:
        return f"The request itself brought it out: {case.target} failed on these inputs."
    step = case.steps[trigger.step]
    did = {
        "value": "returned something that the code could not use",
        "stream": "streamed something that the code could not use",
        "exception": "raised",
        "hang": "never answered",
    }[step.kind]
    if is_fault(step):
        did = _ended(step)
    elif step.kind == "stream" and step.stream_error is not None:
        did = "broke off its stream"
    if trigger.kind == "content" and trigger.confirmed:
        return f"Step {step.name} {did}; {case.target} failed. With a good answer in its place it does not."
    quoted = failure is None or failure.context.get("answer_quoted")
    if trigger.kind == "content" and not quoted:
        return (
            f"Perhaps step {step.name} {did} (its answer was the last before the error; "
            f"unconfirmed); {case.target} failed."
        )
    return f"Step {step.name} {did}; {case.target} failed."


def unknown_steps_said(needs: Needs, case: Case) -> list[str]:
    """Return a warning for each step that a person named and that was not recorded."""
    return [
        f"no step {name!r} was recorded, so it counts only where the fixed code calls one of that "
        f"name. Recorded: {recorded}."
        for name, recorded in unknown_steps(needs, case)
    ]


def step_line(step: StepRecord, limit: int) -> str:
    """Return a call of a step and how it ended, on one line; ``limit`` is characters of arguments."""
    took = "" if step.ended_s is None else f" after {duration(step.ended_s - step.started_s)}"
    line = f"{call(step.name, step.arguments, limit)} {_ended(step)}{took}"
    return one_line(clean(line, SENTENCE))


def _ended(step: StepRecord) -> str:
    """Return how a step ended; a fault that is an answer by its status or exit code."""
    if is_fault(step):
        status = status_of(step)
        is_told_by_status = status is not None and is_fault_status(step.adapter, status)
        return failed_with(status) if is_told_by_status else "streamed an error"
    words = {"value": "returned", "stream": "streamed", "exception": "raised", "hang": "hung"}
    return words[step.kind]


def nearby(place: str) -> str:
    """Return a file's path relative to the working directory, if it is below it."""
    path = Path(str(place))
    here = Path.cwd()
    return os.path.relpath(path, here) if path.is_relative_to(here) else str(place)


def replay(case: Case) -> str:
    """Return what a replay of the case does."""
    steps = len({step.name for step in case.steps})
    text = f"A replay calls {case.target} with these arguments"
    if case.steps:
        text += f", and its {'step answers' if steps == 1 else 'steps answer'} as recorded"
    text += ": no network, no model, no waiting."
    if case.live:
        text += f" Really called: {', '.join(case.live)}."
    if case.env or case.programs:
        text += f" It is given {', '.join((*case.env, *case.programs))}."
    if case.trigger.kind == "fault" and not case.trigger.persistent:
        assert case.trigger.step is not None
        name = case.steps[case.trigger.step].name
        after = (
            "what you gave as its recovery"
            if name in case.recovery
            else "what it gave in a successful generation"
            if any(donor.step.name == name for donor in case.donors)
            else f"nothing yet: give --recovery {shlex.quote(f'{name}=JSON')} if the fix asks more often"
        )
        text += f" Asked once more than that, {name} answers {after}."
    return clean(text, SENTENCE)


def meaning(card: Card) -> str:
    """Return what approving the case does."""
    case = card.case
    assert case is not None
    if card.is_unfixable:
        return (
            "The step failed each time it was asked: asking the same again does not help. Approve it if "
            "the code should ask it something else, such as a repaired text, or do without it, or fail "
            "better; how it should fail is said with --fails-as."
        )
    proof = (
        f"{case.postcondition} accepts the result"
        if case.postcondition
        else "the result is like those of successful generations"
        if case.success_shapes
        else "the result is like those of successful generations, which the reproduction check looks up"
        if card.row.state is CaseState.PROPOSED
        else "… nothing says yet what success looks like: give --postcondition, or let a success be "
        "recorded"
    )
    asked = f"meets the same {'input' if case.trigger.kind == 'input' else 'outcome'}"
    who = (
        "Approving means: the fixed" if card.row.state in review.CHECKABLE else "A pass means: the"
    )
    return f"{who} code {asked}, nothing fails, and {proof}."
