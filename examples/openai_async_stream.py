"""openai, streamed under asyncio: what a chat window that shows the answer as it comes does."""

import asyncio
import json
import os
import sys
from typing import Any

import openai

from genmon_otel import generation, setup

setup()


async def ask(request: str, model: str = "gpt-5-mini") -> str:
    """Ask the model for a design; what it says so far could be shown to the user."""
    patience_s = float(os.environ.get("MODEL_TIMEOUT_S", "60"))
    async with openai.AsyncOpenAI(timeout=patience_s, max_retries=1) as client:
        prompt = f"Design an app as JSON. {request}"
        events = await client.chat.completions.create(
            model=model, messages=[{"role": "user", "content": prompt}], stream=True
        )
        return "".join([event.choices[0].delta.content or "" async for event in events])


@generation
async def build(request: str) -> Any:
    """Design the app that a user asks for."""
    return json.loads(await ask(request))


if __name__ == "__main__":
    print(asyncio.run(build(" ".join(sys.argv[1:]) or "A habit tracker")))
