"""One adapter a library; here which modules they wait for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from genmon_otel.capture import carried
from genmon_otel.capture.adapters import (
    aiohttp_session,
    asyncio_programs,
    httpx_transports,
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
    "subprocess": programs.targets,
    "urllib.request": urllib_request.targets,
    "urllib3": urllib3_pool.targets,
}
