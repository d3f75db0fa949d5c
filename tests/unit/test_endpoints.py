"""What an endpoint is, to which another request may be matched."""

from __future__ import annotations

import pytest

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
        ("/v1/models/a", "/v1/models/b", False),
        ("/users/12/orders", "/users/13/orders", True),
    ],
)  # fmt: skip
def test_a_model_in_the_path_is_no_other_endpoint(one: str, other: str, same: bool) -> None:
    """As in APIs that have it in the body: a spare model may be answered as the first one was."""
    ends = [endpoint_of({"method": "POST", "path": path}) for path in (one, other)]
    assert (ends[0] == ends[1]) is same, ends
