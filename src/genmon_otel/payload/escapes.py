r"""Texts that stores refuse (NUL, lone surrogates), written so that they stay readable."""

from __future__ import annotations

import re
from typing import Final

_BAD: Final = re.compile("[\\\\\0\ud800-\udfff]")
_ESCAPED: Final = re.compile(r"\\(?:\\|\{([0-9a-f]{4})\})")


def escape(text: str) -> str:
    r"""Write NUL and lone surrogates as ``\{XXXX}``, and a backslash twice.

    The braces keep what follows a word of its own, for a redactor that looks for words.
    """
    return _BAD.sub(
        lambda found: "\\\\" if found[0] == "\\" else f"\\{{{ord(found[0]):04x}}}", text
    )


def unescape(text: str) -> str:
    """Undo :func:`escape`."""
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)) if found[1] else "\\", text)
