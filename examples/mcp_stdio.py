"""MCP over stdio: a tool of a server that runs as a program. MCP_SERVER names the program."""

import asyncio
import json
import os
import shlex
import sys
from typing import Any

import mcp

from genmon_otel import generation, setup

setup()
PATIENCE_S = float(os.environ.get("MODEL_TIMEOUT_S", "60"))


async def ask(request: str, tool: str = "design") -> str:
    """Have the tool server design the app."""
    command, *arguments = shlex.split(os.environ.get("MCP_SERVER", "design-server"))
    server = mcp.StdioServerParameters(command=command, args=arguments)
    async with mcp.Client(server, read_timeout_seconds=PATIENCE_S, mode="legacy") as client:
        result = await client.call_tool(tool, {"request": request})
        return "".join(part.text for part in result.content if part.type == "text")


@generation
async def build(request: str) -> Any:
    """Design the app that a user asks for."""
    return json.loads(await ask(request))


if __name__ == "__main__":
    print(asyncio.run(build(" ".join(sys.argv[1:]) or "A habit tracker")))
