"""A FastAPI service that streams what the model says, and checks the whole at the end."""

import json
from collections.abc import AsyncIterator

import openai
from fastapi import FastAPI
from fastapi.responses import StreamingResponse

from genmon_otel import generation, setup

setup()
app = FastAPI()


@generation
async def design(request: str, user_id: str) -> AsyncIterator[str]:
    """Stream one design; the generation ends when its stream does."""
    client = openai.AsyncOpenAI(max_retries=1, timeout=30)
    messages = [{"role": "user", "content": f"Design an app, answer in JSON: {request}"}]
    stream = await client.chat.completions.create(
        model="gpt-5-mini", messages=messages, stream=True
    )
    said = ""
    async for chunk in stream:
        said += (token := chunk.choices[0].delta.content or "")
        yield token
    json.loads(said)


@app.get("/design")
async def answer(request: str, user_id: str) -> StreamingResponse:
    """Serve one user."""
    return StreamingResponse(design(request, user_id), media_type="text/plain")
