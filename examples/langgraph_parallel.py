"""langgraph, parallel nodes: three ask the model at once, a fourth reads what they said."""

import asyncio
import json
import os
import sys
from typing import Annotated, Any, TypedDict

from langchain_openai import ChatOpenAI
from langgraph.graph import END, START, StateGraph

from genmon_otel import generation, setup

setup()
PATIENCE_S = float(os.environ.get("MODEL_TIMEOUT_S", "60"))


class State(TypedDict, total=False):
    """What the nodes hand on; ``parts`` are put together as they come."""

    request: str
    model: str
    parts: Annotated[dict[str, str], lambda left, right: {**left, **right}]
    app: Any


async def say(state: State, part: str, prompt: str) -> State:
    """Ask the model for one part."""
    chat = ChatOpenAI(model=state["model"], timeout=PATIENCE_S, max_retries=1)
    return {"parts": {part: str((await chat.ainvoke(prompt)).content)}}


async def style(state: State) -> State:
    """Choose colours, whatever the user asks for."""
    return await say(state, "style", "Choose the colours of a web app, as JSON.")


async def layout(state: State) -> State:
    """Lay the page out, whatever the user asks for."""
    return await say(state, "layout", "Lay out a web app, as JSON.")


async def design(state: State) -> State:
    """Have the model design what the user asks for."""
    return await say(state, "design", f"Design an app as JSON. {state['request']}")


def read(state: State) -> State:
    """Read the parts."""
    return {"app": {part: json.loads(state["parts"][part]) for part in sorted(state["parts"])}}


nodes = ("style", "layout", "design")
graph = StateGraph(State).add_node(style).add_node(layout).add_node(design).add_node(read)
for node in nodes:
    graph.add_edge(START, node)
app = graph.add_edge(list(nodes), "read").add_edge("read", END).compile()


async def ask(request: str, model: str = "gpt-5-mini") -> Any:
    """Run the graph."""
    return (await app.ainvoke({"request": request, "model": model}))["app"]


@generation
async def build(request: str) -> Any:
    """Design the app that a user asks for."""
    return await ask(request)


if __name__ == "__main__":
    print(asyncio.run(build(" ".join(sys.argv[1:]) or "A habit tracker")))
