"""Print cases: the list, and the card by which a reviewer judges one."""

from __future__ import annotations

from typing import Any

from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from genmon_otel.cli.listing import Listing
from genmon_otel.cli.output import marked, one_line
from genmon_otel.policy import CaseState
from genmon_otel.regression import review
from genmon_otel.regression.cases.case import Case
from genmon_otel.regression.review import Card
from genmon_otel.store.rows import CaseRow
from genmon_otel.text import clean
from genmon_otel.wording.case import (
    UNFIXABLE,
    confidence,
    meaning,
    nearby,
    next_step,
    reason,
    replay,
    runs,
    size,
    step_line,
    what_happened,
)
from genmon_otel.wording.failure import NOBODY
from genmon_otel.wording.units import ago, many
from genmon_otel.wording.values import cut, in_line, text_of

#: Characters that a card shows of a recorded value, of an argument, and of the error's message.
SHOWN = 600
ARGUMENT = 240
MESSAGE = 600
#: Arguments and steps that a card lists.
MOST = 12

STATE_STYLES = {
    CaseState.PROPOSED: "dim",
    CaseState.REPRODUCED: "bold yellow",
    CaseState.UNREPRODUCIBLE: "dim",
    CaseState.OPEN: "yellow",
    CaseState.GUARDING: "green",
    CaseState.REGRESSED: "bold red",
    CaseState.QUARANTINED: "magenta",
}


def render_card(card: Card) -> RenderableType:
    """Print a card: what failed and for whom, recorded requests and answers, what approving does."""
    row, failure = card.row, card.failure.row
    said = clean(failure.error_message, MESSAGE).strip()
    error = Text(failure.error_type, style="bold red").append(f": {said}" if said else "", "bold")
    parts: list[RenderableType] = [error, Text(), _facts(card)]
    if card.case is None:
        parts.append(Text("\nNothing was recorded of this failure; there is nothing to replay."))
    else:
        parts += [
            *_asked(card.case),
            Text(),
            Text(what_happened(card.case, card.failure.row), style="bold"),
        ]
        parts += [_steps(card.case), Text(), Text(replay(card.case))]
        parts += [Text(), Text(meaning(card), style="italic")]
    parts += [Text(), Text(next_step(row), style="bold")]
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
        where = f"{nearby(place)}:{failure.context.get('line')}"
        add("broke at", f"{where} in {failure.context.get('function')}")
    add(*reason(row))
    if card.case is not None and card.case.shrunk is not None:
        add("size", size(card.case))
    if row.run_count:
        add("runs", runs(card))
        add("confidence", confidence(card))
    if row.reviewer:
        when = f", {ago(row.reviewed_at)}" if row.reviewed_at else ""
        add("reviewed by", f"{row.reviewer}{when}")
    return table


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
            parts.append(Text(f"▶ {step_line(step, ARGUMENT)}", style="yellow"))
            parts.append(_value(step.stream_error or step.outcome))
        else:
            parts.append(Text(f"  {step_line(step, ARGUMENT // 3)}", style="dim"))
    if (after := len(case.steps) - first - MOST) > 0:
        parts.append(Text(f"  … {many(after, 'step')} after", style="dim"))
    return Group(*parts)


def _value(tree: Any) -> RenderableType:
    text = text_of(tree)
    text = cut(text, SHOWN, f"\n… {len(text) - SHOWN} characters …\n")
    language = "json" if text.lstrip()[:1] in ("{", "[") else "text"
    shown = Syntax(clean(text, 2 * SHOWN), language, word_wrap=True, background_color="default")
    return Panel(shown, border_style="dim")


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
