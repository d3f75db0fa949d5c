"""A loopback server for automatic steps: a model that answers as its prompt says, and plain endpoints."""

from __future__ import annotations

import gzip
import json
import struct
import sys
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


def completion(text: str) -> dict[str, Any]:
    """An answer of the OpenAI chat API."""
    message = {"role": "assistant", "content": text}
    return {
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "m",
        "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 5, "total_tokens": 8},
    }  # fmt: skip


def message(text: str) -> dict[str, Any]:
    """An answer of the Anthropic messages API."""
    return {
        "id": "msg_1", "type": "message", "role": "assistant", "model": "m", "stop_reason": "end_turn",
        "content": [{"type": "text", "text": text}], "usage": {"input_tokens": 3, "output_tokens": 5},
    }  # fmt: skip


def piece(text: str) -> dict[str, Any]:
    """One event of its stream."""
    return {
        "id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m",
        "choices": [{"index": 0, "delta": {"content": text}}],
    }  # fmt: skip


def frame(payload: bytes, **headers: str) -> bytes:
    """One frame of an AWS event stream."""
    packed = b"".join(
        bytes([len(name) + 1]) + b":" + name.replace("_", "-").encode() + b"\x07"
        + struct.pack("!H", len(value.encode())) + value.encode()
        for name, value in headers.items()
    )  # fmt: skip
    lengths = struct.pack("!II", len(packed) + len(payload) + 16, len(packed))
    body = lengths + struct.pack("!I", zlib.crc32(lengths)) + packed + payload
    return body + struct.pack("!I", zlib.crc32(body))


def event(kind: str, message_type: str = "event", **payload: Any) -> bytes:
    """One event of Bedrock's streams."""
    headers = {"event_type" if message_type == "event" else "exception_type": kind}
    data = json.dumps(payload, separators=(",", ":")).encode()
    return frame(data, **headers, content_type="application/json", message_type=message_type)


class Server(ThreadingHTTPServer):
    """Counts what it was asked; ``go_on`` lets a stream that waits go on."""

    daemon_threads = True

    def __init__(self, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.asked: list[str] = []
        self.go_on = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    """``RATE``, ``BAD``, ``BREAK`` in a prompt say how the model fails; paths say the rest."""

    protocol_version = "HTTP/1.1"
    server: Server

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def answer(self, status: int, body: bytes, kind: str = "application/json", **more: str) -> None:
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        for name, value in more.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def chunk(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()

    def begin_stream(self, kind: str = "text/event-stream", **more: str) -> None:
        self.send_response(200)
        self.send_header("content-type", kind)
        self.send_header("transfer-encoding", "chunked")
        for name, value in more.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def cut(self) -> None:
        self.close_connection = True
        self.connection.close()

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        match self.path.partition("?")[0]:
            case "/asked":
                self.answer(200, json.dumps(len(self.server.asked) - 1).encode())
            case "/json":
                self.answer(200, b'{"a": 1.0}', set_cookie="id=secret", x_request_id="r1")
            case "/gzip":
                self.answer(200, gzip.compress("größer".encode()), "text/plain; charset=utf-8",
                            content_encoding="gzip")  # fmt: skip
            case "/binary":
                self.answer(200, bytes(range(256)), "application/octet-stream")
            case "/large":
                self.answer(200, b"x" * (2 << 20), "text/plain")
            case "/empty":
                self.answer(204, b"")
            case "/redirect":
                self.answer(302, b"", location="/json")
            case "/slow":
                time.sleep(5)
                self.cut()
            case "/stream":  # the second chunk comes when somebody says so
                self.begin_stream()
                self.chunk(b"data: one\n\n")
                self.server.go_on.wait(20)
                self.chunk(b"data: two\n\n")
                self.chunk(b"")
            case "/plain-stream":
                self.begin_stream("text/plain")
                for part in (b"on", b"e\ntw", b"o\n", b""):
                    self.chunk(part)
            case "/packed-stream":  # cut anywhere, as packed bodies are
                self.begin_stream("text/plain; charset=utf-8", content_encoding="gzip")
                packed = gzip.compress("größer".encode())
                for part in (packed[:12], packed[12:], b""):
                    self.chunk(part)
            case "/broken-stream":
                self.begin_stream()
                self.chunk(b"data: one\n\n")
                self.cut()
            case "/broken":
                self.send_response(200)
                self.send_header("content-length", "100")
                self.end_headers()
                self.wfile.write(b"half")
                self.cut()
            case _:
                self.answer(404, b'{"error": "no such thing"}')

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        if "transfer-encoding" in self.headers:  # in chunks
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        prompt = body.decode("utf-8", "replace")
        self.server.asked.append(self.path)
        if self.path.endswith("/oauth/token"):
            return self.answer(200, b'{"access_token": "very-secret-token-1234567890"}')
        if "/model/" in self.path:
            return self.bedrock(prompt)
        if self.path.endswith(("/upload", "/audio/transcriptions")):
            return self.answer(200, b'{"text": "not what was asked for"}')
        if not self.path.endswith(("/chat/completions", "/v1/messages")):
            return self.answer(200, body or b"{}")
        if "RATE" in prompt:
            error = {"message": "Rate limit reached", "code": "rate_limit_exceeded"}
            return self.answer(429, json.dumps({"error": error}).encode(), retry_after_ms="10")
        if '"stream":true' in prompt.replace(" ", ""):
            self.begin_stream()
            for word in ['{"ti', 'tle": ', '"x"' + ("" if "BAD" in prompt else "}")]:
                self.chunk(f"data: {json.dumps(piece(word))}\n\n".encode())
            if "BREAK" in prompt:
                return self.cut()
            self.chunk(b"data: [DONE]\n\n")
            return self.chunk(b"")
        text = 'Sorry, I would say: {"a": 1' if "BAD" in prompt else '{"title": "x"}'
        said = message(text) if self.path.endswith("/messages") else completion(text)
        return self.answer(200, json.dumps(said).encode())

    def bedrock(self, prompt: str) -> None:
        """Answer Converse, plain or as a stream of events."""
        text = "no JSON" if "BAD" in prompt else '{"title": "x"}'
        if "RATE" in prompt:
            return self.answer(
                429, b'{"message": "slow down"}', x_amzn_errortype="ThrottlingException"
            )
        if not self.path.endswith("/converse-stream"):
            message = {"role": "assistant", "content": [{"text": text}]}
            usage = {"inputTokens": 3, "outputTokens": 5, "totalTokens": 8}
            answer = {"output": {"message": message}, "stopReason": "end_turn", "usage": usage}
            return self.answer(200, json.dumps(answer).encode())
        self.begin_stream("application/vnd.amazon.eventstream")
        self.chunk(event("messageStart", role="assistant"))
        for at in range(0, len(text), 4):
            delta = {"text": text[at : at + 4]}
            self.chunk(event("contentBlockDelta", contentBlockIndex=0, delta=delta))
        if "BREAK" in prompt:
            self.chunk(event("contentBlockDelta", contentBlockIndex=0, delta={"text": "x"})[:20])
            return self.cut()
        if "THROTTLE" in prompt:
            self.chunk(event("throttlingException", "exception", message="Too many tokens"))
        else:
            self.chunk(
                event("messageStop", stopReason="end_turn")
                + event(
                    "metadata",
                    usage={"inputTokens": 3, "outputTokens": 5, "totalTokens": 8},
                    metrics={},
                )
            )
        return self.chunk(b"")


@contextmanager
def running() -> Iterator[Server]:
    """A server on a free port, in a thread."""
    server = Server()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.go_on.set()
        server.shutdown()
        server.server_close()
        thread.join()


if __name__ == "__main__":
    Server(int(sys.argv[1])).serve_forever()
