"""mistralai. MISTRAL_API_KEY is the SDK's own; MISTRAL_SERVER_URL is ours."""

import json
import os
import sys
from typing import Any

from mistralai.client import Mistral
from mistralai.client.utils import BackoffStrategy, RetryConfig

from genmon_otel import generation, setup

setup()
client = Mistral(
    api_key=os.environ.get("MISTRAL_API_KEY"),
    server_url=os.environ.get("MISTRAL_SERVER_URL"),
    timeout_ms=int(1000 * float(os.environ.get("MODEL_TIMEOUT_S", "60"))),
    retry_config=RetryConfig("backoff", BackoffStrategy(100, 500, 1.5, 400), False),
)


def ask(request: str, model: str = "mistral-small-latest") -> str:
    """Ask the model for a design."""
    prompt = f"Design an app as JSON. {request}"
    answer = client.chat.complete(model=model, messages=[{"role": "user", "content": prompt}])
    return str(answer.choices[0].message.content)


@generation
def build(request: str) -> Any:
    """Design the app that a user asks for."""
    return json.loads(ask(request))


if __name__ == "__main__":
    print(build(" ".join(sys.argv[1:]) or "A habit tracker"))
