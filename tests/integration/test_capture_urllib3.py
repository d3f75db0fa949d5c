"""Automatic steps of urllib3 over real HTTP: plain, by requests and by botocore."""

from __future__ import annotations

import pytest
import requests
import urllib3
from integration.capture_kit import steps_of
from integration.capture_server import Server
from urllib3.util import Retry

pytestmark = pytest.mark.usefixtures("installed")


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("/json", '{"a": 1.0}'),
        ("/gzip", "größer"),
        ("/packed-stream", "größer"),
        ("/empty", ""),
        ("/none", '{"error": "no such thing"}'),
    ],
)
def test_bodies_are_kept(server: Server, path: str, says: str) -> None:
    """By requests, read at once by urllib3, and read piece by piece, a body is the same step."""

    def piecewise() -> None:
        answer = urllib3.PoolManager().request("GET", f"{server.url}{path}", preload_content=False)
        while answer.read(3):
            pass
        answer.release_conn()

    for do in (
        lambda: requests.get(f"{server.url}{path}", timeout=5),
        lambda: urllib3.PoolManager().request("GET", f"{server.url}{path}"),
        piecewise,
    ):
        (step,) = steps_of(do)
        assert (step.kind, step.adapter, step.arguments["path"]) == ("value", "urllib3", path)
        assert step.outcome["body"] == says


def test_a_body_sent_is_kept(server: Server) -> None:
    """JSON, text and form bodies are the request's; a secret in them is hidden."""

    def do() -> None:
        requests.post(
            f"{server.url}/echo", json={"a": 1, "api_key": "abcd1234efgh5678ijkl"}, timeout=5
        )
        requests.post(f"{server.url}/echo", data={"a": "1"}, timeout=5)
        requests.post(f"{server.url}/echo", data=iter([b"x", b"y"]), timeout=5)

    as_json, form, streamed = (step.arguments for step in steps_of(do))
    assert as_json["body"].startswith('{"a":1,"api_key":"')
    assert "abcd1234" not in as_json["body"]
    assert form["body"] == "a=1"
    assert streamed["body"]["why"] == "stream"


def test_each_attempt_is_a_step(server: Server) -> None:
    """urllib3's own retries and redirects lie above: each request that goes out is one."""
    pool = urllib3.PoolManager(retries=Retry(2, status_forcelist=[404], backoff_factor=0))

    def do() -> None:
        with pytest.raises(urllib3.exceptions.MaxRetryError):
            pool.request("GET", f"{server.url}/none")
        pool.request("GET", f"{server.url}/redirect")

    assert [s.outcome["status"] for s in steps_of(do)] == [404, 404, 404, 302, 200]


def test_faults_are_what_they_were(server: Server) -> None:
    """No connection, a time-out and a body that breaks off keep urllib3's own errors."""

    def ask(url: str, timeout: float = 5) -> None:
        with pytest.raises(requests.RequestException):
            requests.get(url, timeout=timeout)

    def all_three() -> None:
        ask("http://127.0.0.1:9/")
        ask(f"{server.url}/slow", timeout=0.05)
        ask(f"{server.url}/broken")

    refused, late, broken = steps_of(all_three)
    assert refused.outcome["type"] == "urllib3.exceptions:NewConnectionError"
    assert late.outcome["type"] == "urllib3.exceptions:ReadTimeoutError"
    assert (broken.kind, broken.outcome[1][1]) == ("stream", "half")
    assert broken.stream_error["type"] == "urllib3.exceptions:ProtocolError"


def test_a_stream_that_breaks_off_says_so(server: Server) -> None:
    """A chunked stream that is cut keeps its chunks and the error, though urllib3 closes it first."""

    def read() -> None:
        with (
            pytest.raises(requests.exceptions.ChunkedEncodingError),
            requests.get(f"{server.url}/broken-stream", stream=True, timeout=5) as response,
        ):
            list(response.iter_content(None))

    (step,) = steps_of(read)
    assert [text for _, text in step.outcome[1:]] == ["data: one\n\n"]
    assert step.stream_error["type"] == "urllib3.exceptions:ProtocolError"


def test_a_stream_comes_chunk_by_chunk(server: Server) -> None:
    """A chunked stream is read as it comes, and recorded chunk by chunk."""
    server.go_on.clear()

    def read() -> None:
        with requests.get(f"{server.url}/stream", stream=True, timeout=5) as response:
            chunks = response.iter_content(None)
            assert next(chunks) == b"data: one\n\n"
            server.go_on.set()
            assert list(chunks) == [b"data: two\n\n"]

    (step,) = steps_of(read)
    assert [text for _, text in step.outcome[1:]] == ["data: one\n\n", "data: two\n\n"]
    assert not step.cut


@pytest.mark.parametrize("reads", [True, False])
def test_botocore_goes_through_it(server: Server, reads: bool) -> None:
    """A call of Bedrock is one step for each attempt, and is called by its API's name."""
    from botocore.config import Config
    from botocore.exceptions import ClientError
    from botocore.session import Session

    client = Session().create_client(
        "bedrock-runtime",
        region_name="us-east-1",
        endpoint_url=server.url,
        aws_access_key_id="AKIAABCDEFGHIJKLMNOP",
        aws_secret_access_key="s" * 40,
        config=Config(retries={"total_max_attempts": 2}),
    )

    def do() -> None:
        if reads:
            client.converse(modelId="m", messages=[{"role": "user", "content": [{"text": "x"}]}])
        else:
            with pytest.raises(ClientError):
                client.get_async_invoke(
                    invocationArn="arn:aws:bedrock:us-east-1:123456789012:async-invoke/abcdefghijkl"
                )

    steps = steps_of(do)
    assert [s.name for s in steps] == (["aws.bedrock chat"] if reads else ["GET 127.0.0.1"])
    assert "AKIA" not in str(steps)
