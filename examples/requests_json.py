"""requests: an endpoint that answers with JSON. DESIGN_URL says where."""

import json
import os
import sys
from typing import Any

import requests

from genmon_otel import generation, setup

setup()
URL = os.environ.get("DESIGN_URL", "https://designs.example.com/plain")
PATIENCE_S = float(os.environ.get("MODEL_TIMEOUT_S", "60"))


def ask(request: str, model: str = "first") -> str:
    """Ask the endpoint for a design."""
    answer = requests.post(URL, json={"request": request, "model": model}, timeout=PATIENCE_S)
    answer.raise_for_status()
    return answer.text


@generation
def build(request: str) -> Any:
    """Design the app that a user asks for."""
    return json.loads(ask(request))


if __name__ == "__main__":
    print(build(" ".join(sys.argv[1:]) or "A habit tracker"))
