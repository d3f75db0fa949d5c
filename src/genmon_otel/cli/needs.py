"""Options by which a reviewer says what a case needs for its replay."""

from __future__ import annotations

import os
from typing import Any

import click

from genmon_otel.regression.needs import Needs, parse_recovery
from genmon_otel.regression.review import stored
from genmon_otel.store.rows import CaseRow


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
        recovery=dict(_assignment(text) for text in recovery),
        live=live,
        env=dict(_variable(text) for text in env),
        programs=program,
    )


def mention_unknown_steps(needs: Needs, row: CaseRow) -> None:
    """Warn of named steps that were not recorded: misspelt, or called by the fixed code only."""
    asked = {*needs.live, *needs.recovery}
    if not asked or not row.case:
        return
    recorded = list(dict.fromkeys(step.name for step in stored(row).steps))
    for name in sorted(asked.difference(recorded)):
        click.echo(
            f"{row.handle}: no step {name!r} was recorded, so it counts only where the fixed code "
            f"calls one of that name. Recorded: {', '.join(recorded) or 'none'}.",
            err=True,
        )


def _assignment(text: str) -> tuple[str, Any]:
    try:
        return parse_recovery(text)
    except ValueError:
        raise click.BadParameter(
            f"{text!r} is not STEP=JSON. For example: --recovery 'call_model=\"x = 1\"'."
        ) from None


def _variable(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not (equals or name in os.environ):
        raise click.BadParameter(
            f"{text!r} is not NAME=VALUE, nor the name of a variable that is set here."
        )
    return name, value if equals else os.environ[name]
