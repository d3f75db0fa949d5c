"""openai: one answer of the chat API, read as JSON. OPENAI_API_KEY and OPENAI_BASE_URL are the SDK's own."""

import json
import os
import sys
from typing import Any

import openai

from genmon_otel import generation, setup

setup()
client = openai.OpenAI(timeout=float(os.environ.get("MODEL_TIMEOUT_S", "60")), max_retries=1)


def ask(request: str, model: str = "gpt-5-mini") -> str:
    """Ask the model for a design."""
    prompt = f"Design an app as JSON. {request}"
    answer = client.chat.completions.create(
        model=model, messages=[{"role": "user", "content": prompt}]
    )
    return answer.choices[0].message.content or ""


@generation
def build(request: str) -> Any:
    """Design the app that a user asks for."""
    return json.loads(ask(request))


if __name__ == "__main__":
    print(build(" ".join(sys.argv[1:]) or "A habit tracker"))
