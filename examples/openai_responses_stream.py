"""openai: the responses API, streamed."""

import json
import os
import sys
from typing import Any

import openai

from genmon_otel import generation, setup

setup()
client = openai.OpenAI(timeout=float(os.environ.get("MODEL_TIMEOUT_S", "60")), max_retries=1)


def ask(request: str, model: str = "gpt-5-mini") -> str:
    """Ask the model for a design; what it says so far could be shown to the user."""
    text = ""
    for event in client.responses.create(
        model=model, input=f"Design an app as JSON. {request}", stream=True
    ):
        if event.type == "response.output_text.delta":
            text += event.delta
    return text


@generation
def build(request: str) -> Any:
    """Design the app that a user asks for."""
    return json.loads(ask(request))


if __name__ == "__main__":
    print(build(" ".join(sys.argv[1:]) or "A habit tracker"))
