"""A loopback server that speaks the wire formats of the model APIs, and fails as a request asks for.

A word in the request names the fault (see :data:`FAULTS`); a request that names the model ``spare`` is
always answered well. Where a request offers tools, the fault comes after the tool was called.
"""

from __future__ import annotations

import json
import re
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from frameworks import wire_formats as wire
from frameworks.wire_formats import Said, ToolCall

#: What a request may say to be answered badly: the columns of the table.
FAULTS: Final = {
    "CONTENT": "an answer that the application cannot digest",
    "RATE": "429, more often than the client library tries",
    "ERROR": "500, more often than the client library tries",
    "SLOW": "no answer within the client's time-out",
    "BREAK": "a stream that breaks in the middle",
    "CUTOFF": "a stream that ends well and cannot be digested",
}
GOOD: Final = '{"title": "Habits", "files": ["index.html"]}'
BAD: Final = "Sure! Here is the app: " + GOOD
#: Of no use to what reads arguments of a tool, or an answer by a schema.
BAD_ARGUMENTS: Final = '{"title": ["Habits"], "pages": 3}'
#: Seconds that a slow answer takes; clients wait for less.
SLOW_S: Final = 8.0

#: By the end of a path: the answer as a body, and as a stream.
APIS: Final[tuple[tuple[str, Callable[[Said], Any], Callable[[Any], Iterable[bytes]]], ...]] = (
    (r"/chat/completions$", wire.openai_chat, wire.openai_chat_stream),
    (r"/responses$", wire.openai_response, wire.openai_response_stream),
    (r"/messages$", wire.anthropic_message, wire.anthropic_stream),
    (r":generateContent$|:streamGenerateContent$", wire.gemini_content, wire.gemini_stream),
    (r"/v2/chat$", wire.cohere_chat, wire.cohere_stream),
    (r"/converse$|/converse-stream$", wire.bedrock_converse, wire.bedrock_stream),
    (r"/plain$", lambda said: said, lambda said: [half.encode() for half in wire.halves(said)]),
)


class Server(ThreadingHTTPServer):
    """Counts the requests that it was sent."""

    daemon_threads = True

    def __init__(self, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.asked = 0
        self.closing = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is what some faults are about."""


class Handler(BaseHTTPRequestHandler):
    """Answers each model API, MCP and plain JSON."""

    protocol_version = "HTTP/1.1"
    server: Server

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        if self.path.startswith("/mcp"):  # a stream that only listens: not offered
            return self.send(405, b"{}")
        return self.do_POST()

    def do_DELETE(self) -> None:
        self.send(200, b"{}")

    def do_POST(self) -> None:
        self.server.asked += 1
        body = self.rfile.read(int(self.headers.get("content-length") or 0)).decode()
        path, _, query = self.path.partition("?")
        asked = json.loads(body) if body.startswith("{") else {}
        if path.endswith("/mcp") and (answer := mcp_set_up(asked)) is not None:
            return self.send(200 if answer else 202, answer, mcp_session_id="1")
        fault = fault_of(body + query, asked)
        if fault == "SLOW":
            self.server.closing.wait(SLOW_S)
            return self.cut()
        if fault == "RATE":
            return self.fail(429, "Rate limit reached for requests", "rate_limit_error")
        if fault == "ERROR":
            return self.fail(500, "The server had an error while processing", "api_error")
        if path.endswith("/mcp"):
            return self.send(200, json.dumps(mcp_result(asked, fault)).encode())
        known = next((api for api in APIS if re.search(api[0], path)), None)
        if known is None:
            return self.send(404, b'{"error": "no such path"}')
        said = answer_to(asked, fault)
        can_stream = isinstance(said, str) or known[2] is wire.openai_chat_stream
        if is_streamed(path, asked, query) and can_stream:
            kind = (
                "application/vnd.amazon.eventstream" if "converse" in path else "text/event-stream"
            )
            return self.stream(list(known[2](said)), kind, is_broken=fault == "BREAK")
        answer = known[1](said)
        text = answer if isinstance(answer, str) else json.dumps(answer)
        return self.send(200, text.encode())

    def send(self, status: int, body: bytes, **more: str) -> None:
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        for name, value in more.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def fail(self, status: int, message: str, kind: str) -> None:
        names = {429: "RESOURCE_EXHAUSTED", 500: "INTERNAL"}
        error = {"message": message, "type": kind, "code": status, "status": names[status]}
        errors = {429: "ThrottlingException", 500: "InternalServerException"}
        body = {"type": "error", "error": error, "message": message}
        more = {"retry_after_ms": "10"} if status == 429 else {}
        self.send(status, json.dumps(body).encode(), x_amzn_errortype=errors[status], **more)

    def stream(self, events: list[bytes], kind: str, *, is_broken: bool) -> None:
        self.send_response(200)
        self.send_header("content-type", kind)
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        for event in events[: len(events) // 2] if is_broken else events:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(event), event))
            self.wfile.flush()
        if is_broken:
            return self.cut()
        return self.wfile.write(b"0\r\n\r\n") and None

    def cut(self) -> None:
        self.close_connection = True
        self.connection.close()


def fault_of(text: str, asked: dict[str, Any]) -> str:
    """The fault that a request asks for; empty where it is to be answered well."""
    fault = next(
        (word for word in FAULTS if f"{word} please" in text.replace("%20", " ").replace("+", " ")),
        "",
    )
    tools = tools_of(asked)
    is_first = tools and not final_of(tools) and not has_tool_result(text)
    return "" if is_first or "spare" in text else fault


def answer_to(asked: dict[str, Any], fault: str) -> Said:
    """What the model says."""
    tools = tools_of(asked)
    if final := final_of(tools):
        return ToolCall(final, BAD_ARGUMENTS if fault == "CONTENT" else GOOD)
    if tools and not has_tool_result(json.dumps(asked)):
        return ToolCall(tools[0], '{"name": "react"}')
    if "[[ ## design ## ]]" in json.dumps(asked) and not fault:  # the signature of dspy_predict
        return f"[[ ## design ## ]]\n{GOOD}\n\n[[ ## completed ## ]]"
    if fault == "CUTOFF":
        return GOOD[:-9]
    if fault == "CONTENT":
        schema = '"json_schema"' in json.dumps(asked)
        return BAD_ARGUMENTS if schema else BAD
    return GOOD


def tools_of(asked: dict[str, Any]) -> list[str]:
    """Names of the tools that a request offers."""
    text = json.dumps([asked.get("tools"), asked.get("toolConfig")])
    return re.findall(r'"name": "([A-Za-z_]+)"', text)


def final_of(tools: list[str]) -> str:
    """The tool that takes the answer itself, where a framework has the model answer by one."""
    return next((name for name in tools if name in ("App", "final_result")), "")


def has_tool_result(text: str) -> bool:
    """Whether a tool was called already: in the words of each API."""
    compact = text.replace(" ", "")
    words = (
        '"role":"tool"',
        "tool_result",
        "function_call_output",
        "functionResponse",
        "toolResult",
    )
    return any(word in compact for word in words)


def is_streamed(path: str, asked: dict[str, Any], query: str) -> bool:
    return bool(
        asked.get("stream") or "stream" in path.rpartition("/")[2].lower() or "stream=1" in query
    )


def mcp_set_up(asked: dict[str, Any]) -> bytes | None:
    """The answer to what an MCP client sends before it calls a tool; None for a call."""
    if "id" not in asked:
        return b""
    if asked.get("method") == "tools/call":
        return None
    return json.dumps(mcp_reply(asked)).encode()


def mcp_reply(asked: dict[str, Any]) -> dict[str, Any]:
    """What an MCP server says to a request that is no call of a tool."""
    result: dict[str, Any] = {}
    if asked["method"] == "initialize":
        result = {
            "protocolVersion": asked["params"]["protocolVersion"],
            "capabilities": {"tools": {}},
            "serverInfo": {"name": "packages", "version": "1"},
        }
    elif asked["method"] == "tools/list":
        schema = {"type": "object", "properties": {"request": {"type": "string"}}}
        result = {"tools": [{"name": "design", "inputSchema": schema}]}
    return {"jsonrpc": "2.0", "id": asked["id"], "result": result}


def mcp_result(asked: dict[str, Any], fault: str) -> dict[str, Any]:
    """What an MCP server says to a call of a tool."""
    head = {"jsonrpc": "2.0", "id": asked["id"]}
    if fault == "ERROR":
        return {**head, "error": {"code": -32603, "message": "Internal error in the tool server"}}
    text = BAD if fault == "CONTENT" else GOOD
    return {**head, "result": {"content": [{"type": "text", "text": text}], "isError": False}}


@contextmanager
def running() -> Iterator[Server]:
    """A server on a free port, in a thread."""
    server = Server()
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.closing.set()
        server.shutdown()
        server.server_close()
        thread.join()


if __name__ == "__main__":
    Server(int(sys.argv[1])).serve_forever()
