"""dspy: a signature, predicted. OPENAI_API_KEY is the library's own; OPENAI_BASE_URL is handed to it."""

import json
import os
import sys
from typing import Any

import dspy

from genmon_otel import generation, setup

setup()
PATIENCE_S = float(os.environ.get("MODEL_TIMEOUT_S", "60"))
predict = dspy.Predict("request -> design")


def ask(request: str, model: str = "openai/gpt-5-mini") -> str:
    """Ask the model for a design."""
    base = os.environ.get("OPENAI_BASE_URL", "https://api.openai.com/v1")
    lm = dspy.LM(
        model, api_base=base, cache=False, num_retries=1, timeout=PATIENCE_S, engine="litellm"
    )
    with dspy.context(lm=lm):
        return str(predict(request=f"Design an app as JSON. {request}").design)


@generation
def build(request: str) -> Any:
    """Design the app that a user asks for."""
    return json.loads(ask(request))


if __name__ == "__main__":
    print(build(" ".join(sys.argv[1:]) or "A habit tracker"))
