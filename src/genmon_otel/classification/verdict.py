"""The verdict of a rule on one exception, and its weight."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from genmon_otel.records import Category, Severity


class Weight(IntEnum):
    """How strong the evidence of a verdict is; the heaviest verdict of a chain of exceptions decides."""

    #: Types that wrap any error: used only where nothing better was found.
    FALLBACK = 1
    #: A phrase in a message.
    MESSAGE = 2
    #: A known type, a status, a code, or what a program printed.
    EXACT = 3
    #: A rule of the application's own.
    USER = 4


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one piece of evidence says.

    ``severity`` is None where the category's own applies. ``rule`` names the evidence, as
    table and entry: ``status:429``, ``type:openai.RateLimitError``, ``provider:openai.quota``.
    """

    category: Category
    severity: Severity | None
    rule: str
    weight: Weight
    #: The exceptions below are not examined: a database driver's socket errors are not a provider's.
    final: bool = False
    #: The words of a text that decided, in lower case or as they are in it; empty for what a type,
    #: a status or a code says.
    words: str = ""

    @property
    def is_evidence(self) -> bool:
        """Whether it rests on what others print or name: no inferred name, no user's rule."""
        if self.weight is Weight.FALLBACK:
            return self.rule.startswith(("type", "status", "code"))
        return self.weight in (Weight.MESSAGE, Weight.EXACT)


TIMEOUT: Final = (Category.AI_TIMEOUT, None)
RATE: Final = (Category.RATE_LIMIT, None)
PROVIDER: Final = (Category.PROVIDER_ERROR, None)
#: Authentication refused or quota used up: every next call fails too.
SHUT_OUT: Final = (Category.PROVIDER_ERROR, Severity.CRITICAL)
VALIDATION: Final = (Category.VALIDATION_ERROR, None)
DEPENDENCY: Final = (Category.DEPENDENCY_ERROR, None)
SYNTAX: Final = (Category.SYNTAX_ERROR, None)
UNKNOWN: Final = (Category.UNKNOWN, None)
#: The machine failed: out of memory, disk full, a killed process.
MACHINE: Final = (Category.UNKNOWN, Severity.CRITICAL)

Label = tuple[Category, Severity | None]
