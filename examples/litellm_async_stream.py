"""litellm, streamed under asyncio, from Anthropic: through aiohttp. ANTHROPIC_API_BASE is litellm's own."""

import asyncio
import json
import os
import sys
from typing import Any

import litellm

from genmon_otel import generation, setup

setup()
PATIENCE_S = float(os.environ.get("MODEL_TIMEOUT_S", "60"))


async def ask(request: str, model: str = "anthropic/claude-sonnet-4-5") -> str:
    """Ask the model for a design; what it says so far could be shown to the user."""
    prompt = f"Design an app as JSON. {request}"
    events = await litellm.acompletion(
        model=model,
        messages=[{"role": "user", "content": prompt}],
        timeout=PATIENCE_S,
        stream=True,
    )
    return "".join([event.choices[0].delta.content or "" async for event in events])


@generation
async def build(request: str) -> Any:
    """Design the app that a user asks for."""
    return json.loads(await ask(request))


if __name__ == "__main__":
    print(asyncio.run(build(" ".join(sys.argv[1:]) or "A habit tracker")))
