"""``genmon cases ingest``: results that pytest wrote, into the store."""

from __future__ import annotations

from pathlib import Path

import click

from genmon_otel.cli.terminal import console, json_option, open_store, print_json, store_option
from genmon_otel.regression.cases.ingest import ingest as take_in
from genmon_otel.regression.cases.results import check_is_there, read


@click.command()
@click.argument("results", nargs=-1, required=True, type=click.Path(path_type=Path))
@store_option
@json_option
def ingest(results: tuple[Path, ...], store: str | None, as_json: bool) -> None:
    """Take in RESULTS files that pytest wrote; any number of times."""
    for path in results:
        check_is_there(path)  # named before a store that may be missing too
    with open_store(store, writes=True) as opened:
        found = take_in(opened, (result for path in results for result in read(path)))
    if as_json:
        print_json(found)
        return
    text = f"{found.taken} results taken in, {found.known} known already"
    if found.strangers:
        text += f", {found.strangers} of cases that this store does not have"
    console().print(text + ".")
