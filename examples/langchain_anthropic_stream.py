"""langchain-anthropic: a chat model, streamed."""

import json
import os
import sys
from typing import Any

from langchain_anthropic import ChatAnthropic

from genmon_otel import generation, setup

setup()
PATIENCE_S = float(os.environ.get("MODEL_TIMEOUT_S", "60"))


def ask(request: str, model: str = "claude-sonnet-4-5") -> str:
    """Ask the model for a design, piece by piece."""
    chat = ChatAnthropic(model=model, timeout=PATIENCE_S, max_retries=1)
    return "".join(chunk.text for chunk in chat.stream(f"Design an app as JSON. {request}"))


@generation
def build(request: str) -> Any:
    """Design the app that a user asks for."""
    return json.loads(ask(request))


if __name__ == "__main__":
    print(build(" ".join(sys.argv[1:]) or "A habit tracker"))
