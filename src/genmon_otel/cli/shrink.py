"""``genmon cases shrink``: make a case as small as still shows its failure."""

from __future__ import annotations

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
    warn,
)
from genmon_otel.regression.cases.case_reading import CaseError
from genmon_otel.regression.shrink_stored import shrink_reproduced
from genmon_otel.wording.case import size

shrink_option = click.option(
    "--no-shrink", is_flag=True, help="Leave the cases as they were recorded; saves time."
)


@click.command()
@click.argument("case", nargs=-1, required=True)
@store_option
@json_option
@cwd_option
def shrink(case: tuple[str, ...], store: str | None, as_json: bool, cwd: Path | None) -> int:
    """Make CASEs as small as still shows their failure, in ten seconds each.

    What triggered the failure is kept whole, so that a fix passes as on the original, which
    stays in the store: genmon cases verify --no-shrink CASE brings it back. Exits 7 if a case
    cannot be read; the others are made smaller.
    """
    found: list[dict[str, Any]] = []
    unreadable: list[CaseError] = []
    with open_store(store, writes=True) as opened:
        for name in case:
            try:
                row, shrunk = shrink_reproduced(opened, name, cwd)
            except CaseError as why:
                unreadable.append(why)
                continue
            says = shrunk.unchanged or size(shrunk.case)
            found.append({"case": row.handle, "says": says, "replays": shrunk.replays})
    for error in unreadable:
        warn(error)
    failed = CaseError.exit_code if unreadable else 0
    if as_json:
        print_json(found)
        return failed
    for each in found:
        console().print(marked("[cyan]{}[/] {}", each["case"], each["says"]), soft_wrap=True)
    return failed
