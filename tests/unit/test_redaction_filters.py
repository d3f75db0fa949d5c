"""What decides which rules run at all changes nothing of what they find."""

from __future__ import annotations

import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from genmon_otel.redaction import named, personal

#: What rules look for around names and numbers.
PARTS = (
    "password", "api_key", "token", "--password", "пароль", "=", ": ", ":", " ", "\n", "\t", '"', "'", "`", "|", ",", ";",
    "(", ")", "[", "]", "{", "}", "<", ">", "hunter2!", "aB3$xyzzy", "Secret[1]x", "name=", "value=", '"value": ', "machine h",
    "login me", "ENV", "set", "with", "|---|", "INSERT INTO t (", ") VALUES ('", "input_value=", "setPassword(", " is ", "de",
    "tel", "Phone", "handy:", "call me at", "SMS", "Téléphone", "0301234567", "030 123 45 67", "1234567", "+", ".", "-", "no",
)  # fmt: skip
TEXTS = st.lists(st.sampled_from(PARTS), max_size=14).map("".join)
_slow = settings(
    max_examples=600, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@_slow
@given(TEXTS)
def test_rules_that_are_left_out_would_have_found_nothing(text: str) -> None:
    """Neither for want of a string in the text nor for the character behind a name."""
    filtered = named.redact_named(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(named, "_NEEDS", {})
        patch.setattr(named, "_BEHIND", {})
        assert named.redact_named(text) == filtered


@_slow
@given(TEXTS)
def test_numbers_are_looked_for_wherever_a_word_for_a_phone_is(text: str) -> None:
    """As many are hidden as if every number were looked at."""
    filtered = personal.redact_personal(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(personal, "_CALLS", re.compile(r"(?s)(?=.)|\Z"))
        assert personal.redact_personal(text) == filtered
