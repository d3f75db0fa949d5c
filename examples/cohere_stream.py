"""cohere, streamed."""

import json
import os
import sys
from typing import Any

import cohere

from genmon_otel import generation, setup

setup()
client = cohere.ClientV2(timeout=float(os.environ.get("MODEL_TIMEOUT_S", "60")), max_retries=1)


def ask(request: str, model: str = "command-a-03-2025") -> str:
    """Ask the model for a design; what it says so far could be shown to the user."""
    prompt = f"Design an app as JSON. {request}"
    events = client.chat_stream(model=model, messages=[{"role": "user", "content": prompt}])
    return "".join(e.delta.message.content.text for e in events if e.type == "content-delta")


@generation
def build(request: str) -> Any:
    """Design the app that a user asks for."""
    return json.loads(ask(request))


if __name__ == "__main__":
    print(build(" ".join(sys.argv[1:]) or "A habit tracker"))
