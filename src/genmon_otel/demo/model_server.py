"""A loopback model server: an OpenAI-compatible endpoint that answers from shipped projects.

It knows which project is asked for by the sentence the user wrote, so that its
answers do not depend on the order of requests. Faults are real HTTP: status,
headers, body, or an answer that never comes.
"""

from __future__ import annotations

import json
import threading
import time
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from typing import Any, Final

MODEL: Final = "demo-model"
#: Share of the answer that is left when the token limit cuts it.
TRUNCATED_SHARE: Final = 0.8

Project = dict[str, Any]


def projects() -> dict[str, Project]:
    """The shipped projects by the user's sentence."""
    folder = files("genmon_otel.demo") / "projects"
    loaded = (
        tomllib.loads(entry.read_text(encoding="utf-8"))
        for entry in sorted(folder.iterdir(), key=lambda entry: entry.name)
        if entry.name.endswith(".toml")
    )
    return {project["request"]: project for project in loaded}


def answer(project: Project, prompt: str) -> str:
    """What the model says to a prompt about a project: its plan, or its code."""
    if not prompt.startswith("You write"):
        return str(project["plan"])
    code = json.dumps(
        {"files": project["files"], "dependencies": project["dependencies"]},
        indent=2,
        ensure_ascii=False,
    )
    match project.get("damage"):
        case "fence":
            return f"Here is the complete app:\n\n```json\n{code}\n```\n"
        case "truncate":
            return code[: int(len(code) * TRUNCATED_SHARE)]
        case _:
            return code


class ModelHandler(BaseHTTPRequestHandler):
    """Answers ``POST /v1/chat/completions`` and ``GET /v1/models``."""

    protocol_version = "HTTP/1.1"
    server: ModelServer

    def do_GET(self) -> None:
        """List the one model."""
        self._send(200, {"object": "list", "data": [{"id": MODEL, "object": "model"}]})

    def do_POST(self) -> None:
        """Answer a prompt, or fail as the project says."""
        length = int(self.headers.get("content-length", 0))
        asked = json.loads(self.rfile.read(length))
        prompt = asked["messages"][-1]["content"]
        project = next(
            (known for request, known in self.server.projects.items() if request in prompt), None
        )
        if project is None:
            self._complete(asked.get("model", MODEL), prompt, "I know the demo's apps alone.")
        elif fault := project.get("fault"):
            if fault.get("stall"):
                self.server.closing.wait()
                self.close_connection = True
            else:
                self._fail(fault["status"], fault["message"], fault.get("headers", {}))
        else:
            self._complete(asked.get("model", MODEL), prompt, answer(project, prompt))

    def _complete(self, model: str, prompt: str, text: str) -> None:
        used = {"prompt_tokens": len(prompt) // 4, "completion_tokens": len(text) // 4}
        self._send(
            200,
            {
                "id": f"chatcmpl-{time.monotonic_ns():x}",
                "object": "chat.completion",
                "created": int(time.time()),
                "model": model,
                "choices": [
                    {
                        "index": 0,
                        "finish_reason": "stop",
                        "message": {"role": "assistant", "content": text},
                    }
                ],
                "usage": {**used, "total_tokens": sum(used.values())},
            },
        )

    def _fail(self, status: int, message: str, headers: dict[str, str] | None = None) -> None:
        kind = {429: "requests", 529: "overloaded_error"}.get(status, "server_error")
        code = "rate_limit_exceeded" if status == 429 else None
        body = {"error": {"message": message, "type": kind, "param": None, "code": code}}
        self._send(status, body, headers or {})

    def _send(self, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
        payload = json.dumps(body).encode()
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    def log_message(self, format: str, *args: Any) -> None:
        """Stay silent: the demo prints its own progress."""


class ModelServer(ThreadingHTTPServer):
    """The server; bound to loopback, on a port of the system's choice."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), ModelHandler)
        self.projects = projects()
        self.closing = threading.Event()

    @property
    def url(self) -> str:
        """What ``OPENAI_BASE_URL`` has to be."""
        return f"http://127.0.0.1:{self.server_port}/v1"


@contextmanager
def model_server() -> Iterator[ModelServer]:
    """Run the server in a thread for the length of a block."""
    with ModelServer() as server:
        thread = threading.Thread(target=server.serve_forever, name="demo-model", daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.closing.set()
            server.shutdown()
            thread.join()
