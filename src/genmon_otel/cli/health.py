"""``genmon health``: the page's verdict, from the store."""

from __future__ import annotations

import difflib

import click
from rich.text import Text

from genmon_otel.cli.output import marked
from genmon_otel.cli.terminal import (
    Span,
    console,
    json_option,
    open_store,
    print_json,
    store_option,
)
from genmon_otel.errors import NotFound
from genmon_otel.policy import HEALTH_MIN_ATTEMPTS, HEALTH_WINDOW_S
from genmon_otel.store import SqlStore
from genmon_otel.wording.units import duration, many

#: Number of newest generations that are searched for operation names.
_NEWEST = 500


@click.command()
@store_option
@json_option
@click.option(
    "--window",
    type=Span(min=1),
    default=HEALTH_WINDOW_S,
    show_default=True,
    metavar="SECONDS",
    help="How far to look back.",
)
@click.option("--operation", metavar="NAME", help="Only this operation.")
def health(store: str | None, as_json: bool, window: float, operation: str | None) -> int:
    """Say whether generation is healthy now: unhealthy if 5 or more attempts, over half failed.

    Exits 1 when it is not, and 5 when the store holds no generation of the operation.
    """
    with open_store(store) as opened:
        found = opened.health(window, operation=operation)
        if operation is not None and not found.attempts:
            _check_is_known(opened, operation)
    if as_json:
        print_json(found)
        return 0 if found.healthy else 1
    out = console()
    verdict = "[green]healthy[/]" if found.healthy else "[bold red]unhealthy[/]"
    failed = (
        f"{found.failures} of {many(found.attempts, 'attempt')} failed ({found.failure_rate:.0%})"
        if found.attempts
        else "no attempts"
    )
    span = "hour" if window == HEALTH_WINDOW_S else duration(window)
    out.print(f"{verdict}: {failed} in the last {span}")
    for category, count in sorted(found.by_category.items(), key=lambda item: -item[1]):
        out.print(marked("{} × {}", Text(f"  {count:>5}"), category))
    if found.attempts < HEALTH_MIN_ATTEMPTS:
        out.print(f"Fewer than {HEALTH_MIN_ATTEMPTS} attempts decide nothing.", style="dim")
    return 0 if found.healthy else 1


def _check_is_known(store: SqlStore, operation: str) -> None:
    """Raise for an operation that the store does not know, as opposed to one without recent attempts.

    Raises:
        NotFound: no generation of it is kept; the message names the operations there are.
    """
    if store.generations(operation=operation, limit=1):
        return
    known = sorted({row.operation for row in store.generations(limit=_NEWEST)})
    near = difflib.get_close_matches(operation, known, 1)
    if near:
        remedy = f"Did you mean {near[0]!r}?"
    elif known:
        remedy = f"The operations of its newest generations: {', '.join(known[:20])}."
    else:
        remedy = "It holds none at all yet."
    raise NotFound(f"The store holds no generation of operation {operation!r}. {remedy}")
