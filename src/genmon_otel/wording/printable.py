"""Clean recorded text for display: no control characters, no marks that reorder a line."""

from __future__ import annotations

import re
from typing import Final

from genmon_otel.text import clean

#: Bidirectional and invisible characters. Joiners stay: emoji need them.
#: Source: Unicode 16, UAX #9 (bidirectional controls) and the blocks of tags and annotations.
INVISIBLE: Final = "\u061c\u200b\u200e\u200f\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f"
_MARKS: Final = re.compile(f"[{INVISIBLE}]")
_LOG_COMMAND: Final = re.compile(r"^(?=\s*::)", re.MULTILINE)
_LOG_MARK: Final = re.compile(r"##(?=(?:vso|teamcity)?\[)")
_LINE_ENDS: Final = re.compile(r"\s*\n\s*")


def printable(text: object) -> str:
    """Return the text without control characters, escape sequences and bidirectional marks.

    Line ends and tabs stay; a long text stays long.
    """
    given = str(text)
    return _MARKS.sub("", clean(given, len(given)))


def in_a_log(text: object) -> str:
    """Return :func:`printable` text of which no line is a command to the system that runs a job.

    GitHub, Azure Pipelines and TeamCity obey what a job prints: a line that begins with ``::``,
    and ``##`` before a bracket anywhere in a line. Source: their documentations of workflow
    commands, logging commands and service messages, in that order.
    """
    return _LOG_MARK.sub("# #", _LOG_COMMAND.sub("| ", printable(text)))


def one_line(text: object) -> str:
    """Return :func:`printable` text on one line: line ends become spaces."""
    return _LINE_ENDS.sub(" ", printable(text)).strip()
