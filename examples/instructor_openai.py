"""instructor: a typed answer, asked for again where it does not validate."""

import os
import sys

import instructor
import openai
from pydantic import BaseModel

from genmon_otel import generation, setup

setup()
PATIENCE_S = float(os.environ.get("MODEL_TIMEOUT_S", "60"))
client = instructor.from_openai(openai.OpenAI(timeout=PATIENCE_S, max_retries=1))


class App(BaseModel):
    """What the model must answer."""

    title: str
    files: list[str]


def ask(request: str, model: str = "gpt-5-mini") -> App:
    """Ask the model for a design."""
    prompt = f"Design an app. {request}"
    return client.chat.completions.create(
        model=model,
        messages=[{"role": "user", "content": prompt}],
        response_model=App,
        max_retries=2,
    )


@generation
def build(request: str) -> App:
    """Design the app that a user asks for."""
    return ask(request)


if __name__ == "__main__":
    print(build(" ".join(sys.argv[1:]) or "A habit tracker"))
