"""Replace what varies in an error message, keep what names the problem."""

from __future__ import annotations

import re
from typing import Final

from genmon_otel.text import clean

#: Characters of a message that count; head and tail are cut out before any expression runs.
MAX_MESSAGE: Final = 1_024

_VARIABLE: Final = re.compile(
    r"(?P<url>\b[a-z][a-z0-9+.-]{1,15}://[^\s'\"<>]+)"
    r"|(?P<uuid>\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b)"
    r"|(?P<hex>\b0x[0-9a-fA-F]+\b|\b[0-9a-f]{16,}\b)"
    r"|(?P<number>\b\d[\d,.]*\b)"
)


def normalise(message: str) -> str:
    """Replace the variables of a message by what kind they are."""
    return _VARIABLE.sub(lambda match: f"<{match.lastgroup}>", clean(message, MAX_MESSAGE)).strip()
