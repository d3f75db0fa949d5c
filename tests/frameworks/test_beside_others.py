"""Patches beside those of other instrumentations and mocks, put on and taken off in any order."""

from __future__ import annotations

import asyncio
import importlib
import itertools
import os
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import anthropic
import boto3
import httpx
import openai
import pytest
import requests
import respx
import urllib3
import vcr
from frameworks import model_server
from frameworks.model_server import GOOD
from integration.capture_kit import steps_of

from genmon_otel import capture as automatic


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with model_server.running() as server:
        yield server.url


@pytest.fixture(autouse=True)
def taken_off() -> Iterator[None]:
    yield
    automatic.uninstall()


MESSAGES: list[Any] = [{"role": "user", "content": "quickly"}]


def _openai(url: str, **options: Any) -> Any:
    client = openai.OpenAI(base_url=f"{url}/v1", api_key="sk-x", max_retries=0)
    return client.chat.completions.create(model="m", messages=MESSAGES, **options)


def _anthropic(url: str) -> Any:
    client = anthropic.Anthropic(base_url=url, api_key="x", max_retries=0)
    answer = client.messages.create(model="m", max_tokens=9, messages=MESSAGES)
    return "".join(block.text for block in answer.content if block.type == "text")


def _bedrock(url: str) -> Any:
    client = boto3.client(
        "bedrock-runtime", endpoint_url=url, region_name="us-east-1", aws_access_key_id="AKIAX",
        aws_secret_access_key="x",
    )  # fmt: skip
    message = {"role": "user", "content": [{"text": "quickly"}]}
    answer = client.converse(modelId="m", messages=[message])
    return answer["output"]["message"]["content"][0]["text"]


async def _httpx(url: str) -> Any:
    async with httpx.AsyncClient() as client:
        return (await client.post(f"{url}/plain", json={"n": 1})).text


async def _aiohttp(url: str) -> Any:
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{url}/plain", json={"n": 1}) as got,
    ):
        return await got.text()


def _streamed(url: str) -> str:
    chunks = _openai(url, stream=True)
    return "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)


#: What asks the model, each once, and gives the same text.
CALLS: dict[str, Callable[[str], Any]] = {
    "httpx": lambda url: httpx.post(f"{url}/plain", json={"n": 1}).text,
    "httpx, async": lambda url: asyncio.run(_httpx(url)),
    "requests": lambda url: requests.post(f"{url}/plain", json={"n": 1}, timeout=20).text,
    "urllib3": lambda url: urllib3.request("POST", f"{url}/plain", json={"n": 1}).data.decode(),
    "urllib": lambda url: urllib.request.urlopen(f"{url}/plain", b'{"n": 1}').read().decode(),
    "aiohttp": lambda url: asyncio.run(_aiohttp(url)),
    "openai": lambda url: _openai(url).choices[0].message.content,
    "openai, streamed": _streamed,
    "anthropic": _anthropic,
    "bedrock": _bedrock,
}
#: Packages of OpenTelemetry's form, and what is asked beside each.
INSTRUMENTORS = {
    "httpx": ("HTTPXClientInstrumentor", ("httpx", "httpx, async")),
    "requests": ("RequestsInstrumentor", ("requests",)),
    "urllib3": ("URLLib3Instrumentor", ("urllib3", "requests", "bedrock")),
    "urllib": ("URLLibInstrumentor", ("urllib",)),
    "aiohttp_client": ("AioHttpClientInstrumentor", ("aiohttp",)),
    "botocore": ("BotocoreInstrumentor", ("bedrock",)),
    "openai": ("OpenAIInstrumentor", ("openai", "openai, streamed")),
    "anthropic": ("AnthropicInstrumentor", ("anthropic",)),
}


def asked_once(
    url: str, call: Callable[[str], Any], steps: int, wrong: list[str], when: str
) -> None:
    """Note where a call gives something else, or is not as many steps as it should be."""
    got: list[Any] = []
    try:
        found = steps_of(lambda: got.append(call(url)))
    except BaseException as error:
        wrong.append(f"{when}: {error!r}")
        return
    if got != [GOOD]:
        wrong.append(f"{when}: gave {got}")
    if len(found) != steps:
        wrong.append(f"{when}: {[step.name for step in found]}, not {steps}")


@pytest.mark.parametrize("package", INSTRUMENTORS)
def test_beside_an_instrumentor_in_any_order(url: str, package: str) -> None:
    """Put on first or last, taken off first or last: one step while we are on, none after, never an error."""
    kind, names = INSTRUMENTORS[package]
    other = getattr(importlib.import_module(f"opentelemetry.instrumentation.{package}"), kind)()
    wrong: list[str] = []
    for ours_first, ours_off_first, name in itertools.product((1, 0), (1, 0), names):
        at = f"{name}, ours {'first' if ours_first else 'last'}, off {'first' if ours_off_first else 'last'}"
        put_on = [automatic.install, other.instrument][:: 1 if ours_first else -1]
        take_off = [automatic.uninstall, other.uninstrument][:: 1 if ours_off_first else -1]
        for each in put_on:
            each()
        asked_once(url, CALLS[name], 1, wrong, f"{at}: both on")
        take_off[0]()
        asked_once(url, CALLS[name], 0 if ours_off_first else 1, wrong, f"{at}: one off")
        take_off[1]()
        asked_once(url, CALLS[name], 0, wrong, f"{at}: both off")
        automatic.install()
        asked_once(url, CALLS[name], 1, wrong, f"{at}: on again")
        automatic.uninstall()
    assert wrong == []


SENTRY = """
import sys
sys.path[:0] = sys.argv[3:]
import sentry_sdk
from genmon_otel import capture as automatic
from frameworks.test_beside_others import CALLS, asked_once
seen = []
def watch():
    sentry_sdk.init("http://key@127.0.0.1:9/1", traces_sample_rate=1.0, transport=seen.append)
for put_on in (automatic.install, watch)[:: 1 if sys.argv[2] == "ours" else -1]:
    put_on()
wrong = []
for name, call in CALLS.items():
    asked_once(sys.argv[1], call, 1, wrong, name)
automatic.uninstall()
for name, call in CALLS.items():
    asked_once(sys.argv[1], call, 0, wrong, name + " after")
print("wrong", wrong)
"""


@pytest.mark.long("ten clients beside sentry-sdk, in a process each way: a minute")
@pytest.mark.parametrize("first", ["ours", "theirs"])
def test_beside_sentry(url: str, first: str) -> None:
    """sentry-sdk, which never comes off, before and after us: every call answers, and is one step."""
    tests = str(Path(__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-c", SENTRY, url, first, str(Path(tests).parent), tests,
         os.path.join(tests, "unit")],
        capture_output=True, text=True, check=False, timeout=250,
    )  # fmt: skip
    assert done.stdout.splitlines()[-1:] == ["wrong []"], done.stdout[-3000:] + done.stderr[-2000:]


@pytest.mark.long("ten clients, a cassette each way: minutes")
def test_beside_vcrpy(url: str, tmp_path: Path) -> None:
    """A cassette is recorded and played, whether it was put in before us or after."""
    wrong = {}
    for name, call in CALLS.items():
        for at, inner in enumerate((True, False)):
            cassette = str(tmp_path / f"{name}{at}.yaml")
            got: list[Any] = []

            def do(call: Any = call, got: list[Any] = got, cassette: str = cassette) -> None:
                with vcr.use_cassette(cassette):
                    got.append(call(url))

            for _ in range(2):
                if inner:
                    automatic.install()
                    steps_of(do)
                else:
                    with vcr.use_cassette(cassette):
                        automatic.install()
                        steps_of(lambda: got.append(call(url)))  # noqa: B023
                automatic.uninstall()
            if got != [GOOD, GOOD]:
                wrong[f"{name}, {at}"] = got
    assert wrong == {}


def test_beside_respx(url: str) -> None:
    """A route answers in place of the network, whether it was put on before us or after."""
    for ours_first in (True, False):
        if ours_first:
            automatic.install()
        with respx.mock:
            respx.post(f"{url}/plain").respond(text="mocked")
            automatic.install()
            got: list[str] = []
            steps_of(lambda got=got: got.append(CALLS["httpx"](url)))
            if not ours_first:
                automatic.uninstall()
        assert got == ["mocked"]
        automatic.uninstall()
    assert CALLS["httpx"](url) == GOOD
