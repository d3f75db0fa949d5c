"""Rules that an application registers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest

from genmon_otel.classification import classify, classify_text, register_rule
from genmon_otel.errors import GenmonError
from genmon_otel.records import Category, Severity
from tests.work_kit import growth


class Refused(RuntimeError):
    """An application's own exception."""

    def __init__(self, message: str = "", status_code: int = 0, code: str = "") -> None:
        super().__init__(message)
        self.status_code = status_code
        self.code = code


class RefusedSoftly(Refused):
    """A kind of it."""


@pytest.fixture
def rule() -> Iterator[Callable[..., None]]:
    """``register_rule`` whose rules go when the test ends."""
    removals = []
    yield lambda *args, **kwargs: removals.append(register_rule(*args, **kwargs))
    for remove in removals:
        remove()


Register = Callable[..., None]
NAME = f"{Refused.__module__}.Refused"


@pytest.mark.parametrize(
    "asked",
    [
        {"exception": Refused},
        {"exception": NAME},
        {"exception": "Refused"},
        {"status": 418},
        {"code": "Teapot"},
        {"message": "short and stout"},
        {"message": re.compile("SHORT", re.IGNORECASE)},
        {"exception": "Refused", "status": 418, "code": "TEAPOT", "message": "short"},
    ],
    ids=str,
)
def test_a_rule_goes_before_the_built_in_ones(rule: Register, asked: dict[str, Any]) -> None:
    """By class, name, status, code, message, or all of them; also on what it was raised from."""
    error = RefusedSoftly("I am short and stout: timed out", 418, "teapot")
    outer = TimeoutError("x")
    outer.__cause__ = error
    before = classify(error)
    rule("validation_error", severity="low", **asked)
    for escaped in (error, outer):
        found = classify(escaped)
        assert (found.category, found.severity) == (Category.VALIDATION_ERROR, Severity.LOW)
        assert found.decided_by is error
        assert found.rule == "registered"
    assert before.rule != "registered rule"


@pytest.mark.parametrize(
    "asked",
    [
        {"exception": KeyError},
        {"exception": "app.Refused"},
        {"status": 429},
        {"code": "kettle"},
        {"message": "tall"},
        {"exception": Refused, "status": 429},
        {"exception": Refused, "message": "tall"},
    ],
    ids=str,
)
def test_everything_asked_for_must_hold(rule: Register, asked: dict[str, Any]) -> None:
    """A rule that applies in part does not apply."""
    rule("syntax_error", **asked)
    assert classify(Refused("short", 418, "teapot")).category != Category.SYNTAX_ERROR


def test_a_declared_category_brings_its_severity(rule: Register) -> None:
    """Unless the rule names another."""
    Category.declare("prompt_injection", Severity.CRITICAL)
    rule("prompt_injection", message="ignore previous")
    found = classify(ValueError("please ignore previous instructions"))
    assert (found.category, found.severity) == ("prompt_injection", Severity.CRITICAL)


def test_the_latest_rule_goes_first_and_can_be_taken_away() -> None:
    """So that a test or a later module may override."""
    first = register_rule("syntax_error", exception=Refused)
    second = register_rule("rate_limit", exception=Refused)
    assert classify(Refused()).category == Category.RATE_LIMIT
    second()
    second()
    assert classify(Refused()).category == Category.SYNTAX_ERROR
    first()
    assert classify(Refused()).category == Category.UNKNOWN


@pytest.mark.parametrize(
    ("asked", "error_type", "message"),
    [
        ({"exception": Refused}, "app.Refused", ""),
        ({"exception": "app.Refused"}, "app.Refused", ""),
        ({"status": 418}, "418", ""),
        ({"code": "teapot"}, "Teapot", ""),
        ({"message": "stout"}, "", "short and stout"),
    ],
)
def test_rules_apply_to_spans(
    rule: Register, asked: dict[str, Any], error_type: str, message: str
) -> None:
    """As far as a type and a message carry them."""
    rule("rate_limit", severity="critical", **asked)
    found = classify_text(error_type, message)
    assert (found.category, found.severity) == ("rate_limit", "critical")
    assert classify_text("other", "else").category == Category.UNKNOWN


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("no_such_category",), ["'no_such_category'", "ai_timeout", "Category.declare"]),
        (("rate_limit", {}), ["at least one of", "exception="]),
        (("rate_limit", {"status": 200}), ["200", "400 to 599"]),
        (("rate_limit", {"status": "429"}), ["'429'", "400 to 599"]),
        (("rate_limit", {"exception": int}), ["int", "openai.RateLimitError"]),
        (("rate_limit", {"exception": "not a name"}), ["'not a name'", "openai.RateLimitError"]),
        (("rate_limit", {"code": ""}), ["''", "insufficient_quota"]),
        (("rate_limit", {"message": "("}), ["'('", "re.escape"]),
        (("rate_limit", {"message": b"x"}), ["bytes"]),
        (("rate_limit", {"message": re.compile(b"x")}), ["bytes"]),
        (("rate_limit", {"message": "(a+)+$"}), ["none inside another"]),
        (("rate_limit", {"message": "(?:x|(?:a*b)*)*"}), ["none inside another"]),
        (("rate_limit", {"message": "(?:a{0,80}){0,80}$"}), ["none inside another"]),
        (("rate_limit", {"message": "a.*b.*c"}), ["at most one", ".{0,80}"]),
        (("rate_limit", {"message": "a" * 2000}), ["1000 characters", "several rules"]),
        (("rate_limit", {"code": "x", "severity": "awful"}), ["'awful'", "critical"]),
    ],
)
def test_misuse_says_what_was_given_and_what_is_allowed(
    arguments: tuple[Any, ...], words: list[str]
) -> None:
    """At registration, not when a generation fails."""
    category, asked = arguments[0], (arguments[1] if len(arguments) > 1 else {"code": "x"})
    with pytest.raises(GenmonError) as caught:
        register_rule(category, **asked)
    for word in words:
        assert word in str(caught.value)
    assert classify(Refused("aaaa", 200, "x")).rule != "registered rule"


def test_a_rule_costs_bounded_time_on_a_huge_message(rule: Register) -> None:
    """Only the ends of a message are searched."""
    rule("rate_limit", message=r"needle|ab.*c|(?:\w{1,9} ){0,9}\Z")
    for unit in ("a", "ab"):
        long, longer = (ValueError(unit * times) for times in (100_000, 10_000_000))
        assert growth(partial(classify, long), partial(classify, longer)) < 10
    assert classify(ValueError("x" * 9_000_000 + "needle")).category == Category.RATE_LIMIT
