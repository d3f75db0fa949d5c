"""A decorated application that lets secrets into every place genmon looks at.

Run: ``leaky.py SPANS`` with the secrets, by kind, as JSON on the input; spans go to the
file SPANS. Module ``literals`` beside the working directory holds them in source lines.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import logging
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import (
    ConsoleSpanExporter,
    SimpleSpanProcessor,
    SpanExportResult,
)
from prometheus_client import generate_latest

from genmon_otel import current_generation, generation, phase, setup, shutdown, step


@step
def chat(prompt: str, *, headers: dict[str, str], body: list[Any]) -> str:
    return prompt


@step
def fetch(url: str, secret: str) -> None:
    request = httpx.Request("POST", url, headers={"Authorization": f"Bearer {secret}"})
    response = httpx.Response(
        500,
        request=request,
        headers={"set-cookie": f"sid={secret}", "x-note": secret.replace("\n", " ")},
        text=f"{{'message': 'no luck', 'seen': '{secret}'}}",
    )
    response.raise_for_status()


@step
def stream(secret: str) -> Iterator[str]:
    yield "one"
    yield f"two {secret} three"


@generation(framework="react")
def by_step(request: str, options: dict[str, Any], url: str = "", *, note: object = None) -> None:
    secret = options["secret"]
    current_generation().set(note=secret, nested={"deep": [secret, {secret: 1}]})
    with phase("plan"):
        chat(f"use {secret}", headers={"x-any": secret}, body=[secret, secret.encode()])
    for _ in stream(secret):
        pass
    fetch(url, secret)


@generation(framework="react")
def by_content(request: str, messages: list[Any]) -> Any:
    return json.loads(chat(request, headers={}, body=messages))


class Broken(Exception):
    def __init__(self, message: str, seen: str) -> None:
        super().__init__(message)
        self.seen = {"response": seen}


@generation(framework="react", failure_if=lambda result: not result["ok"])
def by_result(request: str, secret: str) -> dict[str, Any]:
    return {"ok": False, "error": f"refused {secret}"}


@generation(framework="react")
def by_chain(request: str, secret: str) -> None:
    try:
        raise Broken(f"inner {secret}", secret)
    except Broken as error:
        error.add_note(f"noted {secret}")
        problem = ExceptionGroup(f"several {secret}", [error, ValueError(secret)])
        raise RuntimeError(f"outer {secret}") from problem


@generation(framework="react")
def by_line(request: str, number: int) -> None:
    importlib.import_module("literals").CALLS[number]()


def _refuse(secret: str) -> Any:
    raise ValueError(f"cannot tell from {secret}")


@generation(framework="react", user_id=lambda request, secret: _refuse(secret))
def by_option(request: str, secret: str) -> str:
    return f"result with {secret}"


@generation(framework="react", failure_if=_refuse)
def by_predicate(request: str) -> str:
    return request


class Ours(ConsoleSpanExporter):
    """Writes genmon's spans; what other instrumentations put on theirs is not its doing."""

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        return super().export([span for span in spans if span.name != "invoke_agent"])


def calls(secret: str, number: int) -> tuple[Callable[[], Any], ...]:
    """Every way of failing with a secret, the one in line ``number`` of ``literals`` too."""
    return (
        lambda: by_step(
            f"build {secret}",
            {"secret": secret, "list": [secret], "bytes": b"\xff" + secret.encode()},
            f"https://api.example.com/v1?token={secret.split(maxsplit=1)[0]}",
            note=(secret, {secret}),
        ),
        lambda: by_content(f"do {secret}", [{"role": "user", "content": secret}]),
        lambda: by_result(f"do {secret}", secret),
        lambda: by_chain(f"do {secret}", secret),
        lambda: by_line("a plain one", number),
        lambda: by_option(f"do {secret}", secret),
        lambda: by_predicate(f"do {secret}"),
    )


def main(spans: str) -> None:
    logging.basicConfig(level=logging.DEBUG)
    secrets: dict[str, str] = json.load(sys.stdin)
    kind: str | None = os.environ.get("LEAKY_ONE")
    with open(spans, "w") as out:
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(Ours(out=out)))
        setup(tracer_provider=provider)
        foreign = provider.get_tracer("another")
        for number, (name, secret) in enumerate(secrets.items()):
            for _ in range(3 if name == kind else 1):
                for call in calls(secret, number):
                    with contextlib.suppress(Exception):
                        call()
            with (
                contextlib.suppress(ValueError),
                foreign.start_as_current_span(
                    "invoke_agent", attributes={"gen_ai.operation.name": "invoke_agent"}
                ),
            ):
                raise ValueError(f"foreign {secret}")
        Path(spans).with_name("metrics.txt").write_bytes(generate_latest())
        if os.environ.get("LEAKY_DIE"):
            os._exit(9)
        shutdown()


if __name__ == "__main__":
    main(sys.argv[1])
