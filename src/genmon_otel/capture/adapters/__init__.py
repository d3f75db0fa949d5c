"""One adapter a library; here which modules they wait for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from genmon_otel.capture.adapters import httpx_transports
from genmon_otel.capture.patches import Targets

#: By the module whose import puts the adapter on.
ADAPTERS: Final[Mapping[str, Targets]] = {
    "httpx": httpx_transports.targets,
    "httpx2": httpx_transports.targets,
}
