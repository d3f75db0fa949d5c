"""Spans of a text that are replaced, and where quoted values end."""

from __future__ import annotations

import re
from typing import Final

from genmon_otel.redaction.placeholders import constant, is_placeholder
from genmon_otel.redaction.values import is_evident_non_secret

#: Where a value lies and what stands for it.
Edit = tuple[int, int, str]

#: A reference to a variable with what counts where it is not set: a word of letters and digits.
_DEFAULT: Final = re.compile(
    r"\$\{[\w.]{1,60}:[-=]?((?=[^}]{0,60}[0-9])(?=[^}]{0,60}[A-Za-z])[^}\s$]{6,80})\}"
)
_PLAIN_WORD: Final = re.compile("[a-z]{1,15}(?:_[a-z]{1,15})*")
_CLOSERS: Final = {"“": "”", "„": "“", "«": "»", "‘": "’"}
#: Characters of a quoted value that are looked through for its closing mark.
_MAX_QUOTED: Final = 262_144


def apply(text: str, edits: list[Edit]) -> str:
    """Return a text with edits made; of two that overlap the first."""
    parts: list[str] = []
    done = 0
    for start, stop, stand_in in sorted(edits):
        if start >= done and stop > start:
            parts += [text[done:start], stand_in]
            done = stop
    return "".join([*parts, text[done:]])


def hidden(text: str, start: int, stop: int) -> list[Edit]:
    """Return the edit that hides a span; none where there is nothing or a placeholder already."""
    value = text[start:stop]
    if not value.strip() or is_placeholder(value):
        return []
    return [(start, stop, constant(len(value)))]


def rest(text: str, start: int) -> list[Edit]:
    """Return the edit that hides all of a text from ``start`` on."""
    value = text[start:]
    if not value or is_placeholder(value.strip()):
        return []
    return [(start, len(text), f" {constant(len(value))}")]


def span(text: str, start: int, stop: int, name: str, *, prose: bool = False) -> list[Edit]:
    """Hide a span without the spaces around it, unless it evidently is no secret."""
    value = text[start:stop]
    start += len(value) - len(value.lstrip())
    value = value.strip()
    if not value or (prose and " " in value):
        return []
    if (default := _DEFAULT.fullmatch(value)) is not None:
        return hidden(text, start + default.start(1), start + default.end(1))
    if is_evident_non_secret(value, name, quoted=True, code=False, shell=False):
        return []
    return hidden(text, start, start + len(value))


def closing(text: str, begin: int, mark: str) -> int:
    """Return where a quoted value ends: its closing mark, or the end of the text."""
    mark = _CLOSERS.get(mark, mark)
    at, end = begin, min(len(text), begin + _MAX_QUOTED)
    while True:
        stop = text.find(mark, at, end)
        if stop < 0:
            return end
        if (
            len(mark) == 1
            and stop > begin
            and text[stop - 1] == "\\"
            and text[stop - 2 : stop] != "\\\\"
        ):
            at = stop + 1
            continue
        if stop > begin and mark in ("'", '"'):
            # doubled in SQL and YAML, closed and opened again in a shell
            again = mark * 2 if text.startswith(mark * 2, stop) else f"{mark}\\{mark}{mark}"
            behind = stop + len(again)
            if text.startswith(again, stop) and text[behind : behind + 1].isalnum():
                at = behind
                continue
        return stop


def is_plain_word(value: str) -> bool:
    """Tell whether the second half of a pair is itself a word, as in ``["password", "email"]``."""
    return len(value) < 24 and _PLAIN_WORD.fullmatch(value) is not None
