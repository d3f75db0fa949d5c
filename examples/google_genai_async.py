"""google-genai, asynchronous: through aiohttp where that is installed, else through httpx."""

import asyncio
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


async def ask(request: str, model: str = "gemini-2.5-flash") -> str:
    """Ask the model for a design."""
    options = types.HttpOptions(timeout=PATIENCE_MS, retry_options=RETRIES)
    async with genai.Client(http_options=options).aio as client:
        prompt = f"Design an app as JSON. {request}"
        answer = await client.models.generate_content(model=model, contents=prompt)
        return answer.text or ""


@generation
async def build(request: str) -> Any:
    """Design the app that a user asks for."""
    return json.loads(await ask(request))


if __name__ == "__main__":
    print(asyncio.run(build(" ".join(sys.argv[1:]) or "A habit tracker")))
