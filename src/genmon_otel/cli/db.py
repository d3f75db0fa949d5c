"""``genmon db``: upgrade, prune, forget, grants."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from pathlib import Path

import click
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn

from genmon_otel.cli.out_of_reach import out_of_reach
from genmon_otel.cli.output import marked
from genmon_otel.cli.terminal import (
    console,
    json_option,
    open_store,
    print_json,
    settings_for,
    store_option,
)
from genmon_otel.conventions import ENV_PSEUDONYM_KEY, ENV_PSEUDONYMIZE
from genmon_otel.identity import pseudonym
from genmon_otel.journal import default_journal_dir
from genmon_otel.journal import forget as forget_in_journals
from genmon_otel.regression.propose import propose
from genmon_otel.regression.review import is_superseded
from genmon_otel.store import SqlStore
from genmon_otel.store.schema import REVISION

#: Above the number of cases of any store.
_MANY = 1_000_000


@click.group()
def db() -> None:
    """Upgrade, prune and clean the database."""


@db.command()
@store_option
@json_option
def upgrade(store: str | None, as_json: bool) -> None:
    """Bring the schema to this version's. Safe to run from several places at once."""
    settings = settings_for(store)
    opened = SqlStore(settings.store)
    try:
        before = opened.upgrade()
        old = sum(is_superseded(row) for row in opened.cases(limit=_MANY))
    finally:
        opened.close()
    if as_json:
        print_json(
            {
                "store": settings.masked_store,
                "before": before,
                "after": REVISION,
                "superseded_cases": old,
            }
        )
        return
    if before is None:
        says = f"made, with schema {REVISION}"
    elif before == REVISION:
        says = f"has schema {REVISION} already, nothing to do"
    else:
        says = f"upgraded from schema {before} to {REVISION}"
    out = console()
    out.print(marked("{}: {}.", settings.masked_store, says), soft_wrap=True)
    if old:
        out.print(
            f"{old} cases are named by an older genmon's fingerprints, which no failure has any "
            "more, and guard nothing until you run: genmon cases verify",
            soft_wrap=True,
        )


@db.command()
@store_option
@json_option
def prune(store: str | None, as_json: bool) -> None:
    """Delete rows past their retention, in small steps while applications write."""
    shown = Console(stderr=True)
    progress = Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        transient=True,
        console=shown,
        disable=not shown.is_terminal,
    )
    with open_store(store, writes=True) as opened, progress:
        task = progress.add_task("pruning")
        gone = opened.prune(lambda rows: progress.update(task, description=f"{rows} rows pruned"))
    if as_json:
        print_json({"rows": gone})
    else:
        console().print(f"{gone} rows pruned.")


@db.command()
@click.option(
    "--user", required=True, metavar="ID", help="The user's id as the application gave it."
)
@click.confirmation_option(prompt="This cannot be undone. Clear this person?")
@store_option
@json_option
def forget(user: str, store: str | None, as_json: bool) -> None:
    """Remove a person from rows, recordings, cases and journals."""
    settings = settings_for(store)
    known_as = [user]
    if settings.pseudonym_key is not None:
        known_as.append(pseudonym(settings.pseudonym_key, user))
    counts: Counter[str] = Counter()
    with open_store(store, writes=True, propose=propose) as opened:
        held = [each for name in known_as for each in opened.overview.cases_with(name)]
        for name in known_as:
            counts.update(asdict(opened.forget(name)))
            counts["journal_frames"] += forget_in_journals(default_journal_dir(settings), name)
    places = out_of_reach(held, Path.cwd())
    if as_json:
        print_json({**counts, "out_of_reach": places})
        return
    out = console()
    if not any(counts.values()):
        out.print(marked("Nothing is kept of {} here.", repr(user)))
        if settings.pseudonym_key is None:
            out.print(
                f"If ids are kept as pseudonyms ({ENV_PSEUDONYMIZE}=store), set "
                f"{ENV_PSEUDONYM_KEY} to the applications' key and try again."
            )
        return
    out.print("Cleared: " + ", ".join(f"{n} {what}" for what, n in counts.items()) + ".")
    for place in places:
        out.print(marked("[yellow]not reached[/]: {}", place), soft_wrap=True)
    if held:
        handles = ", ".join(handle for handle, _ in held)
        out.print(
            marked(
                "[dim]Cases that held this person's data: {}. Look for their files and branches in "
                "other checkouts, and for pull requests, too.[/]",
                handles,
            ),
            soft_wrap=True,
        )
    out.print("Exported case files and your traces are yours to search.", style="dim")


@db.command()
@store_option
@click.option("--role", default="genmon_app", show_default=True, help="Role of the applications.")
@click.option("--reader", default="genmon_grafana", show_default=True, help="Role of Grafana.")
@json_option
def grants(store: str | None, role: str, reader: str, as_json: bool) -> None:
    """Print SQL that gives each role the least it needs, to pipe into psql."""
    opened = SqlStore(settings_for(store).store)
    try:
        sql = opened.grants(role, reader)
    finally:
        opened.close()
    if as_json:
        print_json({"sql": sql})
    else:
        click.echo(sql)
