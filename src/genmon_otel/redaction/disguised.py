"""Redact names and values in disguise: invisible characters, full-width letters, entities, JSON's escapes."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

#: Characters that are not shown, and letters and digits of double width.
_DISGUISED: Final = re.compile(
    "[\u00ad\u200b-\u200d\u2060\ufeff\uff10-\uff19\uff21-\uff3a\uff41-\uff5a]"
)
_PLAIN: Final[dict[int, str | None]] = {
    **dict.fromkeys((0xAD, 0x200B, 0x200C, 0x200D, 0x2060, 0xFEFF)),
    **{0xFEE0 + at: chr(at) for at in (*range(0x30, 0x3A), *range(0x41, 0x5B), *range(0x61, 0x7B))},
}
#: A quotation mark in HTML, and what stands for it meanwhile: a quotation mark that is escaped.
_ENTITY: Final = "&quot;"
_ESCAPED_MARK: Final = '\\\\\\"'
#: A character in an escape of JSON, or of JSON in JSON.
_ESCAPED: Final = re.compile(r"\\+u([0-9a-fA-F]{4})")


def redact_disguised(text: str, redact: Callable[[str], str]) -> str:
    """Return a text redacted that is in disguise; as it was where that hides nothing more.

    Args:
        text: any text.
        redact: what redacts plain text.
    """
    if not text.isascii() and _DISGUISED.search(text):
        text = _redacted(text, text.translate(_PLAIN), redact)
    if "\\u" in text:
        text = _redacted(text, _ESCAPED.sub(_character, text), redact)
    if _ENTITY in text and _ESCAPED_MARK not in text:
        plain = text.replace(_ENTITY, _ESCAPED_MARK)
        text = _redacted(text, plain, redact).replace(_ESCAPED_MARK, _ENTITY)
    return text


def _character(escape: re.Match[str]) -> str:
    """Return the letter, digit or sign that an escape stands for; the escape where JSON may need it."""
    char = chr(int(escape[1], 16))
    is_plain = char.isalnum() or char in "-./:_" or (char > "\xa0" and char.isprintable())
    return char if is_plain else escape[0]


def _redacted(text: str, plain: str, redact: Callable[[str], str]) -> str:
    if plain == text or (redacted := redact(plain)) == plain:
        return text
    return redacted
