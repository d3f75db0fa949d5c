"""Shared by the commands: opening the store, and printing as text or JSON."""

from __future__ import annotations

import dataclasses
import math
import os
import shlex
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

import click
from rich.console import Console

from genmon_otel.cli.output import OutputConsole, json_text, one_line
from genmon_otel.conventions import ENV_STORE
from genmon_otel.errors import ConfigurationError, StoreMissing
from genmon_otel.policy import CENTURY_S
from genmon_otel.ports import Propose
from genmon_otel.settings import DEFAULT_FILE, DEFAULT_FOLDER, Settings
from genmon_otel.store import SqlStore
from genmon_otel.store.reading import Damage

#: Default folder of the demo.
DEMO_FOLDER: Final = Path(DEFAULT_FOLDER) / "demo"

Command = TypeVar("Command", bound=Callable[..., Any])

store_option = click.option(
    "--store",
    metavar="URL",
    help=f"The store to read: a path or a connection string. Default: ${ENV_STORE}, "
    "else .genmon/genmon.db below the working directory.",
)
json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print JSON for programs instead of text for people."
)
markdown_option = click.option(
    "--markdown", is_flag=True, help="Print Markdown, for a job's summary or a comment."
)


def near(path: Path) -> str:
    """Return a path relative to the working directory if it lies below it."""
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


def program() -> str:
    """Return what starts genmon in this shell: its path where PATH does not find it, as after `make demo`."""
    started = Path(sys.argv[0])
    if shutil.which("genmon") is not None or started.name != "genmon":
        return "genmon"
    return shlex.quote(near(started.absolute()))


#: Upper bound of list lengths: none is longer.
COUNTLESS: Final = 2**31 - 1


class Span(click.FloatRange):
    """A length of time in a unit of ``unit_s`` seconds; more than a century is a century."""

    def __init__(self, unit_s: float = 1.0, **limits: Any) -> None:
        super().__init__(**limits)
        self._most = CENTURY_S / unit_s

    def convert(self, value: Any, param: Any, ctx: Any) -> float:
        """Read a number; refuse ``nan``."""
        number = float(super().convert(value, param, ctx))
        if math.isnan(number):
            self.fail(f"{value!r} is not a valid float.", param, ctx)
        return min(number, self._most)


class Count(click.IntRange):
    """How many; as many as there are, where a store could not count so far."""

    def convert(self, value: Any, param: Any, ctx: Any) -> int:
        """Read a whole number."""
        return min(int(super().convert(value, param, ctx)), COUNTLESS)


def settings_for(store: str | None) -> Settings:
    """Return the settings of a command."""
    return Settings.resolve(os.environ, cwd=Path.cwd(), store=store)


@contextmanager
def open_store(
    store: str | None, *, writes: bool = False, propose: Propose | None = None
) -> Iterator[SqlStore]:
    """Open the store for the length of a command.

    No command makes or upgrades a schema but ``genmon db upgrade``.

    Args:
        store: path or connection string; None for the configured one.
        writes: whether the command changes rows; else the store refuses every change.
        propose: builds cases from recordings, where a command that changes rows does that.

    Raises:
        StoreMissing: there is none.
        SchemaMismatch: its schema is another version's.
    """
    settings = settings_for(store)
    path = settings.sqlite_path
    if path is not None and not is_there(path):
        raise StoreMissing(
            f"There is no store at {path}. Run your application once with genmon's setup(), "
            f"or name another with --store or {ENV_STORE}{_the_demos()}."
        )
    opened = SqlStore(settings.store, read_only=True, on_damage=_warn)
    try:
        opened.open()
        if writes:  # only now: opening it for that changes the journal mode of a SQLite file
            opened.close()
            opened = SqlStore(settings.store, propose=propose, on_damage=_warn)
            opened.open()
        yield opened
    finally:
        opened.close()


def _warn(damage: Damage) -> None:
    """Report on stderr a stored value that cannot be read."""
    warn(f"{damage}. Mend or delete it in the database; the rest is read.")


def warn(text: object) -> None:
    """Print a warning on stderr, on one line."""
    click.echo(f"genmon: warning: {one_line(text)}", err=True)


def is_there(path: Path) -> bool:
    """Return whether a store's file exists.

    Raises:
        ConfigurationError: this user may not look.
    """
    try:
        path.stat()
    except PermissionError:
        raise ConfigurationError(
            f"This user may not look for a store at {path}. Run this as the user that the "
            f"application runs as, or name another with --store or {ENV_STORE}."
        ) from None
    except OSError:
        return False
    return True


def _the_demos() -> str:
    """Return a hint at the demo's store, if there is one."""
    left = DEMO_FOLDER / DEFAULT_FILE
    return f"; genmon demo left one: --store {left}" if left.exists() else ""


def console() -> Console:
    """Return a console on standard output; without styles and wrapping if it is no terminal."""
    return OutputConsole()


def print_json(value: Any) -> None:
    """Print a value as indented JSON; dataclasses become objects, times stay Unix seconds."""
    click.echo(as_json_text(value, indent=2))


def as_json_text(value: Any, indent: int | None = None) -> str:
    """Return a value as JSON in characters of standard output's encoding."""
    return json_text(value, indent, default=_plain)


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    if isinstance(value, (set, frozenset, tuple)):
        return list(value)
    return str(value)


cwd_option = click.option(
    "--cwd",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of the code under test. Default: the working directory.",
)
