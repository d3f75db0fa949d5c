"""Find in what a program printed the few lines that say why it failed."""

from __future__ import annotations

import re
from typing import Final

from genmon_otel.text import without_digits

#: Lines kept, and characters of each.
_LINES: Final = 3
_WIDTH: Final = 200
#: Lines looked at, from the top; output is bounded by its reader.
_LOOKED_AT: Final = 400

_TELLS: Final = re.compile(
    r"\b(?:err(?:or|!)|fail(?:s|ed|ure)?|cannot|can't|could not|unable|no such|not found|fatal|panic(?:ked)?"
    r"|unexpected|invalid|missing|no solution|unresolved|denied|refused|killed|undefined|unknown)\b"
    r"|(?:Error|Exception)\b|\bE[A-Z]{4,}\b|\bTS[0-9]{4}\b|[\u2718\u2716]|\berr!",
    re.IGNORECASE,
)
#: Lines that many failures have in common, or that only warn.
_TELLS_NOTHING: Final = re.compile(
    r"\s*at\s|complete log of this run|for a full report|\bwarn(?:ing)?\b|deprecated|\bnpm (?:err!|error)\s*$"
    r"|\b(?:[0-9]+|no) (?:errors?|problems?|warnings?|vulnerabilities)\b|traceback \(most recent call last\)"
    r"|lifecycle script|a newer version|new (?:major|minor|patch) version|\bnotice\b|errors? found",
    re.IGNORECASE,
)
_RAISED: Final = re.compile(r"[A-Za-z_][\w.]*(?:Error|Exception|Exit|Interrupt|Warning)\b")
_PYTHON: Final = "Traceback (most recent call last)"


def telling_lines(output: str) -> str:
    """Return the first different lines of an output that name an error.

    Of a traceback the line that says what was raised. Where no line names an error the last
    ones: programs end with what they could not do, and without a line of its output every
    failure of a program would be the same. Empty only where nothing was printed.
    """
    if not output:
        return ""
    lines = output.split("\n", _LOOKED_AT)[:_LOOKED_AT]
    if _PYTHON in output:
        raised = [line for line in output.split("\n")[-_LOOKED_AT:] if _RAISED.match(line)]
        if raised:
            return raised[-1][:_WIDTH]
    found: list[str] = []
    others: list[str] = []
    known: set[str] = set()
    for line in (line.strip()[:_WIDTH] for line in lines):
        bare = without_digits(line)
        if bare in known:
            continue
        known.add(bare)
        if not line or _TELLS_NOTHING.search(line):
            continue
        if _TELLS.search(line):
            found.append(line)
            if len(found) == _LINES:
                break
        elif not found:
            others = [*others[1 - _LINES :], line]
    return "\n".join(found or others)
