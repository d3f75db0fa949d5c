"""What a failure's name depends on, and what it does not."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genmon_otel.fingerprint import handle, identify, places, signature, telling_lines
from genmon_otel.fingerprint.environment import essence
from genmon_otel.records import ENVIRONMENT_CATEGORIES, Frame

MESSAGES = Path(__file__).parents[1] / "data" / "alike" / "messages.jsonl"
BASE: dict[str, Any] = {
    "operation": "build_app",
    "category": "validation_error",
    "error_type": "KeyError",
    "message": "'title'",
    "stage": "plan",
    "environment": False,
}


def fingerprint(frames: Iterable[Frame], **same: Any) -> str:
    """The fingerprint of a failure that was raised there."""
    return identify(places=places(frames), **same)[0]


def openai(status: int, message: str, kind: str, code: str | None) -> str:
    """What the openai SDK prints."""
    body = {"error": {"message": message, "type": kind, "param": None, "code": code}}
    return f"Error code: {status} - {body}"


def anthropic(status: int, kind: str, message: str, request_id: str | None) -> str:
    """What the anthropic SDK prints."""
    body = {"type": "error", "error": {"type": kind, "message": message}, "request_id": request_id}
    return f"Error code: {status} - {body}"


def tokens_per_minute(model: str, organisation: str, used: int, hint: str) -> str:
    """OpenAI's rate limit."""
    return openai(
        429,
        f"Rate limit reached for {model} in organization {organisation} on tokens per min (TPM): Limit 30000, "
        f"Used {used}, Requested 3000. Please try again in {hint}. "
        "Visit https://platform.openai.com/account/rate-limits to learn more.",
        "tokens",
        "rate_limit_exceeded",
    )


def too_long(limit: int, got: int) -> str:
    """OpenAI's context length."""
    message = (
        f"This model's maximum context length is {limit} tokens. However, your messages "
        f"resulted in {got} tokens. Please reduce the length of the messages."
    )
    return openai(400, message, "invalid_request_error", "context_length_exceeded")


def google(model: str, value: str, delay: str) -> str:
    """google-genai's quota."""
    return (
        "429 RESOURCE_EXHAUSTED. {'error': {'code': 429, 'message': 'You exceeded your current quota, please check "
        "your plan and billing details. For more information on this error, head to: "
        "https://ai.google.dev/gemini-api/docs/rate-limits.', 'status': 'RESOURCE_EXHAUSTED', 'details': [{'@type': "
        "'type.googleapis.com/google.rpc.QuotaFailure', 'violations': [{'quotaId': 'PerMinute-FreeTier', "
        f"'quotaDimensions': {{'model': '{model}', 'location': 'global'}}, 'quotaValue': '{value}'}}]}}, "
        f"{{'@type': 'type.googleapis.com/google.rpc.RetryInfo', 'retryDelay': '{delay}'}}]}}}}"
    )


def cohere(status: int, message: str, trace: str, extra: str = "") -> str:
    """What the cohere SDK prints: all headers, then the body."""
    return (
        f"headers: {{'date': 'Mon, 02 Jan 2026 15:04:05 GMT', 'x-trace': '{trace}'{extra}}}, "
        f"status_code: {status}, body: {{'id': '{trace}-1', 'message': '{message}'}}"
    )


#: Messages of the real SDKs; all of a line are one failure, and no two lines are.
FAMILIES = [
    (
        tokens_per_minute("gpt-4o", "org-AbCdEf", 29000, "4s"),
        tokens_per_minute("o3-mini", "org-9xYz00", 29999, "1m4.3s"),
        tokens_per_minute("gpt-4o-mini (for limit gpt-4o)", "org-Zz", 1, "120ms"),
    ),
    (
        openai(
            500,
            "The server had an error while processing your request. Sorry about that!",
            "server_error",
            None,
        ),
    ),
    (
        openai(
            503,
            "That model is currently overloaded with other requests.",
            "server_error",
            "model_overloaded",
        ),
    ),
    (
        anthropic(529, "overloaded_error", "Overloaded", "req_011CSHoEeqs5C35K2UUqR7Fy"),
        anthropic(529, "overloaded_error", "Overloaded", "req_012AAAoEeqs5C35K2UUqR7Fz"),
        anthropic(529, "overloaded_error", "Overloaded", None),
    ),
    (
        anthropic(500, "api_error", "Internal server error", "req_1"),
        anthropic(500, "api_error", "Internal server error", None),
    ),
    (
        anthropic(
            400, "invalid_request_error", "prompt is too long: 250000 tokens > 200000 maximum", None
        ),
        anthropic(
            400,
            "invalid_request_error",
            "prompt is too long: 200001 tokens > 200000 maximum",
            "req_2",
        ),
    ),
    (
        anthropic(404, "not_found_error", "model: claude-nine", None),
        anthropic(404, "not_found_error", "model: claude-3-opus-20240229", "req_3"),
    ),
    (too_long(128000, 131072), too_long(8192, 9000)),
    (
        openai(
            400,
            "The response was filtered due to the prompt triggering Azure OpenAI's content management policy.",
            "x",
            "content_filter",
        ),
    ),
    (
        openai(
            404,
            "The model `gpt-9` does not exist or you do not have access to it.",
            "invalid_request_error",
            "model_not_found",
        ),
        openai(
            404,
            "The model `my-ft-7` does not exist or you do not have access to it.",
            "invalid_request_error",
            "model_not_found",
        ),
    ),
    (google("gemini-2.0-flash", "15", "44s"), google("gemini-2.5-pro", "5", "1.5s")),
    (
        "503 UNAVAILABLE. {'error': {'code': 503, 'message': 'The model is overloaded. Please try again later.', 'status': 'UNAVAILABLE'}}",
    ),
    (
        "404 NOT_FOUND. {'error': {'code': 404, 'message': 'models/gemini-9 is not found for API version v1beta', 'status': 'NOT_FOUND'}}",
        "404 NOT_FOUND. {'error': {'code': 404, 'message': 'models/gemini-1.5-pro-002 is not found for API version v1', 'status': 'NOT_FOUND'}}",
    ),
    (
        "An error occurred (ThrottlingException) when calling the InvokeModel operation (reached max retries: 4): Too many requests, please wait before trying again.",
        "An error occurred (ThrottlingException) when calling the InvokeModel operation (reached max retries: 2): Too many requests, please wait before trying again.",
    ),
    (
        "An error occurred (ServiceUnavailableException) when calling the Converse operation: Service unavailable",
    ),
    (
        cohere(
            429, "You are using a Trial key, which is limited to 10 API calls / minute.", "a1b2c3"
        ),
        cohere(
            429,
            "You are using a Trial key, which is limited to 40 API calls / minute.",
            "ffe0",
            ", 'retry-after': '3'",
        ),
    ),
    (cohere(500, "internal server error", "aa11"), cohere(500, "internal server error", "bb22")),
    (
        'API error occurred: Status 429. Body: {"message":"Requests rate limit exceeded","request_id":"a1"}',
    ),
    ("Request timed out.",),
    (
        "HTTPSConnectionPool(host='api.openai.com', port=443): Read timed out. (read timeout=600)",
        "HTTPSConnectionPool(host='eu.example.org', port=8443): Read timed out. (read timeout=30.0)",
    ),
    ("Connection error.",),
]
PLACES = (Frame("app", "parse", True), Frame("app", "build", True))


def test_shape() -> None:
    """Versioned, 32 hex digits; a handle that people can say."""
    assert re.fullmatch(r"v2:[0-9a-f]{32}", fingerprint(**BASE, frames=PLACES))
    assert re.fullmatch(r"v2:[0-9a-f]{32}", signature(**BASE))
    assert re.fullmatch(r"F-[0-9A-HJKMNP-TV-Z]{4}", handle(signature(**BASE)))


@pytest.mark.parametrize("field", sorted(BASE.keys() - {"environment"}))
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
    base = {**BASE, "category": category, "environment": True}
    one = fingerprint(**{**base, "message": "limit 3 for alice"}, frames=PLACES)
    assert one == fingerprint(**{**base, "message": "limit 99 for alice"}, frames=())
    assert one != fingerprint(**{**base, "stage": "code"}, frames=PLACES)
    guessed = {**base, "environment": False}
    assert fingerprint(**guessed, frames=PLACES) != fingerprint(**guessed, frames=())


@pytest.mark.parametrize("messages", FAMILIES)
def test_one_failure_of_the_environment_stays_one(messages: tuple[str, ...]) -> None:
    """Another user, model, organisation, limit or hint when to retry is the same failure."""
    assert len({essence(message) for message in messages}) == 1


def test_failures_of_the_environment_stay_apart() -> None:
    """A provider that broke, is overloaded or refused the content has three failures."""
    names = [
        signature(
            **{**BASE, "category": "provider_error", "environment": True, "message": family[0]}
        )
        for family in FAMILIES
    ]
    assert len(set(names)) == len(FAMILIES)


@given(st.text(max_size=400))
def test_the_essence_of_any_text_is_short(text: str) -> None:
    """No text breaks it, and none makes it long."""
    assert len(essence(text).split()) <= 48


def named(message: str, category: str = "unknown", error_type: str = "ValueError") -> str:
    """The signature of a failure that differs from others in these only."""
    return signature(
        operation="build_app",
        category=category,
        error_type=error_type,
        message=message,
        stage="code",
        environment=category in ENVIRONMENT_CATEGORIES,
    )


def test_one_failure_has_one_name_and_two_have_two() -> None:
    """Each line of the table names messages of one failure, or of two that must stay apart."""
    wrong = []
    for line in MESSAGES.read_text(encoding="utf-8").splitlines():
        case = json.loads(line)
        category = case.get("category", "unknown")
        if "alike" in case:
            if len({named(message, category) for message in case["alike"]}) > 1:
                wrong.append(f"split: {case['alike']}")
            continue
        types = case.get("types", ["ValueError", "ValueError"])
        one, other = (
            named(message, category, kind)
            for message, kind in zip(case["differ"], types, strict=True)
        )
        if one == other:
            wrong.append(f"merged: {case['differ']}")
    assert not wrong, f"{len(wrong)} lines:\n" + "\n".join(wrong)


def test_output_without_a_word_of_failure_tells_by_its_last_lines() -> None:
    """What a program printed last names its failure where no line names an error."""
    ledger = telling_lines("Loading plan\n\nThe ledger is closed for March\nDone\n")
    tax = telling_lines("Loading plan\n\nThe tax table has no rate for Sweden\nDone\n")
    assert ledger == "Loading plan\nThe ledger is closed for March\nDone"
    assert ledger != tax
    assert telling_lines("one\ntwo\nthree\nfour\nfive") == "three\nfour\nfive"
    assert telling_lines("one\nerror: it broke\ntwo") == "error: it broke"
    assert telling_lines("\n \n") == ""
