"""An MCP server over stdio, in a few lines: one tool, which fails as a request asks for."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # clients hand no PYTHONPATH on to their servers

from frameworks.model_server import SLOW_S, fault_of, mcp_reply, mcp_result


def main() -> None:
    """Answer line by line until stdin ends."""
    for line in sys.stdin:
        asked = json.loads(line)
        if "id" not in asked:
            continue
        if asked.get("method") == "tools/call":
            fault = fault_of(line, asked)
            if fault == "SLOW":
                time.sleep(SLOW_S)
            answer = mcp_result(asked, fault)
        else:
            answer = mcp_reply(asked)
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
