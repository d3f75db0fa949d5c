"""What redacting a failing generation's recording costs the writer's thread, by kind of body.

Bodies as models, agents and tools send them: nothing secret in most of them, some code, some
prose, a key here and there. The bar is 20 ms of CPU time a MiB, on the writer. Each body is made
anew for each round and redacted by a redactor that has seen nothing before, but for the last rows:
an agent's requests, each of which holds the conversation so far.
"""

from __future__ import annotations

import argparse
import ast
import difflib
import email.message
import json
import random
import statistics
import subprocess
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.table import Table
from genmon_otel.redaction import Redactor
from genmon_otel.redaction.bodies import redact_chunks

MIB = 1024 * 1024
#: Milliseconds a MiB.
BAR = 20.0
ROUNDS, QUICK_ROUNDS = 7, 3

#: Letters, and how many of a thousand in English each is.
_LETTERS = "etaoinshrdlucmfwygpbvkxqjz"
_OF_1000 = (127, 91, 82, 75, 70, 67, 63, 61, 60, 43, 40, 28, 28, 24, 22, 24, 20, 20, 19, 15, 10, 8, 2, 1, 2, 1)  # fmt: skip
#: Modules of the standard library whose source stands for a model's and a repository's code.
_MODULES = (argparse, ast, difflib, email.message, subprocess, textwrap)
_PLANTED = 'OPENAI_API_KEY=sk-proj-Zk4Jw8Qp1Xv7Lr2Nt9Bm5Cd3 password = "hunter2!" '


class Source:
    """Makes texts; two of the same seed make the same."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)
        self._words = [
            "".join(self._chance.choices(_LETTERS, _OF_1000, k=self._chance.randint(2, 9)))
            for _ in range(4_000)
        ]
        self._lines = "\n".join(
            Path(module.__file__ or "").read_text("utf-8") for module in _MODULES
        ).splitlines(keepends=True)

    def prose(self, size: int) -> str:
        """Return paragraphs of words, with numbers and stops as people write them."""
        chance, parts, made = self._chance, [], 0
        while made < size:
            words = chance.choices(self._words, k=chance.randint(6, 18))
            if chance.random() < 0.2:
                words.append(str(chance.randint(1, 5_000)))
            sentence = " ".join(words).capitalize() + chance.choice((". ", "? ", ".\n\n", ": "))
            parts.append(sentence)
            made += len(sentence)
        return "".join(parts)[:size]

    def code(self, size: int) -> str:
        """Return source code, from a place of its own on."""
        begin = self._chance.randrange(len(self._lines) // 2)
        lines = self._lines[begin:] + self._lines
        text = "".join(lines[: size // 20])
        return (text * (size // len(text) + 1))[:size]

    def page(self, size: int) -> str:
        """Return a page of HTML."""
        parts, made = ["<!doctype html>\n<html lang='en'>\n<body>\n"], 0
        while made < size:
            name, text = self._chance.choice(self._words), self.prose(120).replace("\n", " ")
            row = (
                f'<section id="{name}-{made}" class="grid grid-cols-2 gap-4 p-6">\n'
                f'  <h2>{name}</h2>\n  <p style="color: #3a4f5e; margin: 0 4px">{text}</p>\n'
                f'  <img src="/static/{name}.png" alt="{name}"><a href="https://example.com/{name}">{name}</a>\n'
                "</section>\n"
            )
            parts.append(row)
            made += len(row)
        return "".join(parts)[:size]

    def log(self, size: int) -> str:
        """Return what a build prints."""
        chance, parts, made = self._chance, [], 0
        while made < size:
            word, number = chance.choice(self._words), chance.randint(1, 999)
            row = chance.choice(
                (
                    f"2026-12-01T10:{number % 60:02}:07.{number:03}Z INFO app.{word} request took {number} ms\n",
                    f"src/{word}.ts({number},12): error TS2307: Cannot find module './{word}'.\n",
                    f"npm http fetch GET 200 https://registry.example.com/{word} {number}ms (cache hit)\n",
                    f"tests/test_{word}.py::test_{word} PASSED [ {number % 100}%]\n",
                    f"    at build (/srv/app/src/{word}/index.ts:{number}:12)\n",
                )
            )
            parts.append(row)
            made += len(row)
        return "".join(parts)[:size]

    def messages(self, size: int) -> list[dict[str, str]]:
        """Return a conversation."""
        roles = ("user", "assistant", "tool")
        made: list[dict[str, str]] = []
        while size > 0:
            kind = self._chance.choice((self.prose, self.prose, self.code, self.page, self.log))
            text = kind(min(size, 4_000))
            made.append({"role": roles[len(made) % 3], "content": text})
            size -= len(text)
        return made


def _request(source: Source, size: int) -> list[str]:
    body = {"model": "gpt-4.1", "temperature": 0.2, "messages": source.messages(size)}
    return [json.dumps(body)]


def _response(source: Source, size: int) -> list[str]:
    choices = [
        {"index": at, "message": message, "finish_reason": "stop", "logprobs": None}
        for at, message in enumerate(source.messages(size))
    ]
    usage = {"prompt_tokens": 9_000, "completion_tokens": 412, "total_tokens": 9_412}
    return [json.dumps({"id": "chatcmpl-9xQ2", "choices": choices, "usage": usage})]


def _stream(source: Source, size: int) -> list[str]:
    text = source.prose(size // 24) + source.code(size // 24)
    chunks = []
    for at in range(0, len(text), 5):
        delta = {"index": 0, "delta": {"content": text[at : at + 5]}, "finish_reason": None}
        event = {"id": "chatcmpl-9xQ2", "object": "chat.completion.chunk", "created": 1764583200}
        data = json.dumps({**event, "model": "gpt-4.1", "choices": [delta]})
        chunks.append(f"data: {data}\n\n")
    return [*chunks, "data: [DONE]\n\n"]


def _records(source: Source, size: int) -> list[str]:
    rows = [
        {"id": at, "name": source.prose(16), "price": at / 7, "tags": ["new", "sale"], "in_stock": True}
        for at in range(size // 100)
    ]  # fmt: skip
    return [json.dumps({"items": rows})]


def _vectors(source: Source, size: int) -> list[str]:
    chance = random.Random(size)
    rows = [
        {"index": at, "embedding": [chance.uniform(-1, 1) for _ in range(1_536)]}
        for at in range(size // 33_000)
    ]
    return [json.dumps({"data": rows, "model": "text-embedding-3-small"})]


def _with_secrets(source: Source, size: int) -> list[str]:
    parts = [source.prose(2_000) + _PLANTED for _ in range(size // 2_000)]
    return [json.dumps({"messages": [{"role": "user", "content": part} for part in parts]})]


def _text(kind: Callable[[Source, int], str]) -> Callable[[Source, int], list[str]]:
    return lambda source, size: [json.dumps({"content": kind(source, size)})]


#: A MiB of each.
KINDS: dict[str, Callable[[Source, int], list[str]]] = {
    "chat request": _request,
    "chat response": _response,
    "stream of events": _stream,
    "prose": _text(Source.prose),
    "code": _text(Source.code),
    "HTML": _text(Source.page),
    "tool output": _text(Source.log),
    "records as JSON": _records,
    "embeddings": _vectors,
    "prose, 2 secrets in 2 KB": _with_secrets,
}


def cost(chunks: list[str], redactor: Redactor) -> float:
    """Return the milliseconds of CPU time that redacting a body takes."""
    began = time.thread_time()
    redact_chunks(chunks, redactor)
    return (time.thread_time() - began) * 1_000


def calibration() -> float:
    """Return the milliseconds of CPU time of a fixed loop: what to compare figures of two runs by."""
    began, total = time.thread_time(), 0
    for number in range(1_000_000):
        total += number * number
    return (time.thread_time() - began) * 1_000


def run(quick: bool) -> list[Table]:
    """Print a table of milliseconds a MiB."""
    rounds = QUICK_ROUNDS if quick else ROUNDS
    loop = statistics.median(calibration() for _ in range(5))
    table = Table(
        "redaction",
        "Redacting what went over the wire, on the writer's thread",
        f"CPU ms a MiB, median of {rounds}; bar {BAR}. A loop of a million products: {loop:.0f} ms.",
    )
    redact_chunks(_request(Source(0), 100_000), Redactor())
    for name, made in KINDS.items():
        taken = []
        for number in range(rounds):
            body = made(Source(number), MIB)
            size = sum(map(len, body))
            taken.append(cost(body, Redactor()) * MIB / size)
        table.add(what=name, ms_per_mib=statistics.median(taken), size=size)
    table.add(what="an agent's 40 growing requests", **_agent(rounds))
    return [table]


def _agent(rounds: int) -> dict[str, float | int]:
    taken, size = [], 0
    for number in range(rounds):
        history = Source(number).messages(80_000)
        bodies = [
            [json.dumps({"model": "gpt-4.1", "messages": history[: at + 1]})]
            for at in range(len(history))
        ]
        size = sum(len(body[0]) for body in bodies)
        redactor = Redactor()
        taken.append(sum(cost(body, redactor) for body in bodies) * MIB / size)
    return {"ms_per_mib": statistics.median(taken), "size": size}
