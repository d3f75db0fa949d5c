"""One adapter a library; here which modules they wait for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from genmon_otel.capture import carried, unseen
from genmon_otel.capture.adapters import (
    aiohttp_session,
    asyncio_programs,
    httpx_transports,
    mcp_client,
    mcp_transports,
    programs,
    urllib3_pool,
    urllib_request,
)
from genmon_otel.capture.patches import Targets

#: By the module whose import puts the adapter on.
ADAPTERS: Final[Mapping[str, Targets]] = {
    "concurrent.futures.thread": carried.pool_targets,
    "threading": carried.thread_targets,
    "asyncio.base_events": asyncio_programs.targets,
    "uvloop": asyncio_programs.uvloop_targets,
    "aiohttp": aiohttp_session.targets,
    "httpx": httpx_transports.targets,
    "httpx2": httpx_transports.targets,
    "mcp": mcp_transports.targets,
    "mcp.client.client": mcp_transports.targets,
    "mcp.client.session_group": mcp_transports.targets,
    "mcp.client.sse": mcp_transports.targets,
    "mcp.client.stdio": mcp_transports.targets,
    "mcp.client.streamable_http": mcp_transports.targets,
    "mcp.client.websocket": mcp_transports.targets,
    "mcp.shared.jsonrpc_dispatcher": mcp_client.targets,
    "mcp.shared.session": mcp_client.session_targets,
    "subprocess": programs.targets,
    "urllib.request": urllib_request.targets,
    "urllib3": urllib3_pool.targets,
    "socket": unseen.socket_targets,
    unseen.DIALECT: unseen.dialect_targets,
    **dict.fromkeys(unseen.DRIVERS, unseen.driver_targets),
    **dict.fromkeys(unseen.NATIVE, unseen.native_targets),
}
