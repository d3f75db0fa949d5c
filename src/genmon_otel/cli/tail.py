"""``genmon tail``: generations as they end."""

from __future__ import annotations

import time
from contextlib import ExitStack

import click
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from genmon_otel.cli.output import marked, one_line
from genmon_otel.cli.terminal import (
    Count,
    as_json_text,
    console,
    json_option,
    open_store,
    settings_for,
    store_option,
)
from genmon_otel.conventions import NO_FRAMEWORK
from genmon_otel.errors import StoreMissing
from genmon_otel.policy import STRIKES
from genmon_otel.store import SqlStore
from genmon_otel.store.rows import GenerationRow
from genmon_otel.wording.units import duration

#: Seconds between two queries of the store.
POLL_S = 0.5
_MARKS = {
    "success": "[green]✓[/]",
    "failure": "[red]✗[/]",
    "cancelled": "[dim]–[/]",
    "rejected": "[blue]○[/]",
}


@click.command()
@store_option
@json_option
@click.option("-n", "--lines", type=Count(min=0), default=10, show_default=True,
              help="How many that ended before to begin with.")  # fmt: skip
@click.option("--operation", metavar="NAME", help="Only this operation.")
@click.option("--no-follow", is_flag=True, help="Print those and stop.")
def tail(
    store: str | None, as_json: bool, lines: int, operation: str | None, no_follow: bool
) -> None:
    """Show generations as they end, failures with their handle and strike.

    Where there is no store yet it waits for the application to make one.
    """
    out = console()
    with ExitStack() as stack:
        opened = stack.enter_context(open_store(store)) if no_follow else _await(stack, store)
        rows = opened.generations(operation=operation, limit=max(1, lines))
        last = max((row.id for row in rows), default=0)
        width = _print(out, rows[-lines:] if lines else [], as_json)
        if not rows and not as_json and not no_follow:
            out.print("Nothing yet; waiting for the first generation to end.", style="dim")
        while not no_follow:
            time.sleep(POLL_S)
            rows = opened.generations(after=last, operation=operation)
            width = _print(out, rows, as_json, width)
            last = rows[-1].id if rows else last


def _await(stack: ExitStack, store: str | None) -> SqlStore:
    """Open the store; wait until the application has created it."""
    is_announced = False
    while True:
        try:
            return stack.enter_context(open_store(store))
        except StoreMissing:
            if not is_announced:
                settings = settings_for(store)
                where = settings.sqlite_path or settings.masked_store
                click.echo(
                    f"No store at {where} yet; waiting for your application's setup().", err=True
                )
                is_announced = True
            time.sleep(POLL_S)


def _print(out: Console, rows: list[GenerationRow], as_json: bool, width: int = 0) -> int:
    """Print rows aligned; return the width of the operation column so far."""
    width = max((width, *(cell_len(_what(row)) for row in rows)))
    for row in rows:
        if as_json:
            click.echo(as_json_text(row))
        else:
            out.print(line(row, width), soft_wrap=True)
    return width


def _what(row: GenerationRow) -> str:
    """Return operation and framework as one cell."""
    framework = f"/{row.framework}" if row.framework != NO_FRAMEWORK else ""
    return one_line(row.operation + framework)


def line(row: GenerationRow, width: int = 0) -> Text:
    """Return one generation as text: ``✗ build_app 41 s rate_limit at chat  F-3KQ2 strike 2 of 3``.

    Args:
        row: what ended.
        width: columns that operations take, so that what follows is aligned.
    """
    what = _what(row)
    operation = one_line(row.operation)
    words = [
        marked("[dim]{}[/]", _when(row.ended_at)),
        Text.from_markup(_MARKS.get(row.outcome, "?")),
        marked(
            "[bold]{}[/]{}{}",
            operation,
            what[len(operation) :],
            Text(" " * (width - cell_len(what))),
        ),
        Text(f"{duration(row.duration_s):>7}"),
    ]
    if row.outcome in ("cancelled", "rejected"):
        words.append(Text(row.outcome))
    if row.handle is not None:
        words.append(marked("[red]{}[/]", row.category))
        if row.place:
            words.append(marked("at {}", row.place))
        words.append(marked("[cyan]{}[/] ", row.handle).append_text(_strike(row)))
    elif row.user_id:
        words.append(marked("[dim]for {}[/]", row.user_id))
    return Text(" ").join(words)


def _when(moment: float) -> str:
    """The local time, with the date unless it is today's."""
    then = time.localtime(moment)
    today = then[:3] == time.localtime()[:3]
    return time.strftime("%H:%M:%S" if today else "%Y-%m-%d %H:%M:%S", then)


def _strike(row: GenerationRow) -> Text:
    if row.strike < STRIKES:
        return Text(f"strike {row.strike} of {STRIKES}")
    if row.case_id is not None:
        return Text("→ case", style="yellow")
    return Text(f"strike {row.strike}")
