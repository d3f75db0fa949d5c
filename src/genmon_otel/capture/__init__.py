"""Automatic steps: outbound calls of a generation, recorded at the client library.

An adapter knows one library, by four parts: what is patched, what a request is, what an answer
is, and how it is rebuilt in a replay. Adapters are installed when their library is imported, and
removed by :func:`uninstall`, except where another patch wraps ours: those then only call through.
"""

from __future__ import annotations

from collections.abc import Iterable

from genmon_otel.capture import patches
from genmon_otel.capture.adapters import ADAPTERS
from genmon_otel.capture.endpoints import IgnoredEndpoints

__all__ = ["install", "uninstall"]


def install(ignored: Iterable[str] = ()) -> None:
    """Record automatic steps from now on, whatever is imported, now or later.

    Args:
        ignored: hosts (``api.example.com``, ``.example.com`` with all below it) and paths
            (``/health``) that are never steps.
    """
    IgnoredEndpoints.rules = tuple(ignored)
    patches.install(ADAPTERS)


def uninstall() -> None:
    """Record none any more; libraries are as they were where no other patch lies over ours."""
    patches.uninstall()
    IgnoredEndpoints.rules = ()
