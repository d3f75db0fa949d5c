"""langchain's prebuilt agent, a graph of langgraph: it calls the tool, then the model again."""

import json
import os
import sys
from typing import Any

from langchain.agents import create_agent
from langchain_openai import ChatOpenAI

from genmon_otel import generation, setup

setup()
PATIENCE_S = float(os.environ.get("MODEL_TIMEOUT_S", "60"))


def look_up(name: str) -> str:
    """Return the newest version of a package."""
    return {"react": "19.2.0"}.get(name, "unknown")


def ask(request: str, model: str = "gpt-5-mini") -> str:
    """Run the agent; its last message is the design."""
    agent = create_agent(ChatOpenAI(model=model, timeout=PATIENCE_S, max_retries=1), [look_up])
    messages = [{"role": "user", "content": f"Design an app as JSON. {request}"}]
    return str(agent.invoke({"messages": messages})["messages"][-1].content)


@generation
def build(request: str) -> Any:
    """Design the app that a user asks for."""
    return json.loads(ask(request))


if __name__ == "__main__":
    print(build(" ".join(sys.argv[1:]) or "A habit tracker"))
