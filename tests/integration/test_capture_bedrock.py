"""Bedrock by botocore: answers and event streams, recorded at urllib3, replayed as AWS's frames."""

from __future__ import annotations

from pathlib import Path

from integration.capture_kit import Tried, unlike_recorded
from integration.capture_server import Server

SOURCE = """
import json
from botocore.config import Config
from botocore.session import Session
from genmon_otel import generation

def client(url):
    return Session().create_client(
        "bedrock-runtime", region_name="us-east-1", endpoint_url=url,
        aws_access_key_id="AKIAABCDEFGHIJKLMNOP", aws_secret_access_key="s" * 40,
        config=Config(retries={"total_max_attempts": 2}, read_timeout=5),
    )

def messages(prompt):
    return [{"role": "user", "content": [{"text": prompt}]}]

def asked(url, prompt):
    answer = client(url).converse(modelId="m", messages=messages(prompt))
    return json.loads(answer["output"]["message"]["content"][0]["text"])

def streamed(url, prompt):
    text = ""
    for event in client(url).converse_stream(modelId="m", messages=messages(prompt))["stream"]:
        text += event.get("contentBlockDelta", {}).get("delta", {}).get("text", "")
    return json.loads(text)

@generation(name="build")
def build(url):
    assert asked(url, "good") == streamed(url, "good") == {"title": "x"}
    return FAULT
"""
FAULTS = {
    "content": ("asked(url, 'BAD')", "JSONDecodeError"),
    "throttled": ("asked(url, 'RATE')", "ThrottlingException"),
    "refused": ("asked('http://127.0.0.1:9', 'x')", "EndpointConnectionError"),
    "stream's content": ("streamed(url, 'BAD')", "JSONDecodeError"),
    "stream's exception": ("streamed(url, 'THROTTLE')", "EventStreamError"),
    "stream broke": ("streamed(url, 'BREAK')", "ProtocolError"),
}


def test_every_fault_is_replayed(server: Server, tmp_path: Path) -> None:
    """Content, throttling, exceptions amidst a stream: botocore's own errors, and nobody is asked."""
    assert unlike_recorded(tmp_path, SOURCE, FAULTS, server.url) == {}


def test_a_replay_without_a_network(server: Server, tmp_path: Path) -> None:
    """A process of its own reproduces what a stream of events said; frames are stored as JSON."""
    tried = Tried(tmp_path, SOURCE.replace("FAULT", FAULTS["stream's content"][0]), server.url)
    chunks = tried.case.steps[-1].outcome
    assert '":event-type":"contentBlockDelta"' in chunks[2][1]
    before = len(server.asked)
    run = tried.replayed()
    assert (run.verdict, run.error_type) == ("fail_same", "json.decoder.JSONDecodeError"), (
        run.detail
    )
    assert len(server.asked) == before
