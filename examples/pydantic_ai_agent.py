"""pydantic-ai: an agent with a typed answer. OPENAI_API_KEY and OPENAI_BASE_URL are openai's own."""

import asyncio
import os
import sys

from openai import AsyncOpenAI
from pydantic import BaseModel
from pydantic_ai import Agent
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

from genmon_otel import generation, setup

setup()
PATIENCE_S = float(os.environ.get("MODEL_TIMEOUT_S", "60"))


class App(BaseModel):
    """What the model must answer."""

    title: str
    files: list[str]


async def ask(request: str, model: str = "gpt-5-mini") -> App:
    """Ask the agent for a design."""
    async with AsyncOpenAI(timeout=PATIENCE_S, max_retries=1) as client:
        chat = OpenAIChatModel(model, provider=OpenAIProvider(openai_client=client))
        agent = Agent(chat, output_type=App, retries=1)
        return (await agent.run(f"Design an app. {request}")).output


@generation
async def build(request: str) -> App:
    """Design the app that a user asks for."""
    return await ask(request)


if __name__ == "__main__":
    print(asyncio.run(build(" ".join(sys.argv[1:]) or "A habit tracker")))
