"""langchain-openai: a prompt, a model and a parser in a chain."""

import os
import sys
from typing import Any

from langchain_core.output_parsers import JsonOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_openai import ChatOpenAI

from genmon_otel import generation, setup

setup()
PATIENCE_S = float(os.environ.get("MODEL_TIMEOUT_S", "60"))
PROMPT = ChatPromptTemplate.from_messages([("user", "Design an app as JSON. {request}")])


def ask(request: str, model: str = "gpt-5-mini") -> Any:
    """Ask the model for a design."""
    chat = ChatOpenAI(model=model, timeout=PATIENCE_S, max_retries=1)
    design = (PROMPT | chat | JsonOutputParser()).invoke({"request": request})
    return {"title": design["title"], "files": list(design["files"])}


@generation
def build(request: str) -> Any:
    """Design the app that a user asks for."""
    return ask(request)


if __name__ == "__main__":
    print(build(" ".join(sys.argv[1:]) or "A habit tracker"))
