"""Options by which a reviewer says what a case needs for its replay."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from typing import Any

import click

from genmon_otel.errors import ConfigurationError
from genmon_otel.regression.cases.needs import Needs, parse_recovery, parse_variable
from genmon_otel.regression.review import stored
from genmon_otel.store.rows import CaseRow
from genmon_otel.wording.case import unknown_steps_said


def needs_options(command: Any) -> Any:
    """Add the options that name what a replay needs beyond the recording."""
    for option in reversed((
        click.option("--recovery", metavar="STEP=JSON", multiple=True,
                     help="What STEP gives when it is asked once more than was recorded."),
        click.option("--live", metavar="STEP", multiple=True, help="Really call STEP in a replay."),
        click.option("--env", metavar="NAME=VALUE", multiple=True,
                     help="A variable that the code reads; NAME alone takes its value here. It goes "
                     "into the case and its file: give no secret."),
        click.option("--program", metavar="NAME", multiple=True,
                     help="A program that the code may run in a replay."),
    )):  # fmt: skip
        command = option(command)
    return command


def needs_of(
    recovery: tuple[str, ...], live: tuple[str, ...], env: tuple[str, ...], program: tuple[str, ...]
) -> Needs:
    """Return what the options of :func:`needs_options` gave."""
    return Needs(
        recovery=dict(_checked(parse_recovery, text) for text in recovery),
        live=live,
        env=dict(_checked(partial(parse_variable, here=os.environ), text) for text in env),
        programs=program,
    )


def mention_unknown_steps(needs: Needs, row: CaseRow) -> None:
    """Warn of named steps that were not recorded: misspelt, or called by the fixed code only."""
    if row.case:
        for said in unknown_steps_said(needs, stored(row)):
            click.echo(f"{row.handle}: {said}", err=True)


def _checked(parse: Callable[[str], tuple[str, Any]], text: str) -> tuple[str, Any]:
    try:
        return parse(text)
    except ConfigurationError as error:
        raise click.BadParameter(str(error)) from None
