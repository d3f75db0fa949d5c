"""Put a message on one line: remove quoted source code, convert digits to ASCII."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from genmon_otel.fingerprint import languages
from genmon_otel.text import clean

#: ``1 234 567`` with a space that does not break.
_GROUPED: Final = re.compile(r"(?<=[0-9])[\u00a0\u2009\u202f](?=[0-9]{3}(?![0-9]))")
#: Dates, weekdays and durations that are written in words.
_DATE: Final = re.compile(
    rf"{languages.WRITTEN_OUT}|(?:(?<=<date>)|(?<=\s)|^)(?:{languages.EAST_ASIAN_WEEKDAY})"
)
_DURATION: Final = re.compile(languages.WRITTEN_DURATION)
#: ``  > 12 | const x = 1``, ``12 │ return``, ``   | ^^^``: a line in a frame of source code.
_NUMBERED: Final = re.compile(
    r"\s*(?:(?:>\s*)?[0-9]{1,6}\s*[|\u2502\u2575\u2577](?![|\w])|[|\u2502\u2575\u2577\u250a]\s*(?:[\^~].*)?$)"
)
#: ``12: const x = 1``: the same, if there is a pointer as well.
_RULED: Final = re.compile(r"\s*[0-9]{1,6}:\s")
#: A line that points at the one before it.
_POINTER: Final = re.compile(r"[\s|\u2502\u2575\u2577.]*[\^~\u02c4][\s\^~\u02c4|\u2500-]*")
#: What a traceback prints before the line of code.
_PLACE: Final = re.compile(r'\s*File "[^"]*", line [0-9]+(?:, in .*)?')
_ERROR: Final = re.compile(r"\s*[\w.]*(?:Error|Exception|Warning)\b")

#: subprocess' message about a program: quotation marks within quotation marks.
_COMMAND: Final = re.compile(
    r"\bCommand '((?:(?!Command ').){1,1200}?)' (?=returned non-zero|died with|timed out after)"
)
_ARGUMENT: Final = re.compile(r"[^\s'\"\[\],]+")
_PLAIN_WORD: Final = re.compile(r"[A-Za-z]+(?:[:_-][A-Za-z]+)*")
#: Words of a command that are kept: the program and its first arguments.
_ARGUMENTS: Final = 3


def one_line(text: str) -> str:
    """Return a message on one line with single spaces, without the source code that it shows."""
    if not text.isascii():
        text = _GROUPED.sub("", _ascii_digits(text))
        text = _DURATION.sub("<duration>", _DATE.sub("<date>", text))
    text = clean(text, len(text))
    if "\n" in text:
        text = _without_source(text.split("\n"))
    text = " ".join(text.split())
    return _COMMAND.sub(_command, text) if "Command '" in text else text


def _command(match: re.Match[str]) -> str:
    program, *arguments = _ARGUMENT.findall(match[1]) or [""]
    words = [re.split(r"[\\/]", program)[-1].removesuffix(".exe").rstrip("0123456789.")]
    for argument in arguments[: _ARGUMENTS - 1]:
        if not _PLAIN_WORD.fullmatch(argument):
            break
        words.append(argument)
    return f"Command {' '.join(words)} "


def _ascii_digits(text: str) -> str:
    if not any(c.isdecimal() and not c.isascii() for c in text):
        return text
    return "".join(
        str(unicodedata.decimal(c)) if c.isdecimal() and not c.isascii() else c for c in text
    )


def _without_source(lines: list[str]) -> str:
    kept: list[str] = []
    shows_source = ruled = just_kept = False
    for line in lines:
        pointer = _POINTER.fullmatch(line) is not None
        if pointer and just_kept and not _ERROR.match(kept[-1]):
            ruled = _RULED.match(kept.pop()) is not None
            while ruled and kept and _RULED.match(kept[-1]):
                kept.pop()
        in_source = shows_source and line[:1] == " " and not _PLACE.fullmatch(line)
        just_kept = not (
            pointer or in_source or _NUMBERED.match(line) or (ruled and _RULED.match(line))
        )
        if just_kept:
            kept.append(line)
            ruled = False
        shows_source = _PLACE.fullmatch(line) is not None
    return "\n".join(kept)
