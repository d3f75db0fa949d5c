"""MCP: what connects a client to a server. Inert in a replay, but for a connection that failed then.

One step a connection, recorded only if it fails: ``connect`` where it raises as it is opened, ``connection``
where a task of the transport raises later, which cancels what is asked meanwhile.
"""

from __future__ import annotations

import math
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

from genmon_otel.capture.adapters.mcp_client import begin_request, rebuilt
from genmon_otel.capture.mcp_setup import CONNECT, CONNECTION
from genmon_otel.capture.patches import Wrap
from genmon_otel.recorder import active_runtime
from genmon_otel.recorder.runtime import suppress_and_count

#: Groups within each other that are looked into.
_MAX_NESTED: Final = 20


def targets(module: Any) -> list[tuple[Any, str, Wrap]]:
    """Patch: what connects to a server, in its own module of ``mcp.client`` and where ``mcp`` imports it by name."""

    def wrap(original: Callable[..., Any]) -> Callable[..., Any]:
        has_session_id = original.__name__ == "streamablehttp_client" or (
            original.__name__ == "streamable_http_client"
            and hasattr(
                sys.modules[original.__module__], "GetSessionIdCallback"
            )  # version 1 gives three
        )

        def connect(*args: Any, **options: Any) -> Any:
            if active_runtime().player is None:
                return _Connection(original(*args, **options))
            return _inert(has_session_id)

        return connect

    names = ("stdio_client", "sse_client", "streamable_http_client", "streamablehttp_client",
             "websocket_client")  # fmt: skip
    return [(module, name, wrap) for name in names if callable(vars(module).get(name))]


class _Connection:
    """A transport's own context manager; an exception that it raises is recorded."""

    def __init__(self, manager: Any) -> None:
        self._manager = manager
        self._began = active_runtime().clock.monotonic()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._manager, name)

    async def __aenter__(self) -> Any:
        try:
            return await self._manager.__aenter__()
        except Exception as error:
            _record(CONNECT, error, self._began)
            raise

    async def __aexit__(self, kind: Any, error: Any, traceback: Any) -> Any:
        try:
            return await self._manager.__aexit__(kind, error, traceback)
        except Exception as raised:
            own = _only(raised)
            if own is not _only(error):  # what the block raised comes out again
                _record(CONNECTION, own, self._began)
            raise


def _record(method: str, error: BaseException, began: float) -> None:
    try:
        call = begin_request(method)
        if call is not None:
            call.set_began(began)
            call.enter()
            call.failed(error)
    except BaseException:
        suppress_and_count("capture")


def _only(error: Any) -> Any:
    """What a group holds, where it is one exception: the group is made anew in a replay."""
    for _ in range(_MAX_NESTED):
        if not isinstance(error, BaseExceptionGroup) or len(error.exceptions) != 1:
            break
        error = error.exceptions[0]
    return error


@asynccontextmanager
async def _inert(has_session_id: bool) -> AsyncIterator[Any]:
    """Give streams of which one never gives anything, and the other takes everything."""
    import anyio

    await _replay(CONNECT)
    gives, read = anyio.create_memory_object_stream[Any](0)
    write, takes = anyio.create_memory_object_stream[Any](math.inf)
    with gives, read, write, takes:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_replay, CONNECTION)
            yield (read, write, lambda: None) if has_session_id else (read, write)
            tasks.cancel_scope.cancel()


async def _replay(method: str) -> None:
    """Raise what a connection raised, when it did; return where it raised nothing."""
    call = begin_request(method)
    if call is None:
        return
    try:
        call.enter()
        await rebuilt(await call.request_async())
    except BaseException as error:
        call.failed(error)
        raise
    call.answered(200, {})
    call.finished()
