"""openai, asynchronous: the same client library under asyncio."""

import asyncio
import json
import os
import sys
from typing import Any

import openai

from genmon_otel import generation, setup

setup()


async def ask(request: str, model: str = "gpt-5-mini") -> str:
    """Ask the model for a design."""
    patience_s = float(os.environ.get("MODEL_TIMEOUT_S", "60"))
    async with openai.AsyncOpenAI(timeout=patience_s, max_retries=1) as client:
        prompt = f"Design an app as JSON. {request}"
        answer = await client.chat.completions.create(
            model=model, messages=[{"role": "user", "content": prompt}]
        )
        return answer.choices[0].message.content or ""


@generation
async def build(request: str) -> Any:
    """Design the app that a user asks for."""
    return json.loads(await ask(request))


if __name__ == "__main__":
    print(asyncio.run(build(" ".join(sys.argv[1:]) or "A habit tracker")))
