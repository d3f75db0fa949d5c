"""A script that designs apps: the model answers with JSON, the script digests it."""

import json
import sys

import openai

from genmon_otel import generation, setup

setup()


def ask(request: str) -> str:
    """Ask the model."""
    client = openai.OpenAI(max_retries=1, timeout=30)
    messages = [{"role": "user", "content": f"Design an app, answer in JSON: {request}"}]
    answer = client.chat.completions.create(model="gpt-5-mini", messages=messages)
    return answer.choices[0].message.content or ""


@generation
def design(request: str, user_id: str) -> dict:
    """Design one app."""
    return json.loads(ask(request))


if __name__ == "__main__":
    for number, request in enumerate(
        sys.argv[1:] or ["a clock", "a tea shop", "a book shop", "a bike shop"]
    ):
        try:
            print(request, "->", design(request, user_id=f"user-{number}")["files"])
        except ValueError as error:
            print(request, "-> failed:", error)
