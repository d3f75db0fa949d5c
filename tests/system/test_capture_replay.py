"""``setup()`` and ``@generation`` alone close the loop: recorded, made a case, replayed without a server."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from integration import capture_server
from integration.capture_server import Server

APP = """
import asyncio, json, os
import openai
from genmon_otel import generation, setup

setup(metrics="none", code_version="v1")
client = openai.OpenAI(base_url=os.environ.get("MODEL_URL", "http://127.0.0.1:9/v1"))

def messages(request):
    return [{"role": "user", "content": request}]

@generation
def build(request):
    answer = client.chat.completions.create(model="m", messages=messages(request))
    return json.loads(answer.choices[0].message.content)

@generation
def stream(request):
    text = ""
    for event in client.chat.completions.create(model="m", messages=messages(request), stream=True):
        text += event.choices[0].delta.content or ""
    return json.loads(text)

@generation
async def asynchronous(request):
    url = os.environ.get("MODEL_URL", "http://127.0.0.1:9/v1")
    async with openai.AsyncOpenAI(base_url=url) as client:
        chunks = await client.chat.completions.create(
            model="m", messages=messages(request), stream=True
        )
        return json.loads("".join([c.choices[0].delta.content or "" async for c in chunks]))
"""
RUN = """
import asyncio
from app import asynchronous, build, stream
from genmon_otel import shutdown

def tried(call):
    try:
        call()
    except Exception as error:
        print(type(error).__name__)

for request in ("good", *["BAD", "RATE"] * 3):
    tried(lambda: build(request))
for request in ("good", *["BREAK", "BAD"] * 3):
    tried(lambda: stream(request))
for request in ("good", *["BREAK"] * 3):
    tried(lambda: asyncio.run(asynchronous(request)))
assert shutdown()
"""


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with capture_server.running() as running:
        yield running


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, server: Server) -> Path:
    """An application of which five failures struck three times."""
    folder = tmp_path_factory.mktemp("application")
    (folder / "app.py").write_text(APP)
    (folder / "run.py").write_text(RUN)
    ran = run(folder, sys.executable, "run.py", MODEL_URL=f"{server.url}/v1")
    assert sorted(set(ran.split())) == [
        "JSONDecodeError", "RateLimitError", "RemoteProtocolError"
    ]  # fmt: skip
    return folder


def run(folder: Path, *command: str, **more: str) -> str:
    """What a program of the application's printed."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("GENMON_")}
    key = "sk-proj-abcdefghijklmnopqrstuvwxyz0123456789"
    env = {**kept, "OPENAI_API_KEY": key, "COLUMNS": "200", **more}
    done = subprocess.run(
        command, check=False, cwd=folder, env=env, capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def genmon(folder: Path, *arguments: str) -> str:
    return run(folder, sys.executable, "-c", "from genmon_otel.cli import main; main()", *arguments)


def test_every_fault_reproduces(home: Path, server: Server) -> None:
    """Undigestible content, 429 beyond the retries, streams that break or are undigestible: 3 of 3 each."""
    before = len(server.asked)
    verified = genmon(home, "cases", "verify")
    assert verified.count("reproduced: 3 of 3") == 5, verified
    assert len(server.asked) == before  # a replay asks nobody
    store = (home / ".genmon" / "genmon.db").read_bytes()
    assert b"sk-proj-abcdefghijklmnop" not in store


BEHIND_A_GATEWAY = """
import json, threading, time
import distro, httpx, openai
from genmon_otel import generation, setup

setup(metrics="none", code_version="v1")
client = openai.OpenAI()

def send_traces(sent):
    time.sleep(0.2)
    sent.append(httpx.post(f"{client.base_url}traces/ingest", json={"data": []}).status_code)

@generation
def build(request):
    # Frameworks send their traces from a thread of their own.
    threading.Thread(target=send_traces, args=(sent := [],), daemon=True).start()
    while not sent:
        time.sleep(0.1)
    # Asked once a process: a replay's is new.
    distro.LinuxDistribution().info()
    # As frameworks do: the provider itself is asked otherwise than a gateway.
    is_own = client.base_url.host == "api.openai.com"
    answer = client.chat.completions.create(
        model="m", messages=[{"role": "user", "content": request}],
        **({"prompt_cache_key": "run"} if is_own else {}),
    )
    return json.loads(answer.choices[0].message.content)

if __name__ == "__main__":
    for request in ("good", "BAD", "BAD", "BAD"):
        try:
            build(request)
        except ValueError as error:
            print(type(error).__name__)
"""


def test_a_replay_asks_the_gateway_that_was_recorded(tmp_path: Path, server: Server) -> None:
    """Without the base URL of production a replay asks the same; telemetry and questions to the machine are no steps."""
    (tmp_path / "app.py").write_text(BEHIND_A_GATEWAY)
    run(tmp_path, sys.executable, "app.py", OPENAI_BASE_URL=f"{server.url}/v1")
    verified = genmon(tmp_path, "cases", "verify")
    assert verified.count("reproduced: 3 of 3") == 1, verified
    handle = verified[verified.index("F-") :].split()[0].rstrip(":")
    said = genmon(tmp_path, "cases", "run", handle)
    assert f"{handle} fail_same" in said, said
    assert "ingest" not in genmon(tmp_path, "cases", "show", handle)
