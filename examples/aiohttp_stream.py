"""aiohttp: an endpoint that streams its answer. DESIGN_URL says where."""

import asyncio
import json
import os
import sys
from typing import Any

import aiohttp

from genmon_otel import generation, setup

setup()
URL = os.environ.get("DESIGN_URL", "https://designs.example.com/plain")
PATIENCE = aiohttp.ClientTimeout(total=float(os.environ.get("MODEL_TIMEOUT_S", "60")))


async def ask(request: str, model: str = "first") -> str:
    """Ask the endpoint for a design."""
    asked = {"request": request, "model": model, "stream": True}
    async with (
        aiohttp.ClientSession(timeout=PATIENCE, raise_for_status=True) as session,
        session.post(URL, json=asked) as answer,
    ):
        return "".join([chunk.decode() async for chunk in answer.content.iter_any()])


@generation
async def build(request: str) -> Any:
    """Design the app that a user asks for."""
    return json.loads(await ask(request))


if __name__ == "__main__":
    print(asyncio.run(build(" ".join(sys.argv[1:]) or "A habit tracker")))
