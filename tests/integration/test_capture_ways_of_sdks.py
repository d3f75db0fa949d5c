"""Ways in which SDKs ask and read beside the plain one: raw and streaming responses, uploads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from integration.capture_kit import Tried, steps_of, unlike_recorded
from integration.capture_server import Server

from genmon_otel.exchanges import status_of

#: Each reads the text of an answer in its own way.
SOURCE = """
import asyncio, io, json
import aiohttp, anthropic, httpx, openai, requests
from genmon_otel import generation

def messages(prompt):
    return [{"role": "user", "content": prompt}]

def gpt(url, kind=openai.OpenAI):
    return kind(base_url=f"{url}/v1", api_key="sk-x", max_retries=1)

def claude(url, kind=anthropic.Anthropic):
    return kind(base_url=url, api_key="x", max_retries=1)

def raw(url, prompt):
    got = gpt(url).chat.completions.with_raw_response.create(model="m", messages=messages(prompt))
    assert got.headers["content-type"] == "application/json"
    return json.loads(got.parse().choices[0].message.content)

def streaming(url, prompt):
    create = gpt(url).chat.completions.with_streaming_response.create
    with create(model="m", messages=messages(prompt)) as got:
        return json.loads(got.parse().choices[0].message.content)

def lines(url, prompt):
    create = gpt(url).chat.completions.with_streaming_response.create
    with create(model="m", messages=messages(prompt), stream=True) as got:
        said = [line[6:] for line in got.iter_lines() if line.startswith("data: {")]
    return json.loads("".join(json.loads(x)["choices"][0]["delta"]["content"] for x in said))

def raw_async(url, prompt):
    async def ask():
        create = gpt(url, openai.AsyncOpenAI).chat.completions.with_raw_response.create
        got = await create(model="m", messages=messages(prompt))
        return json.loads(got.parse().choices[0].message.content)
    return asyncio.run(ask())

def streaming_async(url, prompt):
    async def ask():
        create = gpt(url, openai.AsyncOpenAI).chat.completions.with_streaming_response.create
        async with create(model="m", messages=messages(prompt)) as got:
            return json.loads((await got.parse()).choices[0].message.content)
    return asyncio.run(ask())

def raw_claude(url, prompt):
    create = claude(url).messages.with_raw_response.create
    got = create(model="m", max_tokens=9, messages=messages(prompt))
    return json.loads(got.parse().content[0].text)

def streaming_claude(url, prompt):
    create = claude(url).messages.with_streaming_response.create
    with create(model="m", max_tokens=9, messages=messages(prompt)) as got:
        return json.loads(got.parse().content[0].text)

WAYS = (raw, streaming, lines, raw_async, streaming_async, raw_claude, streaming_claude)

def upload(url, prompt):
    got = requests.post(f"{url}/upload", files={"file": ("a.wav", b"RIFF" + bytes(range(256)))})
    return json.loads(got.json()["text"])

def upload_httpx(url, prompt):
    file = io.BytesIO(b"RIFF" + bytes(range(256)))
    got = httpx.post(f"{url}/upload", data={"model": "m"}, files={"file": ("a.wav", file)})
    return json.loads(got.json()["text"])

def upload_openai(url, prompt):
    file = ("a.wav", b"RIFF" + bytes(range(256)))
    return json.loads(gpt(url).audio.transcriptions.create(model="m", file=file).text)

def form_aiohttp(url, prompt):
    form = aiohttp.FormData({"model": "m"})
    form.add_field("file", io.BytesIO(b"RIFF" + bytes(range(256))), filename="a.wav")
    return json.loads(asyncio.run(posted(url, form))["text"])

def parts_aiohttp(url, prompt):
    async def parts():
        for byte in range(300):
            yield b"RIFF" + bytes([byte % 256])
    return json.loads(asyncio.run(posted(url, parts()))["text"])

async def posted(url, data):
    async with aiohttp.ClientSession() as session, session.post(f"{url}/upload", data=data) as got:
        return await got.json()

@generation(name="build")
def build(url):
    return FAULT
"""

FAULTS = {
    f"{way}, {what}": (f"{way}(url, '{what}')", "RateLimitError" if what == "RATE" else "JSONDecodeError")
    for way in (
        "raw", "streaming", "lines", "raw_async", "streaming_async", "raw_claude", "streaming_claude",
    )
    for what in ("BAD", "RATE")
}  # fmt: skip
UPLOADS = ("upload", "upload_httpx", "upload_openai", "form_aiohttp", "parts_aiohttp")


def test_raw_and_streaming_responses_are_replayed(server: Server, tmp_path: Path) -> None:
    """What openai and anthropic give unparsed is what it was, headers included; nobody is asked."""
    assert unlike_recorded(tmp_path, SOURCE, FAULTS, server.url) == {}


def test_uploads_are_replayed(server: Server, tmp_path: Path) -> None:
    """A multipart body is the same request in a replay, whatever boundary its client drew."""
    faults = {way: (f"{way}(url, 'x')", "JSONDecodeError") for way in UPLOADS}
    assert unlike_recorded(tmp_path, SOURCE, faults, server.url) == {}


@pytest.mark.parametrize("way", UPLOADS)
def test_an_upload_is_kept_by_digest(server: Server, tmp_path: Path, way: str) -> None:
    """Length and digest of a multipart body are recorded, the same for the same content; no byte of it."""
    source = SOURCE.replace("FAULT", f"{way}(url, 'x')")
    first, second = (Tried(tmp_path, source, server.url) for _ in range(2))
    asked: Any = first.case.steps[0].arguments
    assert asked == second.case.steps[0].arguments
    assert asked["length"] > 260
    assert len(asked["sha256"]) == 32
    assert "RIFF" not in str(asked)


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("library", ["openai", "anthropic"])
@pytest.mark.parametrize("is_async", [False, True])
def test_retries_of_a_client_are_attempts_of_one_call(
    server: Server, library: str, is_async: bool, stream: bool
) -> None:
    """Streamed or not: a client does not read the refusal of a stream before it asks again."""
    sdk = pytest.importorskip(library)
    prefix = "Async" if is_async else ""
    kind = getattr(sdk, prefix + {"openai": "OpenAI", "anthropic": "Anthropic"}[library])
    base = f"{server.url}/v1" if library == "openai" else server.url
    asked: Any = {"model": "m", "messages": [{"role": "user", "content": "RATE"}], "stream": stream}

    def ask() -> Any:
        client = kind(base_url=base, api_key="none", max_retries=2)
        if library == "openai":
            return client.chat.completions.create(**asked)
        return client.messages.create(**asked, max_tokens=5)

    async def wait() -> None:
        with pytest.raises(sdk.RateLimitError):
            await ask()

    def do() -> Any:
        if is_async:
            return wait()
        with pytest.raises(sdk.RateLimitError):
            ask()

    assert [(s.call, status_of(s)) for s in steps_of(do)] == [(1, 429)] * 3
