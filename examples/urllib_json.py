"""urllib.request: nothing but the standard library. DESIGN_URL says where."""

import json
import os
import sys
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen

from genmon_otel import generation, setup

setup()
URL = os.environ.get("DESIGN_URL", "https://designs.example.com/plain")
PATIENCE_S = float(os.environ.get("MODEL_TIMEOUT_S", "60"))


def ask(request: str, model: str = "first") -> str:
    """Ask the endpoint for a design."""
    query = urlencode({"request": request, "model": model})
    with urlopen(f"{URL}?{query}", timeout=PATIENCE_S) as answer:
        return str(answer.read().decode())


@generation
def build(request: str) -> Any:
    """Design the app that a user asks for."""
    return json.loads(ask(request))


if __name__ == "__main__":
    print(build(" ".join(sys.argv[1:]) or "A habit tracker"))
