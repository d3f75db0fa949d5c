"""What an endpoint is, to which another request may be matched."""

from __future__ import annotations

import pytest

from genmon_otel.capture.endpoints import is_telemetry
from genmon_otel.exchanges import endpoint_of


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("/v1/models/gemini-3:generateContent", "/v1/models/openai/spare:generateContent", True),
        ("/v1/models/gemini-3:generateContent", "/v1/models/gemini-3:embedContent", False),
        ("/v1/projects/p/locations/l/publishers/google/models/a:streamGenerateContent",
         "/v1/projects/p/locations/l/publishers/google/models/b:streamGenerateContent", True),
        ("/model/anthropic.claude/converse", "/model/openai%2Fspare/converse", True),
        ("/model/anthropic.claude/converse", "/model/anthropic.claude/converse-stream", False),
        ("/openai/deployments/a/chat/completions", "/openai/deployments/b/chat/completions", True),
        ("/apis/apps/v1/deployments/a/status", "/apis/apps/v1/deployments/b/status", False),
        ("/v1/models/meta/llama/predictions", "/v1/models/openai/spare/predictions", True),
        ("/v1/models/a", "/v1/models/b", False),
        ("/users/12/orders", "/users/13/orders", True),
    ],
)  # fmt: skip
def test_a_model_in_the_path_is_no_other_endpoint(one: str, other: str, same: bool) -> None:
    """As in APIs that have it in the body: a spare model may be answered as the first one was."""
    ends = [endpoint_of({"method": "POST", "path": path}) for path in (one, other)]
    assert (ends[0] == ends[1]) is same, ends


@pytest.mark.parametrize(
    ("host", "path", "expected"),
    [
        ("api.openai.com", "/v1/traces/ingest", True),
        ("collector", "/v1/traces", True),
        ("o1.ingest.sentry.io", "/api/42/envelope/", True),
        ("cloud.langfuse.com", "/api/public/ingestion", True),
        ("cloud.langfuse.com", "/api/public/v2/prompts/design", False),
        ("api.smith.langchain.com", "/runs/multipart", True),
        ("api.smith.langchain.com", "/commits/design", False),
        ("us.i.posthog.com", "/batch/", True),
        ("us.i.posthog.com", "/flags/", False),
        ("telemetry.crewai.com", "/v1/anything", True),
        ("nottelemetry.crewai.com", "/v1/anything", False),
        ("huggingface.co", "/api/agent-harnesses", True),
        ("huggingface.co", "/api/models/gpt2", False),
        ("api.openai.com", "/v1/chat/completions", False),
        ("ci.example.com", "/runs", False),
        ("shop.example.com", "/v1/traces/12/items", False),
    ],
)
def test_telemetry_is_told_by_its_endpoint(host: str, path: str, expected: bool) -> None:
    """What only observes is no step; what a vendor's same host answers to the application is."""
    assert is_telemetry(host, path) is expected
