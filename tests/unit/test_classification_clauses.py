"""What meets in one clause, and whose business it is."""

from __future__ import annotations

import pytest
from classification_clauses import CLAUSES

from genmon_otel.classification import classify, classify_text
from genmon_otel.classification.clauses import judge_clauses

TABLE = [
    (category, critical, message)
    for category, critical, messages in CLAUSES
    for message in messages.strip().splitlines()
]


class StepError(Exception):
    """An application's own exception, which says nothing by its type."""


@pytest.mark.parametrize(("category", "critical", "message"), TABLE)
def test_a_sentence_nobody_collected_is_told(category: str, critical: bool, message: str) -> None:
    """And an ordinary trouble is blamed on nobody."""
    for found in (classify(StepError(message)), classify_text("", message)):
        assert (found.category, found.severity == "critical") == (category, critical)


@pytest.mark.parametrize(
    ("message", "rule"),
    [
        ("gemini stalled again", "clause model late"),
        ("stalled again: gemini", "clause model late"),
        ("the stylesheet html is garbled", "clause code unparsed"),
        ("the headline is not in German", "clause part not right"),
        ("the headline was not saved", None),
        ("the headline could not be set", None),
        ("no headline in /srv/site", None),
        ("two headings are identical", "clause flawed"),
        ("two headings are identical, settings kept", None),
        ("gemini. stalled", None),
        ("stalled while gemini renewed the user's session", None),
        ("gemini", None),
    ],
)
def test_kinds_of_words_meet_within_a_clause(message: str, rule: str | None) -> None:
    """In either order, but not across clauses, nor where the application's own affairs are named."""
    found = judge_clauses(message)
    assert (found and found.rule) == rule


def test_a_clause_yields_to_whatever_is_certain() -> None:
    """It only says what nothing else did: the context is believed before it."""
    error = StepError("gemini is gone")
    assert classify(error).category == "provider_error"
    error.__context__ = TimeoutError()
    assert classify(error).category == "ai_timeout"


def test_only_the_beginning_is_read() -> None:
    """Bounded however long the text is."""
    assert judge_clauses("x " * 300 + "gemini stalled") is None
