"""What an endpoint is, to which another request may be matched."""

from __future__ import annotations

import pytest

from genmon_otel.capture.endpoints import endpoint_of as called
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


@pytest.mark.parametrize(
    ("host", "path", "agent", "name"),
    [
        ("api.openai.com", "/v1/chat/completions", "", "openai chat"),
        ("gateway", "/v1/chat/completions", "OpenAI/Python 3.57.0", "openai chat"),
        ("gateway", "/openai/deployments/d/chat/completions", "AsyncAzureOpenAI/Python 3.57.0", "azure.ai.openai chat"),
        ("gateway", "/openai/v1/chat/completions", "AsyncGroq/Python 0.37.1", "groq chat"),
        ("gateway", "/v1/chat/completions", "AsyncTogether/Python 3.1.1", "together chat"),
        ("gateway", "/v1/chat/completions", "Fireworks/Python 1.2.30", "fireworks chat"),
        ("gateway", "/v1/chat/completions", "unknown/None; hf_hub/2.4.0; python/3.11.7", "hugging_face chat"),
        ("gateway", "/v1/chat/completions", "mistral-client-python/2.0", "mistral_ai chat"),
        ("api.voyageai.com", "/v1/embeddings", "", "voyage_ai embeddings"),
        ("api.cohere.com", "/v1/chat", "", "cohere chat"),
        ("shop.example.com", "/v1/chat", "", "POST shop.example.com"),
        ("localhost", "/api/embed", "ollama-python/0.6.3", "ollama embeddings"),
        ("localhost", "/api/embeddings", "ollama-python/0.6.3", "ollama embeddings"),
    ],
)  # fmt: skip
def test_whose_model_api_it_is(host: str, path: str, agent: str, name: str) -> None:
    """By the host, else by the client, else by the API itself; another endpoint is called as its host."""
    assert called("POST", host, path, agent).name == name
