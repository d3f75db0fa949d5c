"""httpx: an endpoint that streams its answer. DESIGN_URL says where."""

import json
import os
import sys
from typing import Any

import httpx

from genmon_otel import generation, setup

setup()
URL = os.environ.get("DESIGN_URL", "https://designs.example.com/plain")
PATIENCE_S = float(os.environ.get("MODEL_TIMEOUT_S", "60"))


def ask(request: str, model: str = "first") -> str:
    """Ask the endpoint for a design."""
    asked = {"request": request, "model": model, "stream": True}
    with httpx.stream("POST", URL, json=asked, timeout=PATIENCE_S) as answer:
        answer.raise_for_status()
        return "".join(answer.iter_text())


@generation
def build(request: str) -> Any:
    """Design the app that a user asks for."""
    return json.loads(ask(request))


if __name__ == "__main__":
    print(build(" ".join(sys.argv[1:]) or "A habit tracker"))
