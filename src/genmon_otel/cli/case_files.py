"""``genmon cases export`` and ``rebind``: cases as files."""

from __future__ import annotations

from pathlib import Path
from shlex import quote

import click

from genmon_otel.cli.exported import say_what_is_lacking
from genmon_otel.cli.output import marked, one_line
from genmon_otel.cli.terminal import (
    console,
    json_option,
    markdown_option,
    open_store,
    print_json,
    store_option,
    warn,
)
from genmon_otel.regression import exporting, review
from genmon_otel.regression.cases import files
from genmon_otel.regression.cases.case_reading import CaseError
from genmon_otel.wording.markdown import list_of_files


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--update", is_flag=True,
              help="Write files that are there again where their case has changed in the store.")  # fmt: skip
@store_option
@json_option
@markdown_option
def export(folder: Path, *, update: bool, store: str | None, as_json: bool, markdown: bool) -> int:
    """Write a file for every reproduced or approved case into FOLDER, for CI.

    Files that are there already stay as they are, unless --update is given: in CI the file is the
    authority. What a file expects (fails or passes) is never turned back. What a
    file asks for (variables, programs, live steps, a postcondition) works only where pytest's
    configuration allows it: the lines that are lacking are printed. Exits 7 if a case cannot be read;
    the others are written.
    """
    if files.HANDLE.fullmatch(folder.name) and not folder.exists():
        raise click.UsageError(
            f"{folder.name} names one failure. Give a folder: every case that is ready is written into it. "
            "Run: genmon cases export tests/genmon"
        )
    unreadable: list[CaseError] = []
    with open_store(store) as opened:
        written = list(
            exporting.export(opened, folder, update=update, on_unreadable=unreadable.append)
        )
    for error in unreadable:
        warn(error)
    failed = CaseError.exit_code if unreadable else 0
    say_what_is_lacking(path for path, new in written if new)
    if as_json:
        print_json([{"file": str(path), "written": new} for path, new in written])
        return failed
    if markdown:
        click.echo(list_of_files(written))
        return failed
    out = console()
    for path, new in written:
        out.print(marked("wrote {}" if new else "[dim]kept[/] {}", path), soft_wrap=True)
    if not written:
        out.print("No case is ready for a file. Try: genmon cases verify")
    elif any(new for _, new in written):
        out.print(
            marked(
                "\nRun them: [bold]pytest {}[/]. Committing a file is approving its case.",
                quote(str(folder)),
            )
        )
    return failed


@click.command()
@click.argument("old")
@click.argument("new")
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@store_option
@json_option
def rebind(old: str, new: str, paths: tuple[Path, ...], store: str | None, as_json: bool) -> int:
    """Point cases at a renamed target, postcondition or factory: from OLD to NEW.

    Both are import paths, package.module:name. In the files (or folders) that are named; without any, in the store. Exits 1 if no
    case names OLD.
    """
    if paths:
        changed = [str(path) for path in files.rebind(paths, old, new)]
    else:
        with open_store(store, writes=True) as opened:
            changed = [row.handle for row in review.rebind(opened, old, new)]
    if as_json:
        print_json(changed)
    else:
        for name in changed:
            click.echo(f"rebound {one_line(name)}")
        if not changed:
            click.echo(f"No case names {one_line(old)}.")
    return int(not changed)
