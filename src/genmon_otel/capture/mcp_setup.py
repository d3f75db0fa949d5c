"""What an MCP client asks only to set up its connection, and how a replay answers it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

_CAPABILITIES: Final = {
    "tools": {}, "resources": {"subscribe": True}, "prompts": {}, "logging": {}, "completions": {},
}  # fmt: skip
#: Method names of the steps of a connection itself: while it is opened, and later. Recorded where it fails.
CONNECT: Final = "connect"
CONNECTION: Final = "connection"
#: By method: the result. The answer to ``server/discover`` offers nothing newer than
#: ``initialize``, which every version supports.
_ANSWERS: Final[Mapping[str, dict[str, Any]]] = {
    "initialize": {
        "protocolVersion": "2025-06-18",
        "capabilities": _CAPABILITIES,
        "serverInfo": {"name": "genmon-replay", "version": "0"},
    },
    "server/discover": {"supportedVersions": []},
    "ping": {},
    "logging/setLevel": {},
    CONNECT: {},
    CONNECTION: {},
}


def setup_answer(method: str, params: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return the result of a request that sets up a connection; None for any other."""
    answer = _ANSWERS.get(method)
    if answer is not None and "protocolVersion" in answer:
        return answer | {"protocolVersion": (params or {}).get("protocolVersion", "2025-06-18")}
    return answer


def setup_body(request: Mapping[str, Any]) -> str | None:
    """Return the answer to a step's request where it sets up a connection; None for any other."""
    if request.get("method") != "MCP":
        return None
    try:
        params = json.loads(str(request.get("body", "{}")))
    except ValueError:
        params = {}
    answer = setup_answer(str(request.get("path", "")), params)
    return None if answer is None else json.dumps(answer)
