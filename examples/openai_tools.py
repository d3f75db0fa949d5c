"""openai, tools: the model calls a function of ours, and answers with what it returned."""

import json
import os
import sys
from typing import Any

import openai

from genmon_otel import generation, setup

setup()
client = openai.OpenAI(timeout=float(os.environ.get("MODEL_TIMEOUT_S", "60")), max_retries=1)
PARAMETERS = {"type": "object", "properties": {"name": {"type": "string"}}}
LOOK_UP = {"name": "look_up", "description": "Newest version", "parameters": PARAMETERS}


def look_up(name: str) -> str:
    """Return the newest version of a package."""
    return {"react": "19.2.0"}.get(name, "unknown")


def ask(request: str, model: str = "gpt-5-mini") -> str:
    """Ask the model for a design, and call the tool as often as it wants."""
    messages: list[Any] = [{"role": "user", "content": f"Design an app as JSON. {request}"}]
    while True:
        answer = client.chat.completions.create(
            model=model, messages=messages, tools=[{"type": "function", "function": LOOK_UP}]
        )
        message = answer.choices[0].message
        if not message.tool_calls:
            return message.content or ""
        messages.append(message.model_dump(exclude_none=True))
        for call in message.tool_calls:
            found = look_up(**json.loads(call.function.arguments))
            messages.append({"role": "tool", "tool_call_id": call.id, "content": found})


@generation
def build(request: str) -> Any:
    """Design the app that a user asks for."""
    return json.loads(ask(request))


if __name__ == "__main__":
    print(build(" ".join(sys.argv[1:]) or "A habit tracker"))
