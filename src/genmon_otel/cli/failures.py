"""``genmon failures``: what fails, how often, whom it hits."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, get_args

import click
from rich.console import Console
from rich.text import Text

from genmon_otel.cli.listing import Listing
from genmon_otel.cli.output import indented, marked, one_line
from genmon_otel.cli.reviewer import reviewer_option
from genmon_otel.cli.terminal import (
    Count,
    Span,
    console,
    json_option,
    open_store,
    print_json,
    store_option,
)
from genmon_otel.records import Category, Severity, is_of_other_version
from genmon_otel.store.failures import Sort, Status
from genmon_otel.store.rows import DecisionRow, FailureDetail, FailureRow
from genmon_otel.text import clean
from genmon_otel.wording.failure import answer_read, hit, step_failed, unseen, why, why_no_case
from genmon_otel.wording.units import ago

SEVERITY_STYLES = {"low": "blue", "medium": "yellow", "high": "dark_orange", "critical": "bold red"}


@click.group()
def failures() -> None:
    """List, show, relabel, resolve and ignore failures."""


@failures.command("list")
@store_option
@json_option
@click.option("--status", type=click.Choice([*get_args(Status), "all"], case_sensitive=False),
              default="open", show_default=True, help="Only these.")  # fmt: skip
@click.option("--category", metavar="NAME", help=f"Only this one: {', '.join(Category.known())}.")
@click.option("--operation", metavar="NAME", help="Only this operation.")
@click.option(
    "--days", type=Span(86_400, min=0, min_open=True), help="Only those seen in the last DAYS."
)
@click.option("--sort", type=click.Choice(get_args(Sort), case_sensitive=False),
              default="last_seen", show_default=True, help="What comes first.")  # fmt: skip
@click.option("--limit", type=Count(min=1), default=30, show_default=True,
              help="At most so many.")  # fmt: skip
def list_failures(
    store: str | None, as_json: bool, status: str, days: float | None, **wanted: Any
) -> None:
    """List failures: each row is a group of failing generations with the same cause."""
    wanted["category"] = wanted["category"] and wanted["category"].strip().lower()
    since = None if days is None else time.time() - timedelta(days=days).total_seconds()
    with open_store(store) as opened:
        rows = opened.failures(status=None if status == "all" else status, since=since, **wanted)
    if as_json:
        print_json(rows)
        return
    out = console()
    if not rows:
        asked = [wanted["category"], wanted["operation"] and f"in {wanted['operation']}"]
        asked.append(f"within {days:g} days" if days is not None else None)
        narrower = "".join(f" {each}" for each in asked if each)
        kind = "" if status == "all" else f" {status}"
        out.print(Text(f"No{kind} failures{narrower}." + ("" if narrower else " Good.")))
        return
    print_failures(out, rows)


def print_failures(out: Console, rows: list[FailureRow]) -> None:
    """Print failures for people."""
    listing = Listing("failure", ">count", ">users", "last seen", "category", "where")
    for row in rows:
        place = row.place
        message = clean(row.error_message, 400).partition("\n")[0].strip()
        listing.add(
            marked("[cyan]{}[/]", row.handle),
            str(row.occurrence_count),
            str(row.user_count) if row.user_count else "–",
            ago(row.last_seen_at),
            marked(
                f"[{severity_style(row.severity)}]{{}}[/][dim]{{}}[/]",
                row.category,
                Text(" (relabelled)" if row.relabelled_at is not None else ""),
            ),
            marked(
                "{}[yellow]{}[/]",
                row.operation + (f" at {place}" if place else ""),
                Text(" → case" if row.test_generated else ""),
            ),
            below=row.error_type.rpartition(".")[2] + (f": {message}" if message else ""),
        )
    listing.print(out)


@failures.command()
@click.argument("failure")
@store_option
@json_option
def show(failure: str, store: str | None, as_json: bool) -> None:
    """Show one FAILURE (its handle, as F-3KQ2): whom it hit, what broke where, its case."""
    with open_store(store) as opened:
        detail = opened.failure(failure)
        decisions = [] if as_json else opened.decisions(detail.row.id)
    if as_json:
        print_json(detail)
        return
    out = console()
    for text in describe(detail, decisions):
        out.print(text, soft_wrap=True)


def describe(detail: FailureDetail, decisions: Sequence[DecisionRow] = ()) -> list[Text]:
    """Return a failure as lines of text; the lines of message and stack are indented.

    Args:
        detail: the failure.
        decisions: what was decided about it and its case, newest first; two are shown.
    """
    row = detail.row
    context = row.context
    style = severity_style(row.severity)
    heading = marked(
        f"[bold cyan]{{}}[/] [{style}]{{}}, {{}}[/] in [bold]{{}}[/]",
        row.handle, row.category, row.severity, row.operation,
    )  # fmt: skip
    if row.place:
        heading.append_text(marked(" at [bold]{}[/]", row.place))
    seen = (
        f"seen       {row.occurrence_count} times, first {ago(row.first_seen_at)}, "
        f"last {ago(row.last_seen_at)}; {row.status}"
    )
    if is_of_other_version(row.fingerprint):
        seen += " (superseded: its like has another handle now)"
    if row.reopened_count:
        seen += f", came back {row.reopened_count} times"
    lines = [
        heading,
        marked("[bold]{}[/]: ", row.error_type).append(indented(row.error_message).lstrip()),
        Text(),
        *(marked("{}{}", Text(f"{label:<11}"), said) for label, said in why(row)),
        Text(one_line(seen)),
        Text(f"hit        {hit(detail.impact)}"),
    ]
    if context.get("file"):
        place = f"{context['file']}:{context.get('line')} in {context.get('function')}"
        lines.append(marked("broke at   {}", place))
    if failed := step_failed(row):
        lines.append(marked("after      {}", failed))
    if answer := answer_read(row):
        lines.append(marked("reading    {}", answer))
    lines += [
        marked("unseen     {}; no replay answers it without @step", each) for each in unseen(row)
    ]
    if context.get("trace_id"):
        lines.append(marked("trace      {}", context["trace_id"]))
    lines.append(Text("case       ").append_text(_case(detail)))
    for label, each in zip(("decided", "before"), decisions, strict=False):
        said = each.decision + (f" ({each.detail})" if each.detail else "")
        who = each.reviewer or "the reproduction check"
        lines.append(marked("{}{}", Text(f"{label:<11}"), f"{said}, by {who}, {ago(each.at)}"))
    if row.stack_trace:
        lines += [Text(), Text(indented(row.stack_trace.rstrip()), style="dim")]
    return lines


def severity_style(severity: str) -> str:
    """Return the style of a severity; an unknown one has none."""
    return SEVERITY_STYLES.get(severity, "default")


def _case(detail: FailureDetail) -> Text:
    if detail.case is not None:
        return marked(
            "{}: {} [dim](genmon cases show {})[/]",
            detail.case.state,
            detail.case.state_reason or "not yet through the reproduction check",
            detail.row.handle,
        )
    return marked("{}", why_no_case(detail))


def _setter(status: Status, says: str) -> Callable[..., None]:
    @click.argument("failure")
    @reviewer_option
    @store_option
    @json_option
    def command(failure: str, reviewer: str, store: str | None, as_json: bool) -> None:
        with open_store(store, writes=True) as opened:
            row = opened.set_failure_status(failure, status, reviewer)
        if as_json:
            print_json(row)
        else:
            console().print(marked("[cyan]{}[/] is {}. {}", row.handle, row.status, says))

    return command


failures.command("resolve", help="Say that FAILURE is fixed; if it happens again it reopens.")(
    _setter("resolved", "If it happens again it reopens, and is counted.")
)
failures.command("ignore", help="Say that FAILURE does not matter; it never reopens.")(
    _setter("ignored", "It is still counted, but never reopens.")
)
failures.command("reopen", help="Set FAILURE, resolved or ignored before, back to open.")(
    _setter("open", "")
)


@failures.command()
@click.argument("failure")
@click.option("--category", metavar="NAME",
              help=f"What it is: {', '.join(Category.known())}, or one of your own.")  # fmt: skip
@click.option("--severity", type=click.Choice([each.value for each in Severity], case_sensitive=False),
              help="How bad it is. Default: the category's own.")  # fmt: skip
@click.option("--declared", is_flag=True,
              help="Take a category that no failure had so far: your application declares it.")  # fmt: skip
@click.option("--undo", is_flag=True, help="Go back to what the rules say.")
@reviewer_option
@store_option
@json_option
def relabel(
    failure: str,
    *,
    category: str | None,
    severity: str | None,
    declared: bool,
    undo: bool,
    reviewer: str,
    store: str | None,
    as_json: bool,
) -> None:
    """Correct the category or severity of FAILURE.

    The failure keeps it when it happens again. Running processes count it so within a
    minute; the last hour's health is counted anew at once.
    """
    is_given = category is not None or severity is not None
    if undo and is_given:
        raise click.UsageError("--undo goes back to what the rules say: give it alone.")
    if not undo and not is_given:
        raise click.UsageError("Say what it is with --category, --severity or both; or --undo.")
    with open_store(store, writes=True) as opened:
        if undo:
            row = opened.undo_relabel(failure, reviewer)
        else:
            row = opened.relabel(
                failure, category=category, severity=severity, reviewer=reviewer,
                is_declared=declared,
            )  # fmt: skip
    if as_json:
        print_json(row)
        return
    says = (
        "as the rules say" if undo else f"the rules said {row.rules_category}, {row.rules_severity}"
    )
    console().print(
        marked("[cyan]{}[/] is {}, {}: {}.", row.handle, row.category, row.severity, says)
    )
