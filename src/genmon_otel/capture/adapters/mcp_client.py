"""MCP: each request that a client sends to a server, by whatever transport.

What carries it (HTTP, programs) is no step of its own; what only sets up a connection is answered in a
replay without a recording: it may have been set up long before.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from genmon_otel.capture.calls import AutomaticCall, begin, recording
from genmon_otel.capture.mcp_setup import setup_answer
from genmon_otel.capture.patches import Wrap
from genmon_otel.capture.wire import Sent
from genmon_otel.ports import Answer
from genmon_otel.recorder import active_runtime
from genmon_otel.recorder.runtime import suppress_and_count
from genmon_otel.text import clean

ADAPTER: Final = "mcp"
_JSON: Final = {"content-type": "application/json"}
#: A resource's address behind a method, of which the scheme is kept.
_SCHEME: Final = re.compile(r"( [A-Za-z][\w+.-]*:(?://)?).*| .*", re.DOTALL)
#: Characters of a step's name.
_MAX_NAME: Final = 100


def targets(module: Any) -> list[tuple[Any, str, Wrap]]:
    """Patch: what is replaced in ``mcp.shared.jsonrpc_dispatcher``, of version 2 and later."""

    def wrap(original: Callable[..., Any]) -> Callable[..., Any]:
        async def send_raw_request(
            self: Any, method: str, params: Any, opts: Any = None, **more: Any
        ) -> Any:
            if "_related_request_id" in more:  # a server's, within a request of its client
                return await original(self, method, params, opts, **more)
            call = begin_request(method, params)
            if call is None:
                if active_runtime().player is not None and (known := setup_answer(method, params)):
                    return known
                return await original(self, method, params, opts)
            try:
                call.enter()
                if call.player is not None:
                    result = await rebuilt(await call.request_async())
                else:
                    result = await original(self, method, params, opts)
            except BaseException as error:
                call.failed(error)
                raise
            _followed(call, result)
            return result

        return send_raw_request

    return [(module.JSONRPCDispatcher, "send_raw_request", wrap)]


def session_targets(module: Any) -> list[tuple[Any, str, Wrap]]:
    """Patch: what is replaced in ``mcp.shared.session``, of version 1."""

    def wrap(original: Callable[..., Any]) -> Callable[..., Any]:
        async def send_request(
            self: Any, request: Any, result_type: Any, *args: Any, **options: Any
        ) -> Any:
            if not type(self).__module__.startswith("mcp.client."):
                return await original(self, request, result_type, *args, **options)
            data = request.model_dump(by_alias=True, mode="json", exclude_none=True)
            method = str(data.get("method"))
            params = data.get("params")
            call = begin_request(method, params)
            if call is None:
                if active_runtime().player is not None and (known := setup_answer(method, params)):
                    return result_type.model_validate(known)
                return await original(self, request, result_type, *args, **options)
            try:
                call.enter()
                if call.player is not None:
                    answer = await rebuilt(await call.request_async())
                    result = result_type.model_validate(answer)
                else:
                    result = await original(self, request, result_type, *args, **options)
            except BaseException as error:
                call.failed(error)
                raise
            _followed(call, result)
            return result

        return send_request

    if not hasattr(module, "BaseSession"):
        return []
    return [(module.BaseSession, "send_request", wrap)]


def begin_request(method: str, params: Any = None) -> AutomaticCall | None:
    """Begin the step of a request; None where it is none."""
    generation = recording()
    if generation is None:
        return None
    try:
        name, sent = sent_of(method, params)
        return begin(generation, ADAPTER, sent, is_async=True, name=name)
    except BaseException:
        suppress_and_count("capture")
        return None


def sent_of(method: str, params: Mapping[str, Any] | None) -> tuple[str, Sent]:
    """Request: the method, the name of what is used, its arguments; not what a connection adds.

    The step's name has a resource's scheme alone: its address is data, and may hold a secret.
    """
    known = {key: value for key, value in (params or {}).items() if key != "_meta"}
    used = known.get("name") or known.get("uri")
    path = f"{method} {used}" if isinstance(used, str) else method
    body = json.dumps(known, ensure_ascii=False).encode("utf-8", "surrogatepass")
    sent = Sent("MCP", "", path, "", "application/json", body)
    named = path if isinstance(known.get("name"), str) else _SCHEME.sub(r"\1", path)
    return clean(f"mcp {named}", _MAX_NAME), sent


def _followed(call: AutomaticCall, result: Any) -> None:
    """Response: report the whole of it to the call."""
    try:
        if not isinstance(result, dict):
            result = result.model_dump(by_alias=True, mode="json", exclude_none=True)
        call.answered(200, _JSON)
        call.given(json.dumps(result, ensure_ascii=False).encode("utf-8", "surrogatepass"))
        call.finished()
    except BaseException:
        suppress_and_count("capture")


async def rebuilt(answer: Answer) -> Any:
    """Rebuild: the result as it came over the wire."""
    return json.loads(b"".join([part async for part in answer.parts_async()]))
