"""google-genai, streamed."""

import json
import os
import sys
from typing import Any

from google import genai
from google.genai import types

from genmon_otel import generation, setup

setup()
PATIENCE_MS = int(1000 * float(os.environ.get("MODEL_TIMEOUT_S", "60")))
RETRIES = types.HttpRetryOptions(attempts=2, initial_delay=0.1, max_delay=1)
client = genai.Client(http_options=types.HttpOptions(timeout=PATIENCE_MS, retry_options=RETRIES))


def ask(request: str, model: str = "gemini-2.5-flash") -> str:
    """Ask the model for a design; what it says so far could be shown to the user."""
    prompt = f"Design an app as JSON. {request}"
    chunks = client.models.generate_content_stream(model=model, contents=prompt)
    return "".join(chunk.text or "" for chunk in chunks)


@generation
def build(request: str) -> Any:
    """Design the app that a user asks for."""
    return json.loads(ask(request))


if __name__ == "__main__":
    print(build(" ".join(sys.argv[1:]) or "A habit tracker"))
