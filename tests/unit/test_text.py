"""Any object becomes bounded text that both databases accept."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genmon_otel.classification import classify_text
from genmon_otel.fingerprint.normalisation import normalise
from genmon_otel.redaction import Redactor
from genmon_otel.text import clean, safe_repr, safe_str
from tests.work_kit import growth


class Hostile:
    def __str__(self) -> str:
        raise SystemExit(3)

    def __repr__(self) -> str:
        return 17  # type: ignore[return-value]


@given(st.text(), st.integers(0, 80))
def test_clean_is_storable_short_and_idempotent(text: str, limit: int) -> None:
    """No NUL, no control character, no surrogate, never longer than asked for."""
    out = clean(text, limit)
    assert len(out) <= limit
    assert clean(out, limit) == out
    assert not any(ord(char) < 32 and char not in "\n\t" for char in out)


def test_clean_takes_escape_codes_and_surrogates_out() -> None:
    """Characters that terminals execute or databases refuse are removed; line ends become LF."""
    assert clean("\x1b[31mred\x1b[0m\x00 \ud800 a\r\nb", 99) == "red \ufffd a\nb"


def test_a_long_text_keeps_its_head_and_tail() -> None:
    """A long text keeps its head and its tail."""
    assert clean("first" + "x" * 1_000 + "last", 23) == "firstxxxxx … xxxxxxlast"


@pytest.mark.parametrize("of", [str, lambda text: [text.encode()], lambda text: {"k": text}, KeyError])  # fmt: skip
@pytest.mark.parametrize("say", [safe_str, safe_repr])
def test_huge_values_cost_what_their_ends_cost(
    of: Callable[[str], object], say: Callable[[object, int], str]
) -> None:
    """200 characters of a 100 MB value take little time."""
    long, longer = (of("x" * size) for size in (1_000_000, 100_000_000))
    assert len(say(longer, 200)) <= 200
    assert growth(lambda: say(long, 200), lambda: say(longer, 200)) < 10


def test_never_raises() -> None:
    """Text is returned whatever ``__str__`` and ``__repr__`` raise."""
    assert safe_str(Hostile(), 99) == "<Hostile: __str__ raised SystemExit>"
    assert safe_repr(Hostile(), 99) == "<Hostile: __repr__ raised TypeError>"
    assert safe_repr(["a", {"b": (1,)}], 99) == "['a', {'b': (1,)}]"


class HostileText(str):
    """A str subclass whose methods all raise."""

    def _refuse(self, *args: object) -> str:
        raise RuntimeError("no")

    __len__ = __getitem__ = __contains__ = __str__ = lower = strip = split = _refuse  # type: ignore[assignment]
    isprintable = encode = _refuse  # type: ignore[assignment]


def test_a_string_of_another_class_is_taken_for_its_letters() -> None:
    """Cleaning, normalising, redacting and classifying never call a subclass's methods."""
    text = HostileText("context deadline exceeded")
    assert clean(text, 100) == "context deadline exceeded"
    assert normalise(text) == "context deadline exceeded"
    assert Redactor().text(text, 100) == "context deadline exceeded"
    assert classify_text(text, text).category == "ai_timeout"


def test_of_lists_in_lists_only_what_is_shown_is_read() -> None:
    """Not the hundred thousand members of members: a part of the first ones fills the limit."""
    read: list[int] = []

    class Member:
        def __repr__(self) -> str:
            read.append(1)
            return "member"

    nested: object = Member()
    for _ in range(4):
        nested = [nested] * 30
    assert len(safe_repr(nested, 600)) <= 600
    assert len(read) <= 200
    assert safe_repr(["x y " * 15, "y"], 20).endswith("...]")


def test_cleaning_a_long_text_that_is_not_ascii() -> None:
    """Control characters go wherever they stand, and nothing else does."""
    assert clean("é\x00\x07ü\x1b[31mß\u202e\ud800\u2028.", 100) == "éüß\ufffd\n."
    assert clean("日本\x1b[0m語", 100) == "日本語"
