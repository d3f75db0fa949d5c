"""Print cases: the list, and the card by which a reviewer judges one."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from genmon_otel.cli.listing import Listing
from genmon_otel.cli.output import marked, one_line
from genmon_otel.cli.recorded import call, cut, in_line, text_of
from genmon_otel.cli.terminal import NOBODY, ago, duration, many
from genmon_otel.policy import CaseState, Verdict
from genmon_otel.records import StepRecord
from genmon_otel.regression import review
from genmon_otel.regression.case import Case
from genmon_otel.regression.review import Card
from genmon_otel.store.rows import CaseRow
from genmon_otel.text import clean

#: Characters that a card shows of a recorded value, of an argument, and of the error's message.
SHOWN = 600
ARGUMENT = 240
MESSAGE = 600
#: Arguments and steps that a card lists.
MOST = 12

#: States whose reason a person gave; the reproduction check gave that of the others.
_ENDED = (CaseState.REJECTED, CaseState.RETIRED)
_NEXT = {
    CaseState.PROPOSED: "Put it through the reproduction check: genmon cases verify {handle}",
    CaseState.UNREPRODUCIBLE: "Mend what the reason names and verify again, or: "
    "genmon cases reject {handle}",
    CaseState.REPRODUCED: "genmon cases approve {handle}   or   genmon cases reject {handle}",
    CaseState.OPEN: "Fix it; the first pass on a new code version makes it a guard. "
    "Replay it now: genmon cases run {handle}",
    CaseState.GUARDING: "It gates CI. To end it: genmon cases retire {handle}",
    CaseState.REGRESSED: "The failure is back: genmon failures show {handle}",
    CaseState.QUARANTINED: "It flipped within one code version. Make the code deterministic, then: "
    "genmon cases release {handle}   or   genmon cases retire {handle}",
}


STATE_STYLES = {
    CaseState.PROPOSED: "dim",
    CaseState.REPRODUCED: "bold yellow",
    CaseState.UNREPRODUCIBLE: "dim",
    CaseState.OPEN: "yellow",
    CaseState.GUARDING: "green",
    CaseState.REGRESSED: "bold red",
    CaseState.QUARANTINED: "magenta",
}
#: Note in the list at a case that no code change can fix.
UNFIXABLE = "the step failed each time, or nothing was recorded: no code could fix that"


def render_card(card: Card) -> RenderableType:
    """Print a card: what failed and for whom, recorded requests and answers, what approving does."""
    row, failure = card.row, card.failure.row
    said = clean(failure.error_message, MESSAGE).strip()
    error = Text(failure.error_type, style="bold red").append(f": {said}" if said else "", "bold")
    parts: list[RenderableType] = [error, Text(), _facts(card)]
    if card.case is None:
        parts.append(Text("\nNothing was recorded of this failure; there is nothing to replay."))
    else:
        parts += [*_asked(card.case), Text(), Text(_what_happened(card.case), style="bold")]
        parts += [_steps(card.case), Text(), Text(_replay(card.case))]
        parts += [Text(), Text(_meaning(card), style="italic")]
    parts += [Text(), Text(_NEXT.get(row.state, "").format(handle=row.handle), style="bold")]
    title, subtitle = Text(one_line(row.handle)), Text(one_line(row.state))
    return Panel(Group(*parts), title=title, subtitle=subtitle, padding=(1, 2))


def _facts(card: Card) -> Table:
    row, failure, hit = card.row, card.failure.row, card.failure.impact
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column()

    def add(label: str, text: str) -> None:
        table.add_row(label, Text(clean(text, 2_000)))  # recorded text must not be read as markup

    share = f", {hit.share:.0%} of those active that week" if hit.share is not None else ""
    said = f"; relabelled by {failure.relabelled_by}" if failure.relabelled_at is not None else ""
    add("failure", f"{failure.category}, {failure.severity}, in {failure.operation}{said}")
    add(
        "happened",
        f"{many(failure.occurrence_count, 'time')}, first {ago(failure.first_seen_at)}, "
        f"last {ago(failure.last_seen_at)}",
    )
    known = ((hit.users, "user"), (hit.projects, "project"))
    whom = ", ".join(many(count, noun) for count, noun in known if count)
    add("hit", whom + share if whom else NOBODY)
    place = failure.context.get("file")
    if place:
        where = f"{_nearby(place)}:{failure.context.get('line')}"
        add("broke at", f"{where} in {failure.context.get('function')}")
    if row.state in _ENDED:
        add("why", row.state_reason or "no reason was given")
    else:
        add("reproduction check", row.state_reason or "not yet run")
    if row.run_count:
        add("runs", _runs(card))
        add("confidence", _confidence(card))
    if row.reviewer:
        when = f", {ago(row.reviewed_at)}" if row.reviewed_at else ""
        add("reviewed by", f"{row.reviewer}{when}")
    return table


def _runs(card: Card) -> str:
    row = card.row
    text = (
        f"{row.pass_count} passed, {row.fail_count} failed, {row.inconclusive_count} inconclusive"
    )
    if card.runs:
        last = card.runs[0]
        text += f"; last {ago(last.at)}: {last.verdict} ({last.channel})"
    if row.flakiness:
        text += f"; flaky in {row.flakiness:.0%} of repeats"
    return text


def _confidence(card: Card) -> str:
    """Return the confidence score and its meaning in words."""
    versions: set[str | None] = set()
    for run in card.runs:
        if run.verdict is Verdict.FAIL_SAME:
            break
        if run.verdict is Verdict.PASS:
            versions.add(run.code_version)
    plain = f"passed on {many(len(versions), 'version')}"
    return f"{card.row.confidence_score:.2f} ({plain} since it was last seen)"


def _what_happened(case: Case) -> str:
    trigger = case.trigger
    if trigger.kind == "input" or trigger.step is None:
        return f"The request itself brought it out: {case.target} failed on these inputs."
    step = case.steps[trigger.step]
    did = {
        "value": "returned something that could not be digested",
        "stream": "streamed something that could not be digested",
        "exception": "raised",
        "hang": "never answered",
    }[step.kind]
    if step.kind == "stream" and step.stream_error is not None:
        did = "broke off its stream"
    return f"Step {step.name} {did}; {case.target} failed."


def _asked(case: Case) -> list[RenderableType]:
    """Return the arguments of the call, one a line; in full where they caused the failure."""
    given = case.inputs if isinstance(case.inputs, dict) else {}
    if not given:
        return []
    whole = SHOWN if case.trigger.kind == "input" else ARGUMENT
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column()
    for name, tree in list(given.items())[:MOST]:
        table.add_row(clean(name, 40), Text(clean(in_line(tree, whole), 2 * SHOWN)))
    if len(given) > MOST:
        table.add_row("", f"… and {len(given) - MOST} more")
    return [Text(), Text(f"{case.operation} was asked", style="bold"), table]


def _steps(case: Case) -> RenderableType:
    """Return the steps before and after the trigger, and the trigger's outcome."""
    parts: list[RenderableType] = []
    at = case.trigger.step
    first = max(0, min((at or 0) - MOST // 2, len(case.steps) - MOST))
    if first:
        parts.append(Text(f"  … {many(first, 'step')} before", style="dim"))
    for index, step in list(enumerate(case.steps))[first : first + MOST]:
        if index == at:
            parts.append(Text(f"▶ {_step_line(step, ARGUMENT)}", style="yellow"))
            parts.append(_value(step.stream_error or step.outcome))
        else:
            parts.append(Text(f"  {_step_line(step, ARGUMENT // 3)}", style="dim"))
    if (after := len(case.steps) - first - MOST) > 0:
        parts.append(Text(f"  … {many(after, 'step')} after", style="dim"))
    return Group(*parts)


def _step_line(step: StepRecord, limit: int) -> str:
    took = "" if step.ended_s is None else f" after {duration(step.ended_s - step.started_s)}"
    word = {"value": "returned", "stream": "streamed", "exception": "raised", "hang": "hung"}
    return clean(f"{call(step.name, step.arguments, limit)} {word[step.kind]}{took}", 2 * SHOWN)


def _value(tree: Any) -> RenderableType:
    text = text_of(tree)
    text = cut(text, SHOWN, f"\n… {len(text) - SHOWN} characters …\n")
    language = "json" if text.lstrip()[:1] in ("{", "[") else "text"
    shown = Syntax(clean(text, 2 * SHOWN), language, word_wrap=True, background_color="default")
    return Panel(shown, border_style="dim")


def _nearby(place: str) -> str:
    """Return a file's path relative to the working directory, if it is below it."""
    path = Path(str(place))
    here = Path.cwd()
    return os.path.relpath(path, here) if path.is_relative_to(here) else str(place)


def _replay(case: Case) -> str:
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
    return clean(text, 2 * SHOWN)


def _meaning(card: Card) -> str:
    """Return what approving the case does."""
    case = card.case
    assert case is not None
    if card.hopeless:
        return (
            "The step failed each time it was asked: no code could have made it succeed. Approve it "
            "only if the code should do without it, or fail better; say how with --fails-as."
        )
    proof = (
        f"{case.postcondition} accepts the result"
        if case.postcondition
        else "the result is like those of successful generations"
        if case.success_shapes
        else "… nothing says yet what success looks like: give --postcondition, or let a success be "
        "recorded"
    )
    asked = f"meets the same {'input' if case.trigger.kind == 'input' else 'outcome'}"
    who = "A pass means: the" if card.row.state in review.APPROVED else "Approving means: the fixed"
    return f"{who} code {asked}, nothing fails, and {proof}."


def print_cases(out: Console, rows: list[CaseRow]) -> None:
    """Print cases for people."""
    listing = Listing("case", "state", ">confidence", ">pass/fail/?", "last run", "what fails")
    for row in rows:
        style = STATE_STYLES.get(row.state, "")
        waits = row.state in (CaseState.PROPOSED, CaseState.REPRODUCED)
        note = UNFIXABLE if waits and review.unmendable(row) else row.state_reason
        listing.add(
            marked("[cyan]{}[/]", row.handle),
            Text(one_line(row.state), style=style),
            f"{row.confidence_score:.2f}" if row.run_count else "–",
            f"{row.pass_count}/{row.fail_count}/{row.inconclusive_count}",
            ago(row.last_run_at) if row.last_run_at else "never",
            f"{row.category} in {row.operation}",
            below=clean(note, 400).partition("\n")[0],
        )
    listing.print(out)
