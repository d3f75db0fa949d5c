"""anthropic, streamed with the SDK's own helper."""

import json
import os
import sys
from typing import Any

import anthropic

from genmon_otel import generation, setup

setup()
client = anthropic.Anthropic(timeout=float(os.environ.get("MODEL_TIMEOUT_S", "60")), max_retries=1)


def ask(request: str, model: str = "claude-sonnet-4-5") -> str:
    """Ask the model for a design; what it says so far could be shown to the user."""
    prompt = f"Design an app as JSON. {request}"
    with client.messages.stream(
        model=model, max_tokens=1000, messages=[{"role": "user", "content": prompt}]
    ) as stream:
        return "".join(stream.text_stream)


@generation
def build(request: str) -> Any:
    """Design the app that a user asks for."""
    return json.loads(ask(request))


if __name__ == "__main__":
    print(build(" ".join(sys.argv[1:]) or "A habit tracker"))
