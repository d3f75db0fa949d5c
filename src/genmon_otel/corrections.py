"""Corrections: categories and severities that people set for failures, as running processes apply them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from genmon_otel.records import Category, Failure, Severity


class Correction(NamedTuple):
    """The category and severity that a person set for one failure (``genmon failures relabel``)."""

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
    """Index corrections by fingerprint, for one look-up a failure."""
    return MappingProxyType(
        {each.fingerprint: (each.category, each.severity) for each in corrections}
    )


def corrected(failure: Failure, corrections: Corrections) -> Failure:
    """Return a failure with the category and severity that a person set; unchanged where nobody did."""
    found = corrections.get(failure.fingerprint)
    return failure if found is None else failure._replace(corrected=found)
