"""``genmon doctor``: check the installation, and say how to repair it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import click
from rich.console import Console
from rich.table import Table

from genmon_otel.cli.checks import (
    Finding,
    check_calls,
    check_journal,
    check_metrics,
    check_names,
    check_prometheus,
    check_store,
    check_traces,
)
from genmon_otel.cli.output import marked
from genmon_otel.cli.selftest import send_test_failure
from genmon_otel.cli.terminal import (
    console,
    json_option,
    print_json,
    settings_for,
    store_option,
)
from genmon_otel.errors import GenmonError
from genmon_otel.settings import Settings
from genmon_otel.wording.units import many

_MARKS: Final = {"ok": "[green]✓[/]", "warning": "[yellow]![/]", "problem": "[bold red]✗[/]"}

Check = Callable[[Settings], Iterator[Finding]]


@click.command()
@store_option
@json_option
@click.option(
    "--prometheus",
    metavar="URL",
    help="Ask this Prometheus whether it scrapes genmon's metrics and has the rules.",
)
@click.option(
    "--send-test-failure",
    "send",
    is_flag=True,
    help="Let one generation fail (operation genmon_selftest) and follow it to log, metric, "
    "span and row.",
)
def doctor(store: str | None, as_json: bool, prometheus: str | None, send: bool) -> int:
    """Check configuration, store, journal, exporters and rules; say how to repair what is wrong.

    Run it where the application runs: same user, folder and environment. Exits 1 if
    there is a problem.
    """
    found: list[Finding] = []
    out = console()

    def report(finding: Finding) -> None:
        found.append(finding)
        if not as_json:
            _print(out, finding)

    try:
        settings = settings_for(store)
    except GenmonError as error:
        report(Finding("problem", "settings", str(error)))
    else:
        report(Finding("ok", "settings", _summary(settings)))
        for finding in check_names(os.environ):
            report(finding)
        checks: list[Check] = [check_store, check_calls, check_journal, check_traces, check_metrics]
        for check in checks:
            for finding in check(settings):
                report(finding)
        if prometheus:
            for finding in check_prometheus(prometheus):
                report(finding)
        if send and not any(each.level == "problem" for each in found):
            if not as_json:
                out.print("\nSending a test failure (operation genmon_selftest) …", style="dim")
            for finding in send_test_failure(settings):
                report(finding)
    if as_json:
        print_json(found)
    problems = sum(each.level == "problem" for each in found)
    if not as_json:
        out.print(f"\n{_verdict(problems, sum(each.level == 'warning' for each in found))}")
    return int(bool(problems))


def _print(out: Console, finding: Finding) -> None:
    """Print a finding below its topic: wrapped on a terminal, one line in a pipe."""
    says = marked("{}", finding.says)
    remedy = marked("[yellow]→ {}[/]", finding.remedy)
    if not out.is_terminal:
        topic = f"{finding.topic:<8}"
        out.print(marked(f"{_MARKS[finding.level]} [bold]{topic}[/] {{}}", says), soft_wrap=True)
        if finding.remedy:
            out.print(marked("           {}", remedy), soft_wrap=True)
        return
    table = Table.grid(padding=(0, 1))
    table.add_column(width=1)
    table.add_column(width=8)
    table.add_column(overflow="fold")
    table.add_row(_MARKS[finding.level], f"[bold]{finding.topic}[/]", says)
    if finding.remedy:
        table.add_row("", "", remedy)
    out.print(table)


def _verdict(problems: int, warnings: int) -> str:
    if problems:
        return f"[bold red]{problems} to repair.[/]"
    if warnings:
        return f"[green]Nothing to repair[/], [yellow]{many(warnings, 'warning')}[/]."
    return "[green]All is well.[/]"


def _summary(settings: Settings) -> str:
    variables = many(sum(name.startswith("GENMON_") for name in os.environ), "GENMON_ variable")
    frameworks = f", frameworks {', '.join(settings.frameworks)}" if settings.frameworks else ""
    return (
        f"capture {settings.capture}, metrics {settings.metrics}{frameworks}: from {variables} in "
        f"{Path.cwd()}; arguments of setup() in code are not visible from here"
    )
