"""cohere, the second version of its API. CO_API_KEY and CO_API_URL are the SDK's own."""

import json
import os
import sys
from typing import Any

import cohere

from genmon_otel import generation, setup

setup()
client = cohere.ClientV2(timeout=float(os.environ.get("MODEL_TIMEOUT_S", "60")), max_retries=1)


def ask(request: str, model: str = "command-a-03-2025") -> str:
    """Ask the model for a design."""
    prompt = f"Design an app as JSON. {request}"
    answer = client.chat(model=model, messages=[{"role": "user", "content": prompt}])
    return "".join(part.text for part in answer.message.content or () if part.type == "text")


@generation
def build(request: str) -> Any:
    """Design the app that a user asks for."""
    return json.loads(ask(request))


if __name__ == "__main__":
    print(build(" ".join(sys.argv[1:]) or "A habit tracker"))
