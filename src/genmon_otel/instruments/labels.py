"""Keep label values few and clean: what a server pays for is their number."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from genmon_otel import conventions as names
from genmon_otel.forks import forkable_lock
from genmon_otel.records import Category, Severity
from genmon_otel.redaction import Redactor

#: Values turned away that are remembered.
_MAX_TURNED_AWAY: Final = 10_000
#: What the adopter says of a generation whose process died, whatever its severity is else.
_DIED: Final = ((Category.UNKNOWN, Severity.CRITICAL),)
#: Beside it: memory or disk full; the provider refuses the key or the quota is used up.
_CRITICAL: Final = (*_DIED, (Category.PROVIDER_ERROR, Severity.CRITICAL))


def failures_with(severity: Severity | None) -> Iterable[tuple[Category, Severity]]:
    """Categories and severities that failures can have; None: as classified."""
    from genmon_otel.classification import rules_in_force  # heavy, and there only after set-up

    kinds = [(each, severity or each.default_severity) for each in Category.known()]
    if severity is not None:
        return dict.fromkeys((*kinds, *_DIED))
    own = [(each.category, each.severity) for each in rules_in_force() if each.severity is not None]
    return dict.fromkeys((*kinds, *_CRITICAL, *own))


class LabelValues:
    """Admit at most ``limit`` different values of each label; later ones become ``other``.

    Args:
        overflow: called with the label's name for each value that was turned away, once for
            each of the first 10,000.
        limit: different values of one label.
    """

    def __init__(
        self, overflow: Callable[[str], None], limit: int = names.MAX_LABEL_VALUES
    ) -> None:
        self._overflow = overflow
        self._limit = limit
        self._admitted: dict[str, set[str]] = {}
        #: Values that were turned away, by hash: each is counted once, as far as they are kept.
        self._turned_away: set[int] = set()
        self._lock = forkable_lock()
        self._redactor = Redactor()

    def admit(self, label: str, value: str) -> tuple[str, bool]:
        """The value as it goes on the series, without secrets, cut; ``other, False`` beyond the bound."""
        value = " ".join(self._redactor.text(value, names.MAX_LABEL_LENGTH).split()) or names.OTHER
        with self._lock:
            admitted = self._admitted.setdefault(label, {names.OTHER})
            if value in admitted:
                return value, True
            if len(admitted) <= self._limit:  # ``other`` itself is not one of them
                admitted.add(value)
                return value, True
            surplus = hash((label, value))
            is_new = surplus not in self._turned_away and len(self._turned_away) < _MAX_TURNED_AWAY
            if is_new:
                self._turned_away.add(surplus)
        if is_new:
            self._overflow(label)
        return names.OTHER, False
