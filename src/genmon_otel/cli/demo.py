"""``genmon demo``: the loop closes, on real input."""

from __future__ import annotations

import asyncio
import json
import logging
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.syntax import Syntax
from rich.table import Table

from genmon_otel.cli.card import render_card
from genmon_otel.cli.failures import SEVERITY_STYLES, failures_table
from genmon_otel.cli.terminal import duration
from genmon_otel.conventions import LOGGER
from genmon_otel.demo.model_server import MODEL, model_server, projects
from genmon_otel.demo.stage import Stage
from genmon_otel.demo.traffic import requests, send
from genmon_otel.errors import ConfigurationError
from genmon_otel.policy import CaseState, Verdict
from genmon_otel.regression import review
from genmon_otel.store import SqlStore
from genmon_otel.store.rows import CaseRow

FOLDER: Final = Path(".genmon") / "demo"
#: Seconds the app builder waits for the model: the demo's own, and a real one.
PATIENCE_S: Final = {"loopback": 2.0, "real": 60.0}
#: Requests to a real model, which may be slow.
REAL_REQUESTS: Final = 16
#: Exit code where the demo did not show what it is for.
INCOMPLETE: Final = 1


@click.command()
@click.option("--model", "url", metavar="URL",
              help="An OpenAI-compatible endpoint (…/v1) to ask instead of the shipped answers.")  # fmt: skip
@click.option(
    "--model-name", metavar="NAME", help="The model to ask there. Default: the first it lists."
)
@click.option("--requests", "limit", type=click.IntRange(min=1), metavar="N",
              help=f"How many apps to ask for. Default: 45, with --model {REAL_REQUESTS}.")  # fmt: skip
@click.option("--folder", type=click.Path(file_okay=False, path_type=Path), default=FOLDER,
              show_default=True, help="Where the demo keeps its files; replaced at each run.")  # fmt: skip
def demo(url: str | None, model_name: str | None, limit: int | None, folder: Path) -> int:
    """Watch the loop close on an example app builder, in under a minute.

    It asks a model (a loopback server with realistic answers and faults, or any
    OpenAI-compatible endpoint) for apps, shows what failed and whom it hit, takes the
    failure that became a case through the red gate and the review, mends the app builder,
    and replays: failing before, passing after.
    """
    if find_spec("openai") is None:
        raise ConfigurationError('The demo needs the openai SDK. pip install "genmon-otel[demo]"')
    _ours(folder)
    show = Show(Console(highlight=False), Stage(folder.resolve()))
    if url is None:
        return 0 if show.on_shipped_answers(limit) else INCOMPLETE
    show.whole(url, model_name or _first_model(url), PATIENCE_S["real"], limit or REAL_REQUESTS)
    return 0


class Show:
    """The demo's acts, in order."""

    def __init__(self, out: Console, stage: Stage) -> None:
        self.out = out
        self.stage = stage
        self._act = 0

    def on_shipped_answers(self, limit: int | None = None) -> bool:
        """The whole demo against a loopback model; whether all of it came true."""
        with model_server() as server:
            return self.whole(server.url, MODEL, PATIENCE_S["loopback"], limit)

    def whole(self, url: str, model: str, patience_s: float, limit: int | None) -> bool:
        """Every act; whether the loop closed."""
        with _quiet_log():
            self.traffic(url, model, patience_s, limit)
        store = SqlStore(self.stage.store)
        store.open()
        try:
            self.numbers(store)
            closed = self.loop(store)
        finally:
            store.close()
        self.places()
        return closed

    def title(self, text: str) -> None:
        """Open an act."""
        self._act += 1
        self.out.print()
        self.out.rule(f"[bold]{self._act}  {text}", align="left", style="dim")

    def traffic(self, url: str, model: str, patience_s: float, limit: int | None) -> None:
        """Ask for apps; nothing in the app builder knows of the demo."""
        wanted = requests({text: p["framework"] for text, p in projects().items()}, limit)
        self.title(f"Users ask for {len(wanted)} apps")
        self.out.print(f"model {model} at {url}, through the openai SDK", style="dim")
        columns = (
            TextColumn("building"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
        )  # fmt: skip
        with (
            self.stage.running(url, model, patience_s) as app_builder,
            Progress(*columns, console=self.out) as progress,
        ):
            task = progress.add_task("", total=len(wanted))
            asyncio.run(send(app_builder, wanted, lambda: progress.advance(task)))

    def numbers(self, store: SqlStore) -> None:
        """What came of it, and what failed."""
        self.title("What came of it")
        health = store.health()
        verdict = (
            "[green]healthy[/]" if health.healthy else "[bold red]unhealthy: on-call is paged[/]"
        )
        self.out.print(
            f"{health.attempts} attempts, {health.successes} succeeded, {health.failures} failed "
            f"({health.failure_rate:.0%}): {verdict}"
        )
        failures = store.failures(sort="count", limit=50)
        table = Table(box=None, pad_edge=False, header_style="dim")
        table.add_column("category")
        table.add_column("severity")
        table.add_column("failed", justify="right")
        counts: dict[tuple[str, str], int] = {}
        for row in failures:
            key = (row.category, row.severity)
            counts[key] = counts.get(key, 0) + row.occurrence_count
        for (category, severity), count in sorted(counts.items(), key=lambda item: -item[1]):
            table.add_row(category, f"[{SEVERITY_STYLES[severity]}]{severity}[/]", str(count))
        self.out.print(table)
        self.title("Alike failures are one, with whom they hit")
        self.out.print(failures_table(failures))

    def loop(self, store: SqlStore) -> bool:
        """Red gate, review, replay, fix, replay; whether all of it came true."""
        born = store.cases()
        self.title("The third strike makes a case, by itself")
        if not born:
            self.out.print(
                "No failure happened three times, so no case was born. Ask for more: "
                "genmon demo --requests 60"
            )
            return False
        with self._waiting("red gate: three replays each, without the model"):
            gated = [review.verify(store, row.id, cwd=self.stage.folder)[0] for row in born]
        for row in gated:
            self.out.print(f"[cyan]{row.handle}[/] {row.category}: {row.state_reason}")
        ready = review.queue([row for row in gated if row.state is CaseState.REPRODUCED])
        if not ready:
            return False
        self.out.print(render_card(review.card(store, ready[0].id)))
        row = review.approve(store, ready[0].id, reviewer="you, in the demo")
        self.out.print(
            f"[cyan]{row.handle}[/] approved: {row.state}, expected to fail until mended"
        )
        return self._mend(store, row)

    def _mend(self, store: SqlStore, row: CaseRow) -> bool:
        self.title("Replay, mend, replay")
        before = self._replay(store, row)
        self.out.print(Syntax(self.stage.mend(), "diff", background_color="default"))
        after = self._replay(store, row)
        row = store.case(row.id)
        self.out.print(
            f"[cyan]{row.handle}[/] is [green]{row.state}[/]: confidence "
            f"{row.confidence_score:.2f} after a pass on one version; ten make .72"
        )
        return before is Verdict.FAIL_SAME and after is Verdict.PASS

    def _replay(self, store: SqlStore, row: CaseRow) -> Verdict:
        version = self.stage.code_version
        with self._waiting("replaying"):
            _, shown = review.replay(store, row.id, code_version=version, cwd=self.stage.folder)
        style = "green" if shown.verdict is Verdict.PASS else "red"
        self.out.print(
            f"on {version}: [{style}]{shown.verdict}[/] in {duration(shown.duration_s)}, "
            f"no model, no network: {shown.detail}"
        )
        return shown.verdict

    def places(self) -> None:
        """Where everything is."""
        stage = self.stage

        def near(path: Path) -> str:
            return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)

        self.title("Where things are")
        table = Table.grid(padding=(0, 2))
        table.add_row("metrics", near(stage.metrics), "what /metrics showed at the end")
        table.add_row("traces", near(stage.traces), f"{stage.spans()} spans, one a line")
        table.add_row(
            "database", near(stage.folder / "genmon.db"), "genmon failures list --store FILE"
        )
        table.add_row("source", near(stage.source), "the app builder, as mended")
        self.out.print(table)

    @contextmanager
    def _waiting(self, text: str) -> Iterator[None]:
        with self.out.status(text):
            yield


def _ours(folder: Path) -> None:
    """Refuse to replace a folder that the demo did not make.

    Raises:
        ConfigurationError: it holds something else.
    """
    if folder.exists() and any(folder.iterdir()) and not (folder / "app_builder.py").exists():
        raise ConfigurationError(
            f"--folder {str(folder)!r} holds something that is not the demo's, and would be "
            "replaced. Name a folder of its own."
        )


def _first_model(url: str) -> str:
    """The first model that an endpoint lists.

    Raises:
        ConfigurationError: it does not answer.
    """
    try:
        with urllib.request.urlopen(f"{url.rstrip('/')}/models", timeout=10) as answer:
            return str(json.load(answer)["data"][0]["id"])
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise ConfigurationError(
            f"--model {url!r} does not list its models ({error}). Give the address up to and "
            "including /v1, or name the model with --model-name."
        ) from None


@contextmanager
def _quiet_log() -> Iterator[None]:
    """Keep the log lines of failures out of the progress bar; the tables say the same."""
    logger = logging.getLogger(LOGGER)
    before, logger.propagate = logger.propagate, False
    handler = logging.NullHandler()
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.propagate = before
