"""One rule over text: cheap words that must be there, then phrases over lower-case text.

Phrases are bounded everywhere (``[^\\n]{0,60}``, never ``.*``), so that time stays
linear in a text that was cut to a few kilobytes before.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from genmon_otel.classification.verdict import Label, Verdict, Weight


class Wording(NamedTuple):
    """A category's words. ``hints``: one of them occurs wherever the pattern matches."""

    label: Label
    name: str
    hints: tuple[str, ...]
    pattern: re.Pattern[str]


def wording(label: Label, name: str, hints: str, *phrases: str) -> Wording:
    """Make a rule; ``hints`` are separated by ``|``, ``phrases`` are alternatives."""
    return Wording(label, name, tuple(hints.split("|")), re.compile("|".join(phrases)))


def first(rules: Iterable[Wording], text: str, kind: str, weight: Weight) -> Verdict | None:
    """The first rule that applies to ``text`` (lower case, bounded)."""
    for label, name, hints, pattern in rules:
        for hint in hints:
            if hint in text:
                if pattern.search(text):
                    return Verdict(*label, f"{kind} {name}", weight)
                break
    return None
