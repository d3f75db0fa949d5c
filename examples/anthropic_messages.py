"""anthropic: one answer of the messages API. ANTHROPIC_API_KEY and ANTHROPIC_BASE_URL are the SDK's own."""

import json
import os
import sys
from typing import Any

import anthropic

from genmon_otel import generation, setup

setup()
client = anthropic.Anthropic(timeout=float(os.environ.get("MODEL_TIMEOUT_S", "60")), max_retries=1)


def ask(request: str, model: str = "claude-sonnet-4-5") -> str:
    """Ask the model for a design."""
    prompt = f"Design an app as JSON. {request}"
    answer = client.messages.create(
        model=model, max_tokens=1000, messages=[{"role": "user", "content": prompt}]
    )
    return "".join(block.text for block in answer.content if block.type == "text")


@generation
def build(request: str) -> Any:
    """Design the app that a user asks for."""
    return json.loads(ask(request))


if __name__ == "__main__":
    print(build(" ".join(sys.argv[1:]) or "A habit tracker"))
