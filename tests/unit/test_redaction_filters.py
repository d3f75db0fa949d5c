"""What decides which rules run at all changes nothing of what they find."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from genmon_otel.redaction import Redactor, calls, named, near, personal, provider_keys

#: What rules look for around names and numbers.
PARTS = (
    "password", "api_key", "token", "--password", "пароль", "=", ": ", ":", " ", "\n", "\t", '"', "'", "`", "|", ",", ";",
    "(", ")", "[", "]", "{", "}", "<", ">", "hunter2!", "aB3$xyzzy", "Secret[1]x", "name=", "value=", '"value": ', "machine h",
    "login me", "ENV", "set", "with", "|---|", "INSERT INTO t (", ") VALUES ('", "input_value=", "setPassword(", " is ", "de",
    "tel", "Phone", "handy:", "call me at", "SMS", "Téléphone", "0301234567", "030 123 45 67", "1234567", "+", ".", "-", "no",
)  # fmt: skip
TEXTS = st.lists(st.sampled_from(PARTS), max_size=14).map("".join)
#: What numbers, and words for them, are made of; three in a row are none by themselves.
DIGITS = (
    "0", "1", "49", "030", "151", "415", "555", "0132", "4111", "1111", "123456", "23456789", "4111111111111111", "DE68", "64229549",
    "GB29NWBK60161331926819", "FR14", "3M02", " ", "-", ".", "/", "(", ")", "+", "\u00a0", "\u2009", "a", "é", "tel ", "Phone: ", "電話",
    ":", "x", "\n", "2026-12-01", "078-05-1120",
)  # fmt: skip
NUMBERS = st.lists(st.sampled_from(DIGITS), max_size=14).map("".join)
#: What keys are made of.
OF_KEYS = (
    *sorted({row[0] for row in provider_keys.PREFIXES})[::3], "sk-", "AKIA", "eyJ", "aws", ":AA", "EAAA", "1//0", "pat", "AC", "SK",
    "abcDEF123456", "0123456789abcdef", "Zk4Jw8Qp1Xv7Lr2Nt9Bm5Cd3", "aB3", "x" * 40, "0" * 8, ".", "-", "_", "/", "+", "=", ":", " ", "\n",
    "é", "密", "?", '"', "redacted",
)  # fmt: skip
KEYS = st.lists(st.sampled_from(OF_KEYS), max_size=12).map("".join)
_slow = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


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
@given(NUMBERS)
def test_numbers_are_looked_for_wherever_they_can_stand(text: str) -> None:
    """As many are hidden as if the whole text were searched for every kind of number."""
    filtered = personal.redact_personal(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(personal, "places", lambda *_: [0])
        patch.setattr(personal, "windows", lambda *_: [(0, 1 << 30)])
        assert personal.redact_personal(text) == filtered


@_slow
@given(KEYS)
def test_keys_are_looked_for_wherever_they_can_stand(text: str) -> None:
    """As many are hidden as if the whole text were searched for every prefix."""
    of_aws = "aws" in text or "AKIA" in text or "ASIA" in text
    assert provider_keys.redact_keys(text) == provider_keys._keys(text, of_aws=of_aws)


@pytest.mark.parametrize("rows", [calls._CALLS, calls._FLAGGED])
def test_every_string_of_a_row_is_found(rows: tuple[calls._Row, ...]) -> None:
    """Where it begins, whichever search finds it, for each row that it belongs to."""
    signs = near.Signs([literals for literals, _, _ in rows])
    missing = [
        literal
        for row, (literals, _, _) in enumerate(rows)
        for literal in literals
        if signs.places(f"xy {literal} z").get(row) != [3]
    ]
    assert not missing


@_slow
@given(st.lists(st.sampled_from((*OF_KEYS, *PARTS)), max_size=12).map("".join))
def test_another_round_near_changes_leaves_nothing_that_one_of_all_would_hide(text: str) -> None:
    """In a long text, wherever in it the secrets stand."""
    around = "A line of words, and another one.\n" * 600
    redacted = Redactor().tree(f"{around}{text}\n{around}")
    assert Redactor()._once(redacted) == redacted


def test_what_changed_is_told_line_by_line() -> None:
    """With what stands around it, spans that touch as one; nothing where lines came or went."""
    old = "\n".join("abcdefghij" for _ in range(10))
    new = old.replace("abcdefghij", "ABCDEFGHIJ", 1)[:-1] + "J"
    assert near.changed(old, old, 5) == []
    assert near.changed(old, new, 5) == [(0, 15), (94, 109)]
    assert near.changed(old, new, 60) == [(0, 109)]
    assert near.changed(old, new + "\n", 5) is None
