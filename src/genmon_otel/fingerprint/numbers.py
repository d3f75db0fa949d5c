"""Decide what a number in a message is: a code that names the problem, a size, a duration, or any number.

A number stays where the words around it make it a code: ``status 503``, ``[Errno 2]``,
``Error code: 429``, ``429 Too Many Requests``.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from genmon_otel.fingerprint.tokens import NUMBER
from genmon_otel.fingerprint.variables import SIZE

#: Words before a number that make it a code: any code, or only what looks like an HTTP status.
_CODE_BEFORE: Final = re.compile(
    r"(?:\b(?:http_?)?status(?:[ _-]?code)?|\b(?:[a-z]+_)?code|errno|\bHTTP(?:/[0-9.]*)?|exit(?: status| code)"
    r"|SQLSTATE|WinError|signal|returncode|statusCode|errorCode|exitCode)[\"'\s:=#(\[]*$"
    r"|(?P<weak>\b(?:\w{1,20}code|error|failed|failure|returned|responded|response|respond|got|received|said|says|answered|replied|gave|with|server|client|a|an))[\s:(\[]*$",
    re.IGNORECASE,
)
#: One of these stands before every code; looked at first, since most numbers are none.
_CODE_WORDS: Final = tuple(
    "status code errno http sqlstate winerror signal exit error failed failure returned responded response respond"
    " got received said says answered replied gave with server client a an".split()
)
_REASON_AFTER: Final = re.compile(
    r" (?:OK|Bad|Unauthorized|Payment|Forbidden|Not |Method|Proxy|Request|Conflict|Gone|Length|Precondition"
    r"|Payload|Content|URI|Unsupported|Unprocessable|Too |Internal|Service|Gateway|Client|Server|Moved|Found)"
)
#: Of a database's driver: ``(1062, "Duplicate entry …")``.
_DB_ERROR_AFTER: Final = re.compile(r", [\"'<]")
#: ``GET https://… -> 404``
_ARROW: Final = re.compile(r"(?:<(?:url|path)>|://\S{1,24}) (?:\u2192|->|=>) $")
#: ``[500] backend failed``, at the very beginning.
_LEADING_STATUS: Final = re.compile(r"[45][0-9]{2}(?=[\])])")
_UNIT_AFTER: Final = re.compile(
    r"[ -](?!for\b|from\b|on\b|at\b|when\b|while\b|calling\b|in\b|by\b|error|status|response|and\b)[a-z]"
)
_UNIT: Final = re.compile(r"(?!(?:st|nd|rd|th)$)(?:[^\W\d_]|/)+$")
_SIZE_ONLY: Final = re.compile(SIZE)
_STATUS: Final = re.compile(r"[1-5][0-9]{2}")
#: What servers send: ``got 141`` is a count.
_HTTP_STATUS: Final = re.compile(
    r"10[0-3]|20[0-8]|226|30[0-8]|4(?:[0-3][0-9]|4[0-4]|51|60|9[4-9])|5(?:[0-3][0-9]|61|9[89])"
)


def number(text: str, start: int, end: int) -> str:
    """Return the normalised form of ``text[start:end]``, a number with or without its unit."""
    value = text[start:end]
    if not value[-1].isdigit():
        unit = _UNIT.search(value)
        if unit:
            return "<size>" if _SIZE_ONLY.fullmatch(unit[0]) else "<duration>"
    if len(value) > 6:
        return NUMBER
    before = text[max(0, start - 28) : start]
    if len(value) == 3 and _STATUS.fullmatch(value):
        if _REASON_AFTER.match(text, end) or _ARROW.search(before):
            return value
    elif len(value) == 4 and before.endswith("(") and _DB_ERROR_AFTER.match(text, end):
        return value
    if start == 1 and text[0] in "[(" and _LEADING_STATUS.match(text, 1):
        return value
    code = _code_before(before)
    if code is None:
        return NUMBER
    if code["weak"]:
        word = code["weak"].lower()
        if word == "error" and text[start - 1] == " " and value.isdigit() and 3 <= len(value) <= 5:
            return value
        if not _HTTP_STATUS.fullmatch(value) or _UNIT_AFTER.match(text, end):
            return NUMBER
    return value


@lru_cache(maxsize=256)
def _code_before(before: str) -> re.Match[str] | None:
    """Return the words that make a number behind them a code."""
    words = before.rstrip(" \"':=#([").lower()
    said = words.endswith(_CODE_WORDS) or "http/" in words
    return _CODE_BEFORE.search(before) if said else None
