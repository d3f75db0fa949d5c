"""``genmon cases refresh``: today's requests become the recorded ones, newer successes give answers."""

from __future__ import annotations

from pathlib import Path

import click

from genmon_otel.cli.output import marked
from genmon_otel.cli.reviewer import reviewer_option
from genmon_otel.cli.terminal import (
    console,
    cwd_option,
    json_option,
    open_store,
    print_json,
    store_option,
)
from genmon_otel.regression.refresh import refresh as take_anew


@click.command()
@click.argument("case", nargs=-1, required=True)
@reviewer_option
@store_option
@json_option
@cwd_option
def refresh(
    case: tuple[str, ...], reviewer: str, store: str | None, as_json: bool, cwd: Path | None
) -> None:
    """Take today's requests of CASEs as the recorded ones; the outcomes stay.

    For cases whose code asks its steps something else by now. Each is replayed again: with
    today's requests it must show the same without drift, else it stays as it was.

    What successful generations since then were answered is taken, too: it answers what a fix
    asks beyond the recording. What a pass needs stays as it was approved.
    """
    done = []
    with open_store(store, writes=True) as opened:
        for name in case:
            before = opened.case(name)
            row, said = take_anew(opened, name, cwd=cwd)
            if row.case != before.case:
                opened.work.note(row.failure_id, "refreshed", reviewer, said)
            done.append({"case": row.handle, "state": row.state, "done": said})
            if not as_json:
                console().print(marked("[cyan]{}[/]: {}", row.handle, said), soft_wrap=True)
    if as_json:
        print_json(done)
