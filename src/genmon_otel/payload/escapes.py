r"""Escapes the characters that databases refuse (NUL, lone surrogates) in readable form."""

from __future__ import annotations

import re
from typing import Final

_REFUSED: Final = re.compile("[\\\\\0\ud800-\udfff]")
_ESCAPED: Final = re.compile(r"\\(?:\\|\{([0-9a-f]{4})\})")


def escape(text: str) -> str:
    r"""Escape NUL and lone surrogates as ``\{XXXX}``, and a backslash by doubling it.

    The braces separate the code from text after it, so that a redactor still finds whole words.
    """
    return _REFUSED.sub(
        lambda found: "\\\\" if found[0] == "\\" else f"\\{{{ord(found[0]):04x}}}", text
    )


def unescape(text: str) -> str:
    """Reverse :func:`escape`."""
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)) if found[1] else "\\", text)
