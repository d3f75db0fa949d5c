"""Redact what is URL-encoded: decode, redact, and encode again if there was anything."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final
from urllib.parse import quote, quote_plus, unquote, unquote_plus

from genmon_otel.redaction.placeholders import leading

_ESCAPE: Final = re.compile(r"%[0-9A-Fa-f]{2}")
_TWICE: Final = "%25"
_RUN: Final = re.compile(r"[\w.~%+&=;:/?@!*$,-]*")


def redact_url_encoded(text: str, redact: Callable[[str], str]) -> str:
    """Return a text in which every URL-encoded run is redacted.

    Args:
        text: any text.
        redact: what redacts plain text.
    """
    parts: list[str] = []
    done = 0
    while (escape := _ESCAPE.search(text, done)) is not None:
        before = text[done : escape.start()]
        begin = escape.start() - len(leading(_RUN, before[::-1]))
        run = leading(_RUN, text, begin)
        parts += [text[done:begin], _redacted(run, redact)]
        done = begin + len(run)
    return "".join([*parts, text[done:]]) if parts else text


def _redacted(run: str, redact: Callable[[str], str]) -> str:
    plus = "+" in run
    plain = unquote_plus(run) if plus else unquote(run)
    # encoded twice: once more
    redacted = redact(redact_url_encoded(plain, redact) if _TWICE in run else plain)
    if redacted == plain:
        return run
    return (quote_plus if plus else quote)(
        redacted, safe=":/?&=;,!*$@" if ":/" in run else "/?&=;,!*$"
    )
