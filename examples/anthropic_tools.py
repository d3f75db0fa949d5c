"""anthropic, tools: the model calls a function of ours, and answers with what it returned."""

import json
import os
import sys
from typing import Any

import anthropic

from genmon_otel import generation, setup

setup()
client = anthropic.Anthropic(timeout=float(os.environ.get("MODEL_TIMEOUT_S", "60")), max_retries=1)
SCHEMA = {"type": "object", "properties": {"name": {"type": "string"}}}
LOOK_UP: Any = {"name": "look_up", "description": "Newest version", "input_schema": SCHEMA}


def look_up(name: str) -> str:
    """Return the newest version of a package."""
    return {"react": "19.2.0"}.get(name, "unknown")


def ask(request: str, model: str = "claude-sonnet-4-5") -> str:
    """Ask the model for a design, and call the tool as often as it wants."""
    messages: list[Any] = [{"role": "user", "content": f"Design an app as JSON. {request}"}]
    while True:
        answer = client.messages.create(
            model=model, max_tokens=1000, messages=messages, tools=[LOOK_UP]
        )
        calls = [block for block in answer.content if block.type == "tool_use"]
        if not calls:
            return "".join(block.text for block in answer.content if block.type == "text")
        messages.append({"role": "assistant", "content": answer.content})
        results = [
            {"type": "tool_result", "tool_use_id": call.id, "content": look_up(**call.input)}
            for call in calls
        ]
        messages.append({"role": "user", "content": results})


@generation
def build(request: str) -> Any:
    """Design the app that a user asks for."""
    return json.loads(ask(request))


if __name__ == "__main__":
    print(build(" ".join(sys.argv[1:]) or "A habit tracker"))
