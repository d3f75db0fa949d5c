"""What a failure's name depends on, and what it does not."""

from __future__ import annotations

import re

import pytest

from genmon_otel.fingerprint import fingerprint, handle, signature
from genmon_otel.records import Frame

BASE = {
    "operation": "build_app",
    "category": "validation_error",
    "error_type": "KeyError",
    "message": "'title'",
    "stage": "plan",
}
PLACES = (Frame("app", "parse", True), Frame("app", "build", True))


def test_shape() -> None:
    """Versioned, 32 hex digits; a handle that people can say."""
    assert re.fullmatch(r"v1:[0-9a-f]{32}", fingerprint(**BASE, frames=PLACES))
    assert re.fullmatch(r"v1:[0-9a-f]{32}", signature(**BASE))
    assert re.fullmatch(r"F-[0-9A-HJKMNP-TV-Z]{4}", handle(signature(**BASE)))


@pytest.mark.parametrize("field", sorted(BASE))
def test_every_field_counts(field: str) -> None:
    """Another operation, category, type, message or stage is another failure."""
    other = {**BASE, field: "something else"}
    assert signature(**other) != signature(**BASE)
    assert fingerprint(**other, frames=PLACES) != fingerprint(**BASE, frames=PLACES)


def test_fields_cannot_run_into_each_other() -> None:
    """``ab`` + ``c`` is not ``a`` + ``bc``."""
    one = {**BASE, "operation": "ab", "category": "c"}
    assert signature(**one) != signature(**{**BASE, "operation": "a", "category": "bc"})


def test_only_frames_of_the_application_count_and_recursion_once() -> None:
    """Library frames and the depth of a recursion make no difference, other functions do."""
    plain = fingerprint(**BASE, frames=PLACES)
    library = Frame("openai", "create", False)
    assert fingerprint(**BASE, frames=(library, PLACES[0], PLACES[0], library, PLACES[1])) == plain
    assert fingerprint(**BASE, frames=(Frame("app", "other", True),)) != plain


@pytest.mark.parametrize("category", ["ai_timeout", "rate_limit", "provider_error"])
def test_of_the_environment_frames_and_variables_do_not_count(category: str) -> None:
    """A rate limit is one failure wherever it strikes and whatever numbers it names."""
    base = {**BASE, "category": category}
    one = fingerprint(**{**base, "message": "limit 3 for alice"}, frames=PLACES)
    assert one == fingerprint(**{**base, "message": "limit 99 for alice"}, frames=())
    assert one != fingerprint(**{**base, "stage": "code"}, frames=PLACES)
