"""Sentences of model providers, their clients and HTTP clients in messages.

Read in order: what is spent, what is refused, limits of rate and time, then the provider's
other troubles. Where to add a provider: its sentence goes into the entry of its meaning, or
into an entry of its own, named ``provider.meaning``.
"""

from __future__ import annotations

from typing import Final

from genmon_otel.classification.phrases import Entry
from genmon_otel.classification.providers.limits import LATE, LIMITED
from genmon_otel.classification.providers.refused import REFUSED, REFUSED_WORDS
from genmon_otel.classification.providers.spent import SPENT, SPENT_WORDS
from genmon_otel.classification.providers.troubles import ANSWER_PARSERS, BROKEN, STORES

__all__ = ["PROVIDERS", "REFUSED_WORDS", "SPENT_WORDS", "STORES"]

#: All sentences, in the order in which they are tried.
PROVIDERS: Final[tuple[Entry, ...]] = (
    *SPENT,
    *REFUSED,
    *LIMITED,
    *LATE,
    *BROKEN,
    *ANSWER_PARSERS,
)
