"""openai, structured output: the SDK validates the answer with a pydantic model."""

import os
import sys

import openai
from pydantic import BaseModel

from genmon_otel import generation, setup

setup()
client = openai.OpenAI(timeout=float(os.environ.get("MODEL_TIMEOUT_S", "60")), max_retries=1)


class App(BaseModel):
    """What the model must answer."""

    title: str
    files: list[str]


def ask(request: str, model: str = "gpt-5-mini") -> App | None:
    """Ask the model for a design."""
    prompt = f"Design an app. {request}"
    answer = client.chat.completions.parse(
        model=model, messages=[{"role": "user", "content": prompt}], response_format=App
    )
    return answer.choices[0].message.parsed


@generation
def build(request: str) -> App | None:
    """Design the app that a user asks for."""
    return ask(request)


if __name__ == "__main__":
    print(build(" ".join(sys.argv[1:]) or "A habit tracker"))
