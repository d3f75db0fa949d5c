"""``genmon demo``: failure, case, review, fix and passing test, on real input."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Final, NamedTuple

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.syntax import Syntax
from rich.table import Table

from genmon_otel.addresses import mask_url
from genmon_otel.cli.card import render_card
from genmon_otel.cli.failures import print_failures, severity_style
from genmon_otel.cli.output import marked
from genmon_otel.cli.terminal import DEMO_FOLDER, near, program
from genmon_otel.cli.ui import ui as serve_page
from genmon_otel.demo.endpoint import BEGIN_WITHIN_S, REQUESTS, Endpoint, probe, shipped
from genmon_otel.demo.model_server import model_server, projects
from genmon_otel.demo.quiet_log import quiet_log
from genmon_otel.demo.stage import LOCK, Stage, is_free
from genmon_otel.demo.traffic import requests, send
from genmon_otel.errors import ConfigurationError
from genmon_otel.policy import HEALTH_MIN_ATTEMPTS, CaseState, Verdict
from genmon_otel.records import ENVIRONMENT_CATEGORIES
from genmon_otel.regression import review
from genmon_otel.regression.cases.needs import Needs
from genmon_otel.regression.reproduction_check import REPLAYS
from genmon_otel.store import SqlStore
from genmon_otel.store.rows import CaseRow
from genmon_otel.wording.units import duration

#: Exit code if no case failed before the fix and passed after it.
INCOMPLETE: Final = 1


@click.command()
@click.option("--model", "url", metavar="URL",
              help="An OpenAI-compatible endpoint (…/v1) to ask instead of the shipped answers; "
              "its key, if it wants one, in OPENAI_API_KEY.")  # fmt: skip
@click.option(
    "--model-name", metavar="NAME", help="The model to ask there. Default: the first it lists."
)
@click.option("--requests", "limit", type=click.IntRange(min=1), metavar="N",
              help=f"How many apps to ask for. Default: 45; with --model {REQUESTS}, or as many as "
              f"it begins in {BEGIN_WITHIN_S:.0f} s.")  # fmt: skip
@click.option("--ui", "opens_page", is_flag=True,
              help="Leave the review to you, on the page: serves genmon ui on the demo's data at the end.")  # fmt: skip
@click.option("--folder", type=click.Path(file_okay=False, path_type=Path), help="Where the demo keeps its files; replaced at each run. Default: "
              f"{DEMO_FOLDER}, or one beside it while another demo is running there.")  # fmt: skip
def demo(
    url: str | None,
    model_name: str | None,
    limit: int | None,
    folder: Path | None,
    *,
    opens_page: bool,
) -> int:
    """Run the whole cycle on an example app builder, in under a minute.

    It asks a model (a loopback server with realistic answers and faults, or any
    OpenAI-compatible endpoint) for apps, shows what failed and whom it hit, takes the
    failure that became a case through the reproduction check and the review, fixes the app builder,
    and replays: failing before, passing after.

    A model of yours fails in its own ways, at its own pace: answers are cut off so that they
    stay short, and the fix may not be the one it needs. Exits 1 if the loop did not
    close on the shipped answers, or a model of yours never answered.
    """
    if find_spec("openai") is None:
        raise ConfigurationError('The demo needs the openai SDK. pip install "genmon-otel[demo]"')
    if model_name and not url:
        raise click.UsageError("--model-name names a model of an endpoint: give --model URL too.")
    chosen = _free() if folder is None else folder
    _ours(chosen)
    show = Show(Console(highlight=False), lambda: Stage(chosen.resolve()), leaves_review=opens_page)
    if url is None:
        complete = show.on_shipped_answers(limit)
    else:
        complete = show.on_a_model_of_yours(url, model_name, limit)
    if opens_page:
        # Any free port: a page of the reader's own may be served on the usual one.
        where = ["--store", show.stage.store, "--cwd", str(show.stage.folder), "--port", "0"]
        serve_page.main(where, standalone_mode=False)
    return 0 if complete else INCOMPLETE


class Course(NamedTuple):
    """The result of a run of the demo."""

    #: The model answered at least once.
    answered: bool
    #: A case failed before the fix and passed after it.
    closed: bool


class Show:
    """Run the parts of the demo in order.

    Args:
        out: where they are shown.
        stage: makes the folder; not before the model has answered.
        leaves_review: whether check, approval and fix are left to the visitor of the page.
    """

    stage: Stage

    def __init__(
        self, out: Console, stage: Callable[[], Stage], *, leaves_review: bool = False
    ) -> None:
        self.out = out
        self._leaves_review = leaves_review
        self._make_stage = stage
        self._act = 0
        self._is_fixed = False
        self._configured: dict[str, str] = {}

    def on_shipped_answers(self, limit: int | None = None) -> bool:
        """Run the demo against a model server on loopback; return whether every part succeeded."""
        with model_server() as server:
            return self._whole(shipped(server.url), limit).closed

    def on_a_model_of_yours(self, url: str, name: str | None, limit: int | None) -> bool:
        """Run the demo against an endpoint; return whether it answered at all.

        Raises:
            ConfigurationError: it does not take a first question.
        """
        with self._waiting(f"asking {mask_url(url)} a first question"):
            endpoint = probe(url, name, bounded=limit is None)
        return self._whole(endpoint, limit or REQUESTS).answered

    def _whole(self, endpoint: Endpoint, limit: int | None) -> Course:
        """Run every part."""
        #: What the app builder reads of its model: a replay has no other variables.
        self._configured = {
            "OPENAI_MODEL": endpoint.model,
            "APP_BUILDER_OPTIONS": json.dumps(dict(endpoint.options)),
        }
        self.stage = self._make_stage()
        with quiet_log():
            self.traffic(endpoint, limit)
        store = SqlStore(self.stage.store)
        store.open()
        try:
            answered = self.numbers(store)
            closed = self.loop(store)
        finally:
            store.close()
        self.places()
        return Course(answered, closed)

    def title(self, text: str) -> None:
        """Print the title of a part."""
        self._act += 1
        self.out.print()
        self.out.rule(f"[bold]{self._act}  {text}", align="left", style="dim")

    def traffic(self, endpoint: Endpoint, limit: int | None) -> None:
        """Request apps; the app builder contains no code for the demo."""
        wanted = requests({text: p["framework"] for text, p in projects().items()}, limit)
        self.title(f"Users ask for {len(wanted)} apps")
        model = f"model {endpoint.model} at {mask_url(endpoint.url)}, through the openai SDK"
        self.out.print(marked("[dim]{}[/]", model))
        if endpoint.says:
            self.out.print(marked("[dim]{}[/]", endpoint.says))
        columns = (
            TextColumn("building"), BarColumn(), MofNCompleteColumn(),
            TextColumn("[red]{task.fields[failed]} failed[/]"), TimeElapsedColumn(),
        )  # fmt: skip
        with (
            self.stage.running(endpoint) as app_builder,
            Progress(*columns, console=self.out) as progress,
        ):
            task = progress.add_task("", total=len(wanted), failed=0)

            def one(succeeded: bool) -> None:
                failed = progress.tasks[task].fields["failed"] + (not succeeded)
                progress.update(task, advance=1, failed=failed)

            sending = send(app_builder, wanted, one, at_once=endpoint.at_once,
                           begin_within_s=endpoint.begin_within_s)  # fmt: skip
            made = asyncio.run(sending)
        if made < len(wanted):
            self.out.print(
                f"Stopped after {made} of {len(wanted)}: this model takes its time. To ask for all "
                f"of them: --requests {len(wanted)}"
            )

    def numbers(self, store: SqlStore) -> bool:
        """Print outcomes and failures; return whether the model answered at all."""
        self.title("What came of it")
        health = store.health()
        if health.attempts < HEALTH_MIN_ATTEMPTS:
            verdict = f"fewer than {HEALTH_MIN_ATTEMPTS} attempts decide nothing"
        elif health.healthy:
            verdict = "[green]healthy[/]"
        else:
            verdict = "[bold red]unhealthy: on-call is paged[/]"
        self.out.print(
            f"{health.attempts} attempts, {health.successes} succeeded, {health.failures} failed "
            f"({health.failure_rate:.0%}): {verdict}"
        )
        failures = store.failures(sort="count", limit=50)
        if not failures:
            return health.attempts > 0
        table = Table(box=None, pad_edge=False, header_style="dim")
        table.add_column("category")
        table.add_column("severity")
        table.add_column("failed", justify="right")
        counts: dict[tuple[str, str], int] = {}
        for row in failures:
            key = (row.category, row.severity)
            counts[key] = counts.get(key, 0) + row.occurrence_count
        for (category, severity), count in sorted(counts.items(), key=lambda item: -item[1]):
            table.add_row(
                category, marked(f"[{severity_style(severity)}]{{}}[/]", severity), str(count)
            )
        self.out.print(table)
        self.title("Alike failures are one, with whom they hit")
        print_failures(self.out, failures)
        return health.successes > 0 or any(
            row.category not in ENVIRONMENT_CATEGORIES for row in failures
        )

    def loop(self, store: SqlStore) -> bool:
        """Run reproduction check, review, replay, fix and replay; return whether all succeeded."""
        self.title("The third strike makes a case, by itself")
        if self._leaves_review:
            return self._left_to_review(store)
        row = self._judged(store)
        if row is None:
            return False
        self.out.print(render_card(review.card(store, row.id)))
        row = review.approve(
            store,
            row.id,
            reviewer="you, in the demo",
            needs=Needs(env=self._configured),
        )
        self.out.print(f"[cyan]{row.handle}[/] approved: {row.state}, expected to fail until fixed")
        return self._replay_around_fix(store, row)

    def _left_to_review(self, store: SqlStore) -> bool:
        """Leave the cases to the visitor of the page, with the fix as a file; return whether there is one."""
        rows = store.cases()
        needs = Needs(env=self._configured)
        for row in rows:
            if row.case:
                store.save_case(row.id, needs.added_to(review.stored(row)).to_dict())
        fix = self.stage.write_fix()
        self.out.print(
            f"{len(rows)} waits for you: open Review on the page below, verify it, approve it. Then "
            "fix the app builder, and replay the case on the page: it becomes a guard."
            if rows
            else "No failure happened three times, so no case was created."
        )
        self.out.print(
            f"  patch -d {near(self.stage.folder)} < {near(fix)}", style="bold", soft_wrap=True
        )
        return bool(rows)

    def _judged(self, store: SqlStore) -> CaseRow | None:
        """The case to review, out of the reproduction check: one that the demo's fix fixes, if there is."""
        cases = store.cases()
        if not cases:
            self.out.print("No failure happened three times, so no case was created.")
            self.out.print(
                "To give it more chances, ask for more apps with --requests.", style="dim"
            )
            return None
        columns = (TextColumn("reproduction check: replays without the model"), BarColumn(),
                   MofNCompleteColumn())  # fmt: skip
        quiet = not self.out.is_terminal
        with Progress(*columns, console=self.out, transient=True, disable=quiet) as progress:
            task = progress.add_task("", total=REPLAYS * len(cases))
            checked = [
                review.verify(store, row.id, cwd=self.stage.folder,
                              progress=lambda: progress.advance(task))[0]
                for row in cases
            ]  # fmt: skip
        for row in checked:
            self.out.print(marked("[cyan]{}[/] {}: {}", row.handle, row.category, row.state_reason))
        ready = [row for row in checked if row.state is CaseState.REPRODUCED]
        digestible = [row for row in ready if row.trigger != "fault"]
        if not digestible:
            self.out.print(
                "The model refused or broke, and the app builder could not help it: no case here "
                "is one for the demo's fix, which reads answers. So it approves none."
                if ready
                else "None shows its failure again without the model, so none is offered for review."
            )
            return None
        return min(review.queue(digestible), key=lambda row: not self._is_fixable(row))

    def _is_fixable(self, row: CaseRow) -> bool:
        """Return whether the demo's fix can read the answer that a case came from."""
        case = review.stored(row)
        step = case.trigger.step
        return step is not None and self.stage.fix_reads(case.steps[step].outcome)

    def _replay_around_fix(self, store: SqlStore, row: CaseRow) -> bool:
        self.title("Replay, fix, replay")
        before = self._replay(store, row)
        self.out.print(Syntax(self.stage.apply_fix(), "diff", background_color="default"))
        self._is_fixed = True
        after = self._replay(store, row)
        row = store.case(row.id)
        if after is Verdict.PASS:
            self.out.print(
                f"[cyan]{row.handle}[/] is [green]{row.state}[/]: confidence "
                f"{row.confidence_score:.2f} after a pass on one version; ten make .72"
            )
        else:
            unproven = after is Verdict.INCONCLUSIVE
            why = (
                "that proves nothing, for the reason it gives"
                if unproven
                else "this fix finds JSON among other text, and that is not all this answer needs"
            )
            self.out.print(
                f"[cyan]{row.handle}[/] stays [yellow]{row.state}[/]: {why}. "
                "No case is believed fixed before it "
                "passes. Mend the source below yourself, then run it again:"
            )
            self.out.print(
                f"  {program()} cases run {row.handle} --cwd {near(self.stage.folder)} "
                f"--store {near(self.stage.database)}",
                style="bold", soft_wrap=True,
            )  # fmt: skip
        return before is Verdict.FAIL_SAME and after is Verdict.PASS

    def _replay(self, store: SqlStore, row: CaseRow) -> Verdict:
        version = self.stage.code_version
        with self._waiting("replaying"):
            _, shown = review.replay(store, row.id, code_version=version, cwd=self.stage.folder)
        style = "green" if shown.verdict is Verdict.PASS else "red"
        template = f"on {{}}: [{style}]{{}}[/] in {{}}, no model, no network: {{}}"
        took = duration(shown.duration_s)
        self.out.print(marked(template, version, shown.verdict, took, shown.detail))
        return shown.verdict

    def places(self) -> None:
        """Print where the demo's files are."""
        stage = self.stage
        self.title("Where things are")
        table = Table.grid(padding=(0, 2))
        table.add_row("metrics", near(stage.metrics), "what /metrics showed at the end")
        table.add_row("traces", near(stage.traces), f"{stage.spans()} spans, one a line")
        table.add_row(
            "source", near(stage.source), "the app builder" + ", as fixed" * self._is_fixed
        )
        table.add_row("database", near(stage.database), "look around in it:")
        self.out.print(table)
        genmon = program()
        for command in (
            f"{genmon} failures list --store {near(stage.database)}",
            f"{genmon} ui --store {near(stage.database)} --cwd {near(stage.folder)}",
        ):
            self.out.print(f"  {command}", style="bold", soft_wrap=True)

    @contextmanager
    def _waiting(self, text: str) -> Iterator[None]:
        with self.out.status(text):
            yield


def _free() -> Path:
    """Return the demo's default folder, or the next free one if a demo runs in it."""
    names = (DEMO_FOLDER.name, *(f"{DEMO_FOLDER.name}-{number}" for number in range(2, 10)))
    folders = [DEMO_FOLDER.with_name(name) for name in names]
    return next((folder for folder in folders if is_free(folder)), DEMO_FOLDER)


def _ours(folder: Path) -> None:
    """Refuse to replace a folder that the demo did not make.

    Raises:
        ConfigurationError: it holds something else.
    """
    held = {path.name for path in folder.iterdir()} - {LOCK} if folder.exists() else set()
    if held and "app_builder.py" not in held:
        raise ConfigurationError(
            f"--folder {str(folder)!r} holds something that is not the demo's, and would be "
            "replaced. Name a folder of its own."
        )
