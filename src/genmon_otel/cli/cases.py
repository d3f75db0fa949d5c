"""``genmon cases``: review regression cases, run them, export them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from shlex import quote
from typing import Any

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from genmon_otel.cli.card import STATE_STYLES, print_cases, render_card
from genmon_otel.cli.case_files import export, rebind
from genmon_otel.cli.case_runs import judged_run, print_runs, shown_run
from genmon_otel.cli.exported import stale_file
from genmon_otel.cli.ingest import ingest
from genmon_otel.cli.live import run_for_real
from genmon_otel.cli.needs import mention_unknown_steps, needs_of, needs_options
from genmon_otel.cli.output import marked, one_line
from genmon_otel.cli.propose import propose
from genmon_otel.cli.refresh import refresh
from genmon_otel.cli.reviewer import reason_option, reviewer_option
from genmon_otel.cli.shrink import shrink, shrink_option
from genmon_otel.cli.terminal import (
    console,
    cwd_option,
    json_option,
    markdown_option,
    open_store,
    print_json,
    store_option,
    warn,
)
from genmon_otel.cli.worker import work_through
from genmon_otel.code_version import version_of_folder
from genmon_otel.conventions import ENV_CODE_VERSION
from genmon_otel.policy import CaseState, Verdict
from genmon_otel.regression import review
from genmon_otel.regression.cases import files
from genmon_otel.regression.cases.case_reading import CaseError
from genmon_otel.regression.cases.configuration import trust_in
from genmon_otel.regression.cases.trust import NONE
from genmon_otel.regression.reproduction_check import REPLAYS
from genmon_otel.regression.runner import run_case
from genmon_otel.regression.shrink_stored import shrunk_in_store
from genmon_otel.store.rows import CaseRow
from genmon_otel.text import clean
from genmon_otel.wiring.evaluations import Evaluations
from genmon_otel.wording.markdown import list_of_cases, table_of_runs


@click.group()
def cases() -> None:
    """Review regression cases, run them, export them."""


cases.add_command(propose)
cases.add_command(shrink)


@cases.command("list")
@store_option
@json_option
@click.option("--state", type=click.Choice([each.value for each in CaseState], case_sensitive=False),
              help="Only these.")  # fmt: skip
@click.option("--operation", metavar="NAME", help="Only this operation.")
@markdown_option
def list_cases(
    store: str | None, *, as_json: bool, state: str | None, operation: str | None, markdown: bool
) -> None:
    """List cases, those that wait for a review first."""
    with open_store(store) as opened:
        rows = review.queue(opened.cases(state=state, operation=operation, limit=1000), warn)
    if as_json:
        print_json(rows)
        return
    if markdown:
        click.echo(list_of_cases(rows))
        return
    out = console()
    if not rows:
        if state or operation:
            what = " ".join(filter(None, ("No", state, "case", operation and f"of {operation}")))
            out.print(marked("{}.", what))
        else:
            out.print("No cases yet: a failure makes one the third time it happens within 7 days.")
        return
    print_cases(out, rows)
    waiting = sum(row.state is CaseState.REPRODUCED for row in rows)
    proposed = sum(row.state is CaseState.PROPOSED for row in rows)
    if proposed:
        out.print(
            f"\n{proposed} not yet through the reproduction check: [bold]genmon cases verify[/]"
        )
    if old := [row.handle for row in rows if review.is_superseded(row)]:
        out.print(
            f"\n{len(old)} named by an older genmon's fingerprints, which no failure has any more: "
            f"[bold]genmon cases verify {' '.join(old)}[/]",
            soft_wrap=True,
        )
    if waiting:
        out.print(
            marked(
                "\n{} wait for your review: [bold]genmon cases show {}[/]", waiting, rows[0].handle
            )
        )


@cases.command()
@click.argument("case")
@store_option
@json_option
def show(case: str, store: str | None, as_json: bool) -> None:
    """Show CASE (its failure's handle, such as F-3KQ2) as a card for review."""
    with open_store(store) as opened:
        found = review.card(opened, case)
    if as_json:
        print_json(found)
        return
    out = console()
    out.print(render_card(found), soft_wrap=False)


@cases.command()
@click.argument("case", nargs=-1)
@store_option
@json_option
@cwd_option
@shrink_option
@click.option("--worker", is_flag=True,
              help="Do the work that reviewers request on a page without the code, until interrupted.")  # fmt: skip
@click.option("--once", is_flag=True, help="With --worker, end when nothing waits.")
@click.option("--all", "every", is_flag=True, hidden=True)
@needs_options
def verify(
    case: tuple[str, ...],
    store: str | None,
    as_json: bool,
    cwd: Path | None,
    no_shrink: bool,
    *,
    worker: bool,
    once: bool,
    every: bool,
    **needs: Any,
) -> int:
    """Put CASEs through the reproduction check; without any, all that have not been checked yet.

    Each is replayed three times, in processes of their own, without network, and what showed
    its failure is made as small as still shows it. A case that an
    older genmon's fingerprints name gets today's. Exits 1 if one cannot be reproduced.
    """
    found: list[dict[str, Any]] = []
    out = console()
    needed = needs_of(**needs)
    if every:
        raise click.UsageError(
            "There is no --all: `genmon cases verify` alone takes all that have not been checked yet."
        )
    if worker:
        if case:
            raise click.UsageError("--worker takes its cases from the queue: name none.")
        with open_store(store, writes=True) as opened:
            work_through(opened, cwd or Path.cwd(), once=once)
        return 0
    with open_store(store, writes=True) as opened:
        rows = opened.cases(limit=1000)
        unproven = [row.handle for row in rows if row.state is CaseState.UNREPRODUCIBLE]
        names = list(case) or [
            row.handle
            for row in rows
            if row.state is CaseState.PROPOSED or review.is_superseded(row)
        ]
        steps = REPLAYS + (0 if no_shrink else 1)  # shrinking is one of them, however long it takes
        with _bar("reproduction check", steps * len(names), quiet=as_json) as advance:
            for name in names:
                row, checked = review.verify(opened, name, cwd=cwd, needs=needed, progress=advance)
                found.append({"case": row.handle, "state": row.state, "reason": checked.reason})
                mention_unknown_steps(needed, row)
                if not no_shrink:
                    if row.state is CaseState.REPRODUCED:
                        shrunk_in_store(opened, row, cwd)
                    advance()
    if as_json:
        print_json(found)
    for each in () if as_json else found:
        style = STATE_STYLES.get(each["state"], "")
        reason = clean(each["reason"], 2_000)
        reason = reason.removeprefix(f"{each['state']} ")  # "reproduced 3 of 3"
        template = f"[cyan]{{}}[/] [{style or 'default'}]{{}}[/]: {{}}"
        out.print(marked(template, each["case"], each["state"], reason), soft_wrap=True)
    if not found and not as_json:
        out.print("Nothing waits for the reproduction check.")
        if unproven:
            again = f"Those that did not reproduce are checked again by name: genmon cases verify {' '.join(unproven)}"
            out.print(marked("{}", again), soft_wrap=True)
    return int(any(each["state"] is CaseState.UNREPRODUCIBLE for each in found))


@cases.command()
@click.argument("case")
@reviewer_option
@click.option("--postcondition", metavar="PACKAGE.MODULE:FUNCTION",
              help="A function over the result that raises or returns False where it is not right. "
              "Default: the shape of successful results.")  # fmt: skip
@click.option("--fails-as", metavar="WHAT",
              help="The failure that would be right: rejected, cancelled, a category, an exception's name.")  # fmt: skip
@needs_options
@store_option
@json_option
def approve(
    case: str,
    reviewer: str,
    store: str | None,
    as_json: bool,
    **given: Any,
) -> None:
    """Accept CASE: from now on it runs, expected to fail until it is fixed.

    On a case that is accepted already the options change how it is judged. A file that was
    exported before is stale then: genmon cases export --update FOLDER.
    """
    postcondition, fails_as = given.pop("postcondition"), given.pop("fails_as")
    needed = needs_of(**given)
    with open_store(store, writes=True) as opened:
        row = review.approve(
            opened, case, reviewer=reviewer, postcondition=postcondition, fails_as=fails_as,
            needs=needed,
        )  # fmt: skip
    mention_unknown_steps(needed, row)
    said = _APPROVED.get(row.state, "Your options apply from the next run on.")
    if not as_json and (stale := stale_file(row)):
        where = quote(os.path.relpath(stale.parent))
        said += f" {os.path.relpath(stale)} is stale: genmon cases export --update {where}"
    elif row.state is CaseState.OPEN:
        said += " For CI: genmon cases export tests/genmon"
    _say(row, as_json, said)


def _ends(state: CaseState, said: str) -> Callable[..., None]:
    @click.argument("case")
    @reviewer_option
    @reason_option
    @store_option
    @json_option
    def end(case: str, reviewer: str, reason: str, store: str | None, as_json: bool) -> None:
        with open_store(store, writes=True) as opened:
            row = opened.set_case_state(case, state, reviewer=reviewer, reason=reason)
        _say(row, as_json, said)

    return end


cases.command("reject", help="Refuse CASE; this failure is not proposed again.")(
    _ends(CaseState.REJECTED, "Its failure is not proposed again.")
)
cases.command(
    "retire", help="End CASE: what it guards is gone permanently. Delete its exported file too."
)(_ends(CaseState.RETIRED, ""))


@cases.command()
@click.argument("case")
@reviewer_option
@click.option("--reason", default="", help="What made it steady.")
@store_option
@json_option
def release(case: str, reviewer: str, reason: str, store: str | None, as_json: bool) -> None:
    """Take CASE out of quarantine: it is open again, and guards from its next pass on."""
    with open_store(store, writes=True) as opened:
        row = opened.set_case_state(
            case, CaseState.OPEN, expected=CaseState.QUARANTINED, reviewer=reviewer, reason=reason
        )
    _say(row, as_json, _APPROVED[CaseState.OPEN])


@cases.command()
@click.argument("case", nargs=-1)
@store_option
@json_option
@cwd_option
@click.option("--live", "times", type=click.IntRange(1, 100), metavar="N",
              help="Ask the real model instead, N times, with the recorded inputs.")  # fmt: skip
@click.option("--yes", is_flag=True, help="With --live, do not ask before.")
@markdown_option
def run(
    case: tuple[str, ...],
    store: str | None,
    *,
    as_json: bool,
    cwd: Path | None,
    markdown: bool,
    **live: Any,
) -> int:
    """Replay CASEs now: handles in the store, case files, or folders of them.

    Without any, every open, guarding or regressed case in the store. A verdict on an
    approved case in the store is kept; one on a file only shows. Exits 1 if a guarding or
    regressed case, or a file that expects a pass, does not pass.

    With --live N each CASE's function is called N times with the recorded inputs, and its steps are
    really called, with your environment and network. How often it passed is kept with an
    approved case. Exits 1 if it never passed.
    """
    if live["times"]:
        return run_for_real(case, live["times"], store, cwd or Path.cwd(), as_json, live["yes"])
    shown: list[dict[str, Any]] = []
    is_all_read = True
    paths = [Path(name) for name in case if files.is_file_name(name)]
    handles = [name for name in case if not files.is_file_name(name)]
    found = list(files.find(paths))
    trust = trust_in(cwd or Path.cwd()) if found else NONE
    quiet = as_json or markdown
    with Evaluations() as evaluations, _bar("files", len(found), quiet=quiet) as advance:
        for path in found:
            read_case = files.read(path)
            result = run_case(read_case, cwd=cwd, trust=trust)
            bad = read_case.expect == "passes" and result.verdict is not Verdict.PASS
            shown.append(shown_run(str(path), read_case.expect, result, bad))
            operation, origin = read_case.operation, read_case.provenance
            evaluations.judged(judged_run(read_case.slug, operation, result, origin.fingerprint))
            advance()
    if handles or not paths:
        version = version_of_folder(os.environ.get(ENV_CODE_VERSION), cwd or Path.cwd())
        with Evaluations() as evaluations, open_store(store, writes=True) as opened:
            names = handles or [
                row.handle
                for state in (CaseState.REGRESSED, CaseState.GUARDING, CaseState.OPEN)
                for row in opened.cases(state=state, limit=1000)
            ]
            with _bar("cases", len(names), quiet=as_json or markdown) as advance:
                for name in names:
                    before = opened.case(name).state
                    guarded = before in (CaseState.GUARDING, CaseState.REGRESSED)
                    try:
                        row, result = review.replay(opened, name, code_version=version, cwd=cwd)
                    except CaseError as error:
                        if handles:
                            raise
                        warn(error)
                        is_all_read = False
                    else:
                        bad = guarded and result.verdict is not Verdict.PASS
                        shown.append(shown_run(row.handle, row.state, result, bad))
                        evaluations.judged(judged_run(row.handle, row.operation, result))
                    advance()
    if as_json:
        print_json(shown)
    elif markdown:
        click.echo(table_of_runs(shown))
    elif shown:
        print_runs(shown)
    elif paths:
        click.echo(f"No case files (*{files.SUFFIX}) in {', '.join(map(one_line, paths))}.")
    else:
        click.echo("No approved case to run. Try: genmon cases list")
    if any(each["bad"] for each in shown):
        return 1
    return 0 if is_all_read else CaseError.exit_code


cases.add_command(ingest)
cases.add_command(refresh)
cases.add_command(export)
cases.add_command(rebind)


#: Printed when a case was accepted.
_APPROVED = {CaseState.OPEN: "It is expected to fail until the fix is in."}


# --- printing ------------------------------------------------------------------


def _say(row: CaseRow, as_json: bool, more: str) -> None:
    if as_json:
        print_json(row)
    else:
        console().print(marked("[cyan]{}[/] is {}. {}", row.handle, row.state, more))


@contextmanager
def _bar(title: str, total: int, *, quiet: bool) -> Iterator[Any]:
    if quiet or not total:
        yield lambda: None
        return
    columns = (TextColumn(title), BarColumn(), MofNCompleteColumn(), TextColumn("replays"))
    out = console()
    with Progress(*columns, console=out, transient=True, disable=not out.is_terminal) as progress:
        task = progress.add_task(title, total=total)
        yield lambda: progress.advance(task)
