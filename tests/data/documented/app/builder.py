"""Builds a page from a request; the model's answer to a shop is cut off."""

from __future__ import annotations

import ast
from typing import TypedDict

from genmon_otel import generation, step


class App(TypedDict):
    """What is built."""

    title: str
    files: dict[str, str]


@step
def ask(prompt: str) -> str:
    """Answer as a model would."""
    return "title = 'A shop'\nprint(title" if "shop" in prompt else "print(1)"


@step
def check(code: str) -> None:
    """Refuse code that runs a program."""
    if "subprocess" in code:
        raise PermissionError(code)


@generation(name="build_app")
def build_app(request: str, user_id: str) -> App:
    """Build the page that was asked for."""
    code = ask(
        f"You write Python. Answer with code alone, without explanations.\n\nWrite {request}."
    )
    ast.parse(code)
    check(code)
    return {"title": request, "files": {"index.html": f"<script>{code}</script></html>"}}
