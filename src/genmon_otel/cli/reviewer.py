"""The option ``--reviewer`` of every command by which a person decides something."""

from __future__ import annotations

import getpass

import click


def _named(_context: click.Context, _option: click.Parameter, reviewer: str) -> str:
    if not reviewer.strip():
        raise click.BadParameter("is empty. Say who decides; left out, it is your login.")
    return reviewer


reviewer_option = click.option(
    "--reviewer", default=getpass.getuser, show_default="your login", help="Who decides.",
    callback=_named,
)  # fmt: skip
reason_option = click.option("--reason", default="", help="Reason, kept with the decision.")
