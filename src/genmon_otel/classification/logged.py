r"""Restore a program's output from a log or a message that quotes it.

Orchestrators pass output on as ``f"{stderr!r}"``, inside JSON, or as lines with a stamp and
the name of a service before each. Patterns of tools begin at a line's start, so both are
removed before any rule is applied.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from genmon_otel.text import without_digits

#: An escaped end of line; not ``C:\new`` or ``..\node_modules``, which continue in lower case.
_ESCAPED_LINE: Final = re.compile(r"\\n(?![a-z])")
#: Others, in the order in which they are replaced; NUL represents a backslash until the end.
_ESCAPES: Final = (
    ("\\\\", "\0"), ("\\n", "\n"), ("\\r", ""), ("\\t", "\t"), ('\\"', '"'), ("\\'", "'"), ("\\/", "/")
)  # fmt: skip
_CODES: Final = re.compile(
    r"\\(?:x1b|u001b|033)\[[0-9;?]{0,20}[a-z]"
    r"|(?P<bytes>(?:\\x[0-9a-f]{2}){1,8})|\\u(?P<unicode>[0-9a-f]{4})"
)
#: ``2026-01-02T03:04:05.678Z``, ``web-build | ``, docker's ``#12 3.456``, ``web:build: ``, ``[0] ``.
_STAMP: Final = re.compile(
    r"(?m)^(?!\n|$)"
    r"(?:\[?\d{4}-\d\d-\d\d[t ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:z|[+-]\d\d:?\d\d)?\]? ?)?"
    r"(?:#\d{1,3} \d{1,5}\.\d{1,3} |\[\d\] )?"
    r"(?:[\w./@-]{1,60}(?: {1,12}\| |(?::| )(?:build|typecheck|type-check|check|lint|test)(?:: |\$ )))?"
)


#: Lines of a text that has more than these are compared, and the shortest that go.
_MANY_LINES: Final = 24
_SHORTEST: Final = 12


@lru_cache(maxsize=16)
def plain(text: str) -> str:
    """Return output in lower case as its program printed it, before it was logged or quoted.

    Of many lines that differ in nothing but digits the first stays.
    """
    text = _unstamped(text)
    if text.count("\n") < _MANY_LINES:
        return text
    known: set[str] = set()
    lines = []
    for line, bare in zip(text.split("\n"), without_digits(text).split("\n"), strict=True):
        if len(bare) < _SHORTEST or bare not in known:
            known.add(bare)
            lines.append(line)
    return "\n".join(lines)


def _unstamped(text: str) -> str:
    text = text.lower()
    if "\\n" in text and _ESCAPED_LINE.search(text):
        for written, meant in _ESCAPES:
            text = text.replace(written, meant)
        text = _CODES.sub(_meant, text).replace("\0", "\\")
    if "\n" in text:
        for begin in (0, text.find("\n") + 1, text.rfind("\n", 0, -1) + 1):
            found = _STAMP.match(text, begin)
            if found and found[0]:
                return _STAMP.sub("", text)
    return text


def _meant(match: re.Match[str]) -> str:
    kind = match.lastgroup
    if kind == "bytes":
        return bytes.fromhex(match["bytes"].replace("\\x", "")).decode("utf-8", "replace")
    return chr(int(match["unicode"], 16)) if kind == "unicode" else ""
