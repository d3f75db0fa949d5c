"""A stand-in for a model: run a command with it, and every OpenAI client in it asks this one.

    python model.py python plain_script/app.py

It answers on a free loopback port with a small JSON design. Where a request speaks of a shop, it wraps the
JSON in prose, as models do now and then: that is the failure that the examples turn into a test.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

DESIGN = '{"title": "My app", "files": ["index.html", "app.js"]}'


def answer(request: str) -> str:
    """Return what the model says."""
    return f"Sure! Here is the design:\n{DESIGN}\nEnjoy!" if "shop" in request else DESIGN


class Model(BaseHTTPRequestHandler):
    """Speaks OpenAI's chat API, streamed where that is asked for."""

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        text = answer(json.dumps(asked["messages"]))
        self.send_response(200)
        if asked.get("stream"):
            self.send_header("content-type", "text/event-stream")
            self.end_headers()
            for chunk in chunks(text):
                self.wfile.write(f"data: {chunk}\n\n".encode())
        else:
            message = {"role": "assistant", "content": text}
            body = completion("chat.completion", message=message, finish_reason="stop")
            self.send_header("content-type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


def completion(kind: str, **choice: Any) -> dict[str, Any]:
    """Return the frame that answers and their chunks have."""
    return {
        "id": "chatcmpl-1",
        "object": kind,
        "created": 1,
        "model": "stand-in",
        "choices": [{"index": 0, **choice}],
    }


def chunks(text: str) -> Iterator[str]:
    """Yield an answer's events, a few characters each."""
    for start in range(0, len(text), 12):
        delta = {"content": text[start : start + 12]}
        yield json.dumps(completion("chat.completion.chunk", delta=delta, finish_reason=None))
    yield json.dumps(completion("chat.completion.chunk", delta={}, finish_reason="stop"))
    yield "[DONE]"


def main() -> int:
    """Run the command line's command beside the model."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Model)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/v1"
    environment = {**os.environ, "OPENAI_BASE_URL": url, "OPENAI_API_KEY": "none is needed"}
    return subprocess.run(sys.argv[1:], env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
