"""The command line ``genmon``: one module a command, loaded when it is asked for."""

from __future__ import annotations

import io
import os
import sys
from importlib import import_module
from typing import Any, Final

import click

from genmon_otel._version import __version__
from genmon_otel.errors import GenmonError

#: Exit codes as shells report them: the reader of a pipe ended (SIGPIPE), and an interrupt (SIGINT).
READER_GONE: Final = 141
INTERRUPTED: Final = 130
#: A file could not be read or written.
FILE_TROUBLE: Final = 7

#: Command -> module that holds a click command of the same name, and its one-line help.
COMMANDS: Final[dict[str, tuple[str, str]]] = {
    "demo": ("demo", "Run the whole cycle on an example app builder, in under a minute."),
    "doctor": ("doctor", "Check configuration, store, journal, exporters and rules."),
    "tail": ("tail", "Show generations as they end."),
    "health": ("health", "Say whether generation is healthy now."),
    "failures": ("failures", "List, show, relabel, resolve and ignore failures."),
    "replay": ("replay", "Show a recorded failure again, without model and network."),
    "cases": ("cases", "Review regression cases, run them, export them."),
    "ui": ("ui", "Serve the page on which failures and cases are reviewed."),
    "exporter": ("exporter", "Serve the store-wide metrics."),
    "db": ("db", "Upgrade, prune and clean the database."),
    "assets": ("assets", "Write rules, dashboards and deployment files."),
}


class LazyCommands(click.Group):
    """A group whose commands are imported when they are used; ``genmon --help`` stays quick."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """List the commands in the order in which a new user needs them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command."""
        if cmd_name not in COMMANDS:
            return None
        module, _ = COMMANDS[cmd_name]
        command = getattr(import_module(f"genmon_otel.cli.{module}"), module)
        assert isinstance(command, click.Command)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; a reader that closes the pipe (``| head -1``) is no error."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # nothing is left to flush into the pipe
            raise click.exceptions.Exit(READER_GONE) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(cls=LazyCommands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="genmon")
def genmon() -> None:
    """Monitor generations, and turn recurring failures into regression tests.

    \b
    Exit codes: 0 fine; 1 the answer is bad news (unhealthy, a case failed, a check failed);
    2 wrong usage or configuration; 3 the store cannot be used; 4 its schema does not fit;
    5 no such failure or case; 6 the case cannot go to that state; 7 a file cannot be read or
    written, or is no case and no result; 130 interrupted; 141 the reader of the output ended.
    """  # noqa: D301 (\b is click's mark for lines to keep)


def main() -> None:
    """Run the command line; a known error is one line on standard error and its exit code."""
    _print_anywhere()
    try:
        result: Any = genmon.main(standalone_mode=False)
    except click.exceptions.Abort:
        click.echo("stopped", err=True)
        sys.exit(INTERRUPTED)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except GenmonError as error:
        _tell(error)
        sys.exit(error.exit_code)
    except OSError as error:
        named = f"{error.filename}: " if error.filename else ""
        _tell(f"{named}{error.strerror or error}")
        sys.exit(FILE_TROUBLE)
    sys.exit(result if isinstance(result, int) else 0)


def _tell(error: object) -> None:
    """Print an error without control characters: it may quote recorded text."""
    from genmon_otel.cli.output import printable

    click.echo(f"genmon: {printable(error)}", err=True)


def _print_anywhere() -> None:
    """Let a terminal or pipe of another encoding print ``?`` for characters that it lacks."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
