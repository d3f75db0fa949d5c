"""``genmon health``: the page's verdict, from the store."""

from __future__ import annotations

import click
from rich.markup import escape

from genmon_otel.cli.terminal import (
    Span,
    console,
    duration,
    json_option,
    many,
    open_store,
    print_json,
    store_option,
)
from genmon_otel.policy import HEALTH_MIN_ATTEMPTS, HEALTH_WINDOW_S


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

    Exits 1 when it is not.
    """
    with open_store(store) as opened:
        found = opened.health(window, operation=operation)
        unknown = operation is not None and not (
            found.attempts or opened.generations(operation=operation, limit=1)
        )
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
        out.print(f"  {count:>5} × {category}")
    if unknown:
        out.print(f"The store holds no generation of {escape(str(operation))} at all.", style="dim")
    if found.attempts < HEALTH_MIN_ATTEMPTS:
        out.print(f"Fewer than {HEALTH_MIN_ATTEMPTS} attempts decide nothing.", style="dim")
    return 0 if found.healthy else 1
