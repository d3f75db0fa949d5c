"""MCP over HTTP: a tool of a server somewhere. MCP_URL says where."""

import asyncio
import json
import os
import sys
from typing import Any

import mcp

from genmon_otel import generation, setup

setup()
PATIENCE_S = float(os.environ.get("MODEL_TIMEOUT_S", "60"))


async def ask(request: str, tool: str = "design") -> str:
    """Have the tool server design the app."""
    url = os.environ.get("MCP_URL", "https://tools.example.com/mcp")
    async with mcp.Client(url, read_timeout_seconds=PATIENCE_S, mode="legacy") as client:
        result = await client.call_tool(tool, {"request": request})
        return "".join(part.text for part in result.content if part.type == "text")


@generation
async def build(request: str) -> Any:
    """Design the app that a user asks for."""
    return json.loads(await ask(request))


if __name__ == "__main__":
    print(asyncio.run(build(" ".join(sys.argv[1:]) or "A habit tracker")))
