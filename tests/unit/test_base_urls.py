"""Which base URLs a replay gives to client libraries, from a case's recorded requests."""

from __future__ import annotations

from dataclasses import replace

import pytest

from genmon_otel.records import StepRecord
from genmon_otel.regression.cases.base_urls import base_urls
from genmon_otel.regression.cases.case import Case, CaseTrigger, Expected

CASE = Case(
    slug="case", operation="build", target="shop_main:build", inputs={}, steps=(),
    trigger=CaseTrigger("input"), expected=Expected("v2:x", "unknown", "ValueError"),
)  # fmt: skip


def step(name: str, host: str, path: str) -> StepRecord:
    """An automatic step."""
    request = {"method": "POST", "host": host, "path": path, "body": "{}"}
    return StepRecord(name, request, "value", {}, adapter="httpx")


CHAT = ("openai chat", "llm.example.com", "/gw/v1/chat/completions")


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ([CHAT], {"OPENAI_BASE_URL": "https://llm.example.com/gw/v1",
                  "OPENAI_API_BASE": "https://llm.example.com/gw/v1"}),
        ([CHAT, ("openai responses", "llm.example.com", "/gw/v1/responses")],
         {"OPENAI_BASE_URL": "https://llm.example.com/gw/v1",
          "OPENAI_API_BASE": "https://llm.example.com/gw/v1"}),
        ([("anthropic chat", "127.0.0.1", "/v1/messages")], {"ANTHROPIC_BASE_URL": "https://127.0.0.1"}),
        ([("gcp.gemini chat", "gw", "/v1beta/models/m:generateContent")],
         {"GOOGLE_GEMINI_BASE_URL": "https://gw"}),
        ([("openai chat", "api.openai.com", "/v1/chat/completions")], {}),
        ([("openai chat", "eu.api.openai.com", "/v1/chat/completions")], {}),
        ([CHAT, ("openai chat", "api.openai.com", "/v1/chat/completions")], {}),
        ([CHAT, ("openai chat", "other.example.com", "/gw/v1/chat/completions")], {}),
        ([("openai chat", "a b/c@d", "/v1/chat/completions")], {}),
        ([("POST llm.example.com", "llm.example.com", "/v1/chat")], {}),
    ],
)  # fmt: skip
def test_the_gateway_of_all_requests_is_given(
    asked: list[tuple[str, str, str]], expected: dict[str, str]
) -> None:
    """One host for all requests of an API, which is not the provider's own; else no variable is set."""
    case = replace(CASE, steps=tuple(step(*each) for each in asked))
    assert base_urls(case) == expected


def test_a_case_with_live_steps_says_no_host() -> None:
    """A file that a stranger wrote does not say where real requests go."""
    assert base_urls(replace(CASE, steps=(step(*CHAT),), live=("openai chat",))) == {}
