"""Bounds the number of label values, because a metrics server's cost grows with it, and redacts them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from genmon_otel import conventions as names
from genmon_otel.forks import forkable_lock
from genmon_otel.records import Category, Severity
from genmon_otel.redaction import Redactor

#: Refused values that are counted once each; later ones are not counted.
_MAX_REFUSED: Final = 10_000
#: Category and severity of a generation whose process died, with any ``severity=``.
_PROCESS_DIED: Final = ((Category.UNKNOWN, Severity.CRITICAL),)
#: Also critical: memory or disk full; the provider refuses the key, or the quota is used up.
_CRITICAL: Final = (*_PROCESS_DIED, (Category.PROVIDER_ERROR, Severity.CRITICAL))


def possible_failures(severity: Severity | None) -> Iterable[tuple[Category, Severity]]:
    """Return the categories and severities that failures can have.

    ``severity`` is the decorator's ``severity=``; None: as classified.
    """
    from genmon_otel.classification import rules_in_force  # imported late: it is slow to import

    defaults = [(each, severity or each.default_severity) for each in Category.known()]
    if severity is not None:
        return dict.fromkeys((*defaults, *_PROCESS_DIED))
    of_rules = [
        (each.category, each.severity) for each in rules_in_force() if each.severity is not None
    ]
    return dict.fromkeys((*defaults, *_CRITICAL, *of_rules))


class LabelValues:
    """Admits at most ``limit`` different values of each label; further ones become ``other``.

    Thread-safe.

    Args:
        overflow: called with the label's name for each refused value, once a value for the first
            10,000.
        limit: different values of one label.
    """

    def __init__(
        self, overflow: Callable[[str], None], limit: int = names.MAX_LABEL_VALUES
    ) -> None:
        self._overflow = overflow
        self._limit = limit
        self._admitted: dict[str, set[str]] = {}
        #: Hashes of refused values, to count each once.
        self._refused: set[int] = set()
        self._lock = forkable_lock()
        self._redactor = Redactor()

    def admit(self, label: str, value: str) -> tuple[str, bool]:
        """Return the redacted and cut value and True; ``other`` and False beyond the limit."""
        value = " ".join(self._redactor.text(value, names.MAX_LABEL_LENGTH).split()) or names.OTHER
        with self._lock:
            admitted = self._admitted.setdefault(label, {names.OTHER})
            if value in admitted:
                return value, True
            if len(admitted) <= self._limit:  # ``other`` itself is not one of them
                admitted.add(value)
                return value, True
            key = hash((label, value))
            is_new = key not in self._refused and len(self._refused) < _MAX_REFUSED
            if is_new:
                self._refused.add(key)
        if is_new:
            self._overflow(label)
        return names.OTHER, False
