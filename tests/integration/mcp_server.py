"""An MCP server for automatic steps: its tool answers as the prompt says, and it notes each request."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

from mcp.server.mcpserver import MCPServer

server = MCPServer("tried")


@server.tool()
def ask(prompt: str) -> str:
    """Answer: ``BAD``, ``FAIL``, ``SLOW`` and ``EXIT`` in the prompt say how it fails."""
    with Path(sys.argv[2]).open("a") as asked:
        asked.write(f"{prompt}\n")
    if "FAIL" in prompt:
        raise ValueError("the tool failed")
    if "SLOW" in prompt:
        time.sleep(2)
    if "EXIT" in prompt:
        sys.exit(3)
    return "no JSON" if "BAD" in prompt else '{"title": "x"}'


@server.resource("tried://text")
def text() -> str:
    """Give a resource."""
    return "no JSON either"


if __name__ == "__main__":
    options: dict[str, Any] = {} if sys.argv[1] == "stdio" else {"port": int(sys.argv[3])}
    server.run(sys.argv[1], **options)  # type: ignore[call-overload]
