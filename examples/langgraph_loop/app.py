"""An agent of LangGraph: it drafts, reads the draft, and goes round until the design has files."""

import json
import sys
from typing import Any, TypedDict

import openai
from langgraph.graph import END, START, StateGraph

from genmon_otel import generation, setup

setup()


class State(TypedDict, total=False):
    """What the nodes pass on."""

    request: str
    draft: str
    design: dict[str, Any]
    rounds: int


def draft(state: State) -> State:
    """Ask the model: an automatic step, nothing is decorated for it."""
    client = openai.OpenAI(max_retries=1, timeout=30)
    messages = [{"role": "user", "content": f"Design an app, answer in JSON: {state['request']}"}]
    answer = client.chat.completions.create(model="gpt-5-mini", messages=messages)
    return {"draft": answer.choices[0].message.content or "", "rounds": state.get("rounds", 0) + 1}


def read(state: State) -> State:
    """Digest the draft."""
    return {"design": json.loads(state["draft"])}


def is_done(state: State) -> str:
    """Say where to go on."""
    return END if state["design"].get("files") or state["rounds"] == 3 else "draft"


graph = StateGraph(State)
graph.add_node("draft", draft)
graph.add_node("read", read)
graph.add_edge(START, "draft")
graph.add_edge("draft", "read")
graph.add_conditional_edges("read", is_done)
agent = graph.compile()


@generation
def design(request: str, user_id: str) -> dict[str, Any]:
    """Run the agent once. Decorate what invokes the graph, not its nodes."""
    return agent.invoke({"request": request})["design"]


if __name__ == "__main__":
    for number, request in enumerate(
        sys.argv[1:] or ["a clock", "a tea shop", "a book shop", "a bike shop"]
    ):
        try:
            print(request, "->", design(request, user_id=f"user-{number}")["files"])
        except ValueError as error:
            print(request, "-> failed:", error)
