r"""What a log or a careless message did to a program's output, undone.

Orchestrators hand output on as ``f"{stderr!r}"``, inside JSON, or as lines with a stamp and
the name of a service before each. Tools' forms begin at a line's start, so both are taken
off before any rule looks.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

#: An escaped end of line; not ``C:\new`` or ``..\node_modules``, which go on in lower case.
_ESCAPED_LINE: Final = re.compile(r"\\n(?![a-z])")
_ESCAPE: Final = re.compile(
    r"\\(?:x1b|u001b|033)\[[0-9;?]{0,20}[a-z]"
    r"|(?P<bytes>(?:\\x[0-9a-f]{2}){1,8})|\\u(?P<unicode>[0-9a-f]{4})|\\(?P<one>[nrt\"'\\/])"
)
_ONE: Final = {"n": "\n", "r": "", "t": "\t"}
#: ``2026-01-02T03:04:05.678Z``, ``web-build | ``, docker's ``#12 3.456``, ``web:build: ``, ``[0] ``.
_STAMP: Final = re.compile(
    r"(?m)^(?!\n|$)"
    r"(?:\[?\d{4}-\d\d-\d\d[t ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:z|[+-]\d\d:?\d\d)?\]? ?)?"
    r"(?:#\d{1,3} \d{1,5}\.\d{1,3} |\[\d\] )?"
    r"(?:[\w./@-]{1,60}(?: {1,12}\| |(?::| )(?:build|typecheck|type-check|check|lint|test)(?:: |\$ )))?"
)


@lru_cache(maxsize=16)  # phrases and clauses are looked for in the same text, one after the other
def plain(text: str) -> str:
    """Output in lower case as its program printed it, whoever logged or quoted it since."""
    text = text.lower()
    if "\\n" in text and _ESCAPED_LINE.search(text):
        text = _ESCAPE.sub(_meant, text)
    if "\n" in text:
        for begin in (0, text.find("\n") + 1, text.rfind("\n", 0, -1) + 1):
            found = _STAMP.match(text, begin)
            if found and found[0]:
                return _STAMP.sub("", text)
    return text


def _meant(match: re.Match[str]) -> str:
    kind = match.lastgroup
    if kind == "one":
        return _ONE.get(match["one"], match["one"])
    if kind == "bytes":
        return bytes.fromhex(match["bytes"].replace("\\x", "")).decode("utf-8", "replace")
    return chr(int(match["unicode"], 16)) if kind == "unicode" else ""
