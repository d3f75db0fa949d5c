"""``genmon cases shrink``: make a case as small as still shows its failure."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import click

from genmon_otel.cli.output import marked
from genmon_otel.cli.terminal import (
    console,
    cwd_option,
    json_option,
    open_store,
    print_json,
    store_option,
)
from genmon_otel.errors import InvalidTransition
from genmon_otel.policy import CaseState
from genmon_otel.regression import review
from genmon_otel.regression import shrink as shrinker
from genmon_otel.regression.runner import run_case
from genmon_otel.regression.trust import Trust
from genmon_otel.store import SqlStore
from genmon_otel.store.rows import CaseRow
from genmon_otel.wording.case import size

shrink_option = click.option(
    "--no-shrink", is_flag=True, help="Leave the cases as they were recorded; saves time."
)


@click.command()
@click.argument("case", nargs=-1, required=True)
@store_option
@json_option
@cwd_option
def shrink(case: tuple[str, ...], store: str | None, as_json: bool, cwd: Path | None) -> None:
    """Make CASEs as small as still shows their failure, in ten seconds each.

    What triggered the failure is kept whole, so that a fix passes as on the original, which
    stays in the store: genmon cases verify --no-shrink CASE brings it back.
    """
    found: list[dict[str, Any]] = []
    with open_store(store, writes=True) as opened:
        for name in case:
            row = opened.case(name)
            if row.state is not CaseState.REPRODUCED:
                raise InvalidTransition(
                    f"Case {row.handle} is {row.state}: what was reproduced, and nobody has decided "
                    f"about, is shrunk. Check it first: genmon cases verify {row.handle}"
                )
            shrunk = shrunk_in_store(opened, row, cwd)
            says = shrunk.unchanged or size(shrunk.case)
            found.append({"case": row.handle, "says": says, "replays": shrunk.replays})
    if as_json:
        print_json(found)
        return
    for each in found:
        console().print(marked("[cyan]{}[/] {}", each["case"], each["says"]), soft_wrap=True)


def shrunk_in_store(store: SqlStore, row: CaseRow, cwd: Path | None) -> shrinker.Shrunk:
    """Make a reproduced case smaller, and keep it; its recording stays as it is."""
    case = review.stored(row)
    run = partial(run_case, cwd=cwd, trust=Trust.of_reviewed(case))
    try:
        shrunk = shrinker.shrink(case, run)
    except Exception as error:  # the case that was reproduced must not be lost for it
        return shrinker.Shrunk(case=case, unchanged=f"it could not be shrunk: {error!r:.200}")
    if not shrunk.unchanged:
        store.save_case(row.id, shrunk.case.to_dict())
    return shrunk
