"""What people said of failures instead of the rules, as running processes apply it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from genmon_otel.records import Category, Failure, Severity


class Correction(NamedTuple):
    """What one failure is instead (``genmon failures relabel``)."""

    fingerprint: str
    #: Of the failure's newest occurrence.
    operation: str
    framework: str
    category: Category
    severity: Severity


Corrections = Mapping[str, tuple[Category, Severity]]
"""Category and severity by fingerprint. Frozen: it is replaced as a whole, never changed."""

NO_CORRECTIONS: Final[Corrections] = MappingProxyType({})


def in_force(corrections: Iterable[Correction]) -> Corrections:
    """Arrange corrections for the look-up that each failure makes."""
    return MappingProxyType(
        {each.fingerprint: (each.category, each.severity) for each in corrections}
    )


def corrected(failure: Failure, corrections: Corrections) -> Failure:
    """Return a failure with what a person said of it; unchanged where nobody did."""
    found = corrections.get(failure.fingerprint)
    return failure if found is None else failure._replace(corrected=found)
