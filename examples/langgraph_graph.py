"""langgraph: a graph of three nodes, two of which ask the model."""

import json
import os
import sys
from typing import Any, TypedDict

from langchain_openai import ChatOpenAI
from langgraph.graph import END, START, StateGraph

from genmon_otel import generation, setup

setup()
PATIENCE_S = float(os.environ.get("MODEL_TIMEOUT_S", "60"))


class State(TypedDict, total=False):
    """What the nodes hand on."""

    request: str
    model: str
    plan: str
    design: str
    app: Any


def say(state: State, prompt: str) -> str:
    """Ask the model."""
    chat = ChatOpenAI(model=state["model"], timeout=PATIENCE_S, max_retries=1)
    return str(chat.invoke(prompt).content)


def plan(state: State) -> State:
    """Plan the app; the plan is short, whatever the user asks for."""
    return {"plan": say(state, "List the files of a small web app.")}


def design(state: State) -> State:
    """Have the model design it."""
    return {"design": say(state, f"Design an app as JSON. {state['request']} {state['plan']}")}


def read(state: State) -> State:
    """Read the design."""
    return {"app": json.loads(state["design"])}


graph = StateGraph(State).add_sequence([plan, design, read]).add_edge(START, "plan")
app = graph.add_edge("read", END).compile()


def ask(request: str, model: str = "gpt-5-mini") -> Any:
    """Run the graph."""
    return app.invoke({"request": request, "model": model})["app"]


@generation
def build(request: str) -> Any:
    """Design the app that a user asks for."""
    return ask(request)


if __name__ == "__main__":
    print(build(" ".join(sys.argv[1:]) or "A habit tracker"))
