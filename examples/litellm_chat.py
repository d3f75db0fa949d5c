"""litellm: any provider behind one function. OPENAI_API_KEY and OPENAI_BASE_URL are litellm's too."""

import json
import os
import sys
from typing import Any

import litellm

from genmon_otel import generation, setup

setup()
PATIENCE_S = float(os.environ.get("MODEL_TIMEOUT_S", "60"))


def ask(request: str, model: str = "openai/gpt-5-mini") -> str:
    """Ask the model for a design."""
    prompt = f"Design an app as JSON. {request}"
    answer = litellm.completion(
        model=model,
        messages=[{"role": "user", "content": prompt}],
        timeout=PATIENCE_S,
        max_retries=1,
    )
    return answer.choices[0].message.content or ""


@generation
def build(request: str) -> Any:
    """Design the app that a user asks for."""
    return json.loads(ask(request))


if __name__ == "__main__":
    print(build(" ".join(sys.argv[1:]) or "A habit tracker"))
