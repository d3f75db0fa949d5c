"""Take secrets and personal data out of text and trees before they leave the process."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from genmon_otel.records import Tree
from genmon_otel.text import clean, cut

_KEY: Final = re.compile(
    r"(?i)passw|secret|token$|api[-_]?key|authorization|cookie|private[-_]?key|dsn|credential"
)
_SECRET: Final = re.compile(
    r"(?i)\b(?:sk-[\w-]{16,}|gh[pousr]_\w{20,}|AIza[\w-]{30,}|AKIA\w{16}|xox[a-z]-[\w-]{10,}"
    r"|bearer\s+[\w.~+/=-]{8,}|eyJ[\w-]+\.eyJ[\w-]+\.[\w-]+)"
)


class Redactor:
    """Replaces secrets in text and trees. ``extra`` is the user's own, applied last."""

    def __init__(self, extra: Callable[[str], str] | None = None) -> None:
        self._extra = extra

    def text(self, text: str, limit: int) -> str:
        """Return ``text`` without secrets, at most ``limit`` characters."""
        text = _SECRET.sub("[redacted]", clean(text, limit + 1024))
        if self._extra is not None:
            try:
                text = str(self._extra(text))
            except Exception:
                text = "[redacted: the application's redact function failed]"
        return cut(text, limit)

    def tree(self, tree: Tree) -> Tree:
        """Return a copy of ``tree`` without secrets."""
        if isinstance(tree, str):
            return self.text(tree, len(tree) + 64)
        if isinstance(tree, list):
            return [self.tree(member) for member in tree]
        if isinstance(tree, dict):
            return {
                key: "[redacted]"
                if _KEY.search(key) and isinstance(value, str)
                else self.tree(value)
                for key, value in tree.items()
            }
        return tree
