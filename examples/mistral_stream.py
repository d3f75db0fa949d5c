"""mistralai, streamed."""

import json
import os
import sys
from typing import Any

from mistralai.client import Mistral

from genmon_otel import generation, setup

setup()
client = Mistral(
    api_key=os.environ.get("MISTRAL_API_KEY"),
    server_url=os.environ.get("MISTRAL_SERVER_URL"),
    timeout_ms=int(1000 * float(os.environ.get("MODEL_TIMEOUT_S", "60"))),
)


def ask(request: str, model: str = "mistral-small-latest") -> str:
    """Ask the model for a design; what it says so far could be shown to the user."""
    prompt = f"Design an app as JSON. {request}"
    with client.chat.stream(model=model, messages=[{"role": "user", "content": prompt}]) as events:
        return "".join(str(event.data.choices[0].delta.content or "") for event in events)


@generation
def build(request: str) -> Any:
    """Design the app that a user asks for."""
    return json.loads(ask(request))


if __name__ == "__main__":
    print(build(" ".join(sys.argv[1:]) or "A habit tracker"))
