"""The index over phrases loses none of them."""

from __future__ import annotations

import pytest
from classification_messages import MESSAGES
from classification_sentences import ORDINARY, SENTENCES
from hypothesis import given, settings
from hypothesis import strategies as st

from genmon_otel.classification.judgement import _LEXICON
from genmon_otel.classification.verdict import RATE, TIMEOUT, Weight
from genmon_otel.classification.wording import Lexicon, wording

TEXTS = [message.lower() for _, _, message in (*MESSAGES, *SENTENCES)]


def missed(text: str) -> list[str]:
    """Expressions that match a text though the index does not name them."""
    named = set(_LEXICON.read(text).candidates)
    return [
        phrase.pattern.pattern
        for number, phrase in enumerate(_LEXICON._phrases)
        if number not in named and phrase.pattern.search(text)
    ]


def test_the_index_names_every_phrase_that_matches() -> None:
    """Looking for literals first changes no answer."""
    assert [found for text in TEXTS[::3] if (found := missed(text))] == []


@given(st.lists(st.sampled_from(" ".join([*TEXTS, *ORDINARY]).split()), max_size=14))
@settings(max_examples=40)
def test_nor_of_any_other_words(words: list[str]) -> None:
    """The words of all messages in any order."""
    assert missed(" ".join(words)) == []


def test_the_first_rule_of_a_section_decides() -> None:
    """Rules are tried in order, sections apart; what is not Latin counts as a letter too."""
    lexicon = Lexicon(
        {
            "one": (
                wording(RATE, "slow", r"slow(?:er)? down"),
                wording(TIMEOUT, "late", r"too late"),
            ),
            "other": (wording(TIMEOUT, "cross", r"× late"),),
        }
    )
    reading = lexicon.read("日本 × late, too late: slow down")
    first = lexicon.first(reading, "one", "message", Weight.MESSAGE)
    other = lexicon.first(reading, "other", "message", Weight.MESSAGE)
    assert (first and first.rule, other and other.rule) == ("message slow", "message cross")
    assert lexicon.first(lexicon.read("now"), "one", "message", Weight.MESSAGE) is None


def test_an_expression_without_words_is_refused() -> None:
    """It could not be indexed and would be tried on every text."""
    with pytest.raises(ValueError, match="No literal"):
        Lexicon({"one": (wording(RATE, "any", r"\d+"),)})
