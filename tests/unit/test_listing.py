"""Lists for people, at a terminal and in a pipe."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from genmon_otel.cli.listing import Listing
from genmon_otel.cli.output import marked

LONG = "JSONDecodeError: " + "x" * 200


def printed(width: int, *, terminal: bool) -> list[str]:
    """The lines of a list of two entries."""
    listing = Listing("failure", ">count", "where")
    listing.add(marked("[cyan]{}[/]", "F-1"), "7", "build_app", below=LONG)
    below = "[/] [bold]no markup"
    listing.add(marked("[cyan]{}[/]", "F-22"), "123456", "[red] page", below=below)
    file = io.StringIO()
    listing.print(Console(file=file, width=width, force_terminal=terminal, color_system=None))
    return file.getvalue().splitlines()


def test_columns_are_aligned_and_the_line_below_is_text() -> None:
    """Numbers end, words begin below their head; what was recorded is no markup."""
    assert printed(300, terminal=False) == [
        "failure   count  where",
        "F-1           7  build_app",
        f"    {LONG}",
        "F-22     123456  [red] page",
        "    [/] [bold]no markup",
    ]


@pytest.mark.parametrize("width", [20, 80, 120])
def test_a_terminal_gets_one_line_each(width: int) -> None:
    """At a terminal what is too long is cut off, and says so."""
    lines = printed(width, terminal=True)
    assert len(lines) == 5
    assert all(len(line) <= width for line in lines)
    assert lines[2].endswith("…")


def test_a_pipe_gets_all_of_it() -> None:
    """What is piped on is not cut off at the width of a terminal that is not there."""
    assert printed(80, terminal=False)[2] == f"    {LONG}"
