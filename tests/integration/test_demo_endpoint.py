"""Endpoints of the user's, tried before the demo begins; over real HTTP on loopback."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from genmon_otel.demo import endpoint
from genmon_otel.demo.endpoint import probe
from genmon_otel.errors import ConfigurationError

ANSWER = {
    "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "m",
    "choices": [{"index": 0, "finish_reason": "stop",
                 "message": {"role": "assistant", "content": "1, 2, 3"}}],
    "usage": {"prompt_tokens": 8, "completion_tokens": 24, "total_tokens": 32},
}  # fmt: skip
MODELS = {"object": "list", "data": [{"id": "m", "object": "model"}]}


def error(message: str) -> dict[str, Any]:
    """A refusal as OpenAI's API words it."""
    return {"error": {"message": message, "type": "invalid_request_error", "code": None}}


#: What an endpoint says to the list of models, and to a question: status and body.
ENDPOINTS: dict[str, tuple[tuple[int, Any], tuple[int, Any]]] = {
    "good": ((200, MODELS), (200, ANSWER)),
    "wants-a-key": ((401, error("You gave no API key.")), (401, error("You gave no API key."))),
    "wrong-address": ((404, {"detail": "Not Found"}), (404, {"detail": "Not Found"})),
    "a-web-page": ((200, "<html>hello</html>"), (200, "<html>hello</html>")),
    "no-models": ((200, {"object": "list", "data": []}), (200, ANSWER)),
    "refuses-the-name": ((200, MODELS), (404, error("The model `m` does not exist"))),
    "no-chat-template": ((200, MODELS), (500, error("Conversation roles must alternate"))),
    "no-room": ((200, MODELS), (429, error("Rate limit reached for sk-ant-" + "a1B2" * 20))),
    "no-choices": ((200, MODELS), (200, {**ANSWER, "choices": []})),
    "stalls": ((200, MODELS), (0, None)),
    "drips": ((200, MODELS), (1, ANSWER)),
}


class Handler(BaseHTTPRequestHandler):
    """Answers as the first part of the path says."""

    def do_GET(self) -> None:
        self._send(*ENDPOINTS[self.path.split("/")[1]][0])

    def do_POST(self) -> None:
        question = json.loads(self.rfile.read(int(self.headers["content-length"])))
        kind = self.path.split("/")[1]
        if kind == "no-limits" and "max_tokens" in question:
            self._send(400, error("Unsupported parameter: 'max_tokens'"))
        elif kind == "no-limits":
            self._send(200, ANSWER)
        else:
            self._send(*ENDPOINTS[kind][1])

    def _send(self, status: int, body: Any) -> None:
        payload = (body if isinstance(body, str) else json.dumps(body)).encode()
        if status == 0:
            STOPPED.wait()
            return
        self.send_response(max(200, status))
        self.send_header(
            "content-type", "text/html" if isinstance(body, str) else "application/json"
        )
        self.send_header("content-length", str(len(payload)))
        self.end_headers()
        for byte in payload:
            if status == 1 and STOPPED.wait(0.2):
                return
            self.wfile.write(bytes([byte]))

    def log_message(self, format: str, *args: Any) -> None:
        pass


STOPPED = threading.Event()


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The address of all of them."""
    STOPPED.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}"
        STOPPED.set()
        running.shutdown()


def refusal(url: str, name: str | None = None) -> str:
    """What the demo says of an endpoint it cannot ask."""
    with pytest.raises(ConfigurationError) as refused:
        probe(url, name, bounded=True)
    text = str(refused.value)
    assert url in text
    assert "\n" not in text
    assert len(text) < 500
    return text


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("wants-a-key", ("401 You gave no API key", "OPENAI_API_KEY")),
        ("wrong-address", ("404", "up to and including /v1", "--model-name")),
        ("a-web-page", ("no answer of OpenAI's API", "/v1")),
        ("no-models", ("its models", "--model-name")),
        ("refuses-the-name", ("model 'm'", "The model `m` does not exist", "--model-name")),
        ("no-chat-template", ("500 Conversation roles must alternate", "log")),
        ("no-room", ("429 Rate limit reached", "later")),
        ("no-choices", ("model 'm'", "no answer of OpenAI's API")),
    ],
)
def test_an_endpoint_that_refuses_is_named_with_the_remedy(
    server: str, kind: str, words: tuple[str, ...]
) -> None:
    """Each refusal is one error: the address, the endpoint's own words, what to do; no secret."""
    text = refusal(f"{server}/{kind}/v1")
    for word in words:
        assert word in text
    assert "a1B2a1B2" not in text


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/v1", "nothing", "localhost:9/v1"])
def test_an_endpoint_that_is_down_is_said_to_be(url: str) -> None:
    """No server, or no address at all: one error that asks for both."""
    assert "Is the server running" in refusal(url)


@pytest.mark.parametrize("kind", ["stalls", "drips"])
def test_an_endpoint_that_keeps_one_waiting_is_given_up(
    server: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither silence nor a byte now and then holds the demo up for longer than its patience."""
    monkeypatch.setattr(endpoint, "FIRST_ANSWER_S", 1.0)
    assert "no answer in 1 s" in refusal(f"{server}/{kind}/v1")


def test_a_good_endpoint_is_asked_at_its_pace(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A slow model gets short answers and one question at a time; what bounds it is said."""
    good = f"{server}/good/v1"
    monkeypatch.setattr(endpoint, "_pace", lambda *_: _result(10.0))
    slow = probe(good, None, bounded=True)
    assert (slow.model, slow.at_once, slow.options["max_tokens"]) == ("m", 1, endpoint.SHORTEST)
    assert slow.begin_within_s == endpoint.BEGIN_WITHIN_S
    assert "10 tokens a second" in slow.says
    assert f"no app is begun after {endpoint.BEGIN_WITHIN_S:.0f} s" in slow.says
    monkeypatch.setattr(endpoint, "_pace", lambda *_: _result(5000.0))
    quick = probe(good, "other", bounded=False)
    assert (quick.model, quick.options["max_tokens"]) == ("other", endpoint.LONGEST)
    assert quick.at_once > 1
    assert quick.begin_within_s is None


async def _result(pace: float) -> float:
    return pace


def test_a_model_that_refuses_limits_is_asked_without(server: str) -> None:
    """Some models take neither max_tokens nor a temperature; they are asked plainly."""
    ENDPOINTS["no-limits"] = ((200, MODELS), (200, ANSWER))
    asked = probe(f"{server}/no-limits/v1", None, bounded=True)
    assert dict(asked.options) == {}
    assert "cut off" not in asked.says
