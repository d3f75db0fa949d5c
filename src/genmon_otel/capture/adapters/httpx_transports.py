"""httpx and httpx2: what their default transports send and get.

Transports rather than clients, so that custom ones which wrap them, retries, event hooks and auth
flows run for real; in-process transports (ASGI, WSGI, mock) are other classes and not touched.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable, Iterator
from functools import lru_cache
from typing import Any, Final

from genmon_otel.capture.calls import AutomaticCall, begin, recording
from genmon_otel.capture.endpoints import is_credentials, needs_user_agent
from genmon_otel.capture.parts import AsyncParts, followed
from genmon_otel.capture.patches import Wrap
from genmon_otel.capture.sites import is_asked_by
from genmon_otel.capture.wire import Sent, agent_of, type_and_packing
from genmon_otel.ports import Answer
from genmon_otel.recorder.runtime import suppress_and_count

ADAPTER: Final = "httpx"
#: Modules whose requests carry those of MCP, each of which is a step.
_MCP: Final = "mcp.client"
_MULTIPART: Final = "multipart/"
_OF_MCP: Final = ("mcp.client.streamable_http", "mcp.client.sse")


def targets(module: Any) -> list[tuple[Any, str, Wrap]]:
    """Patch: what is replaced in ``httpx`` or ``httpx2``."""
    streams = _streams(module)

    def sync(original: Callable[..., Any]) -> Callable[..., Any]:
        def handle_request(self: Any, request: Any) -> Any:
            call = _begin(request, streams[2], is_async=False)
            if call is None:
                return original(self, request)
            try:
                call.enter()
                if call.player is not None:
                    response = rebuilt(module, call.request(), is_async=False)
                else:
                    response = original(self, request)
            except BaseException as error:
                call.failed(error)
                raise
            return _followed(call, response, streams[0])

        return handle_request

    def asynchronous(original: Callable[..., Any]) -> Callable[..., Any]:
        async def handle_async_request(self: Any, request: Any) -> Any:
            call = _begin(request, streams[2], is_async=True)
            if call is None:
                return await original(self, request)
            try:
                call.enter()
                if call.player is not None:
                    response = rebuilt(module, await call.request_async(), is_async=True)
                else:
                    response = await original(self, request)
            except BaseException as error:
                call.failed(error)
                raise
            return _followed(call, response, streams[1])

        return handle_async_request

    return [
        (module.HTTPTransport, "handle_request", sync),
        (module.AsyncHTTPTransport, "handle_async_request", asynchronous),
    ]


def _begin(request: Any, upload: Callable[..., Any], *, is_async: bool) -> AutomaticCall | None:
    generation = recording(with_tokens=True)
    if generation is None:
        return None
    try:
        if is_async and _MCP in sys.modules and is_asked_by(*_OF_MCP):
            return None
        sent = sent_of(request)
        if is_credentials(sent.host, sent.path) and generation.runtime.player is None:
            return None
        call = begin(generation, ADAPTER, sent, is_async=is_async)
        if call is not None and sent.body is None and sent.content_type.startswith(_MULTIPART):
            _ = call.attempt_key  # by the length that its headers say, as that of the next attempt
            request.stream = upload(sent, request.stream)
            if call.player is not None:  # nothing else reads it
                for _ in request.stream:
                    pass
        return call
    except BaseException:
        suppress_and_count("capture")
        return None


def sent_of(request: Any) -> Sent:
    """Request: what goes out."""
    url, headers = request.url, request.headers
    path, _, query = url.raw_path.decode("ascii", "replace").partition("?")
    body = request.__dict__.get("_content")  # a stream that is not read yet has none
    length = 0
    if not isinstance(body, bytes):
        length = int(headers.get("content-length") or -1)
        body = None
    raw = headers.raw  # quicker than to ask for one by its name
    kind, _ = type_and_packing(raw)
    sent = Sent(request.method, url.host, path, query, kind, body, length)
    if needs_user_agent(sent.method, sent.host, path):
        sent.agent = agent_of(raw)
        sent.port = url.port or (443 if url.scheme == "https" else 80)
    return sent


def _followed(call: AutomaticCall, response: Any, stream: Callable[..., Any]) -> Any:
    """Response: report its head to the call, and each chunk as it is read."""
    try:
        call.answered(response.status_code, response.headers.raw)
        response.stream = stream(call, response.stream)
    except BaseException:
        suppress_and_count("capture")
    return response


@lru_cache(maxsize=8)
def _streams(module: Any) -> tuple[Callable[..., Any], ...]:
    """Classes of streams that a module's responses accept, and of uploads that its requests do."""

    class Stream(module.SyncByteStream):  # type: ignore[misc]
        def __init__(self, call: AutomaticCall, stream: Any) -> None:
            self._call = call
            self._stream = stream

        def __iter__(self) -> Iterator[bytes]:
            return followed(self._call, iter(self._stream))

        def close(self) -> None:
            try:
                self._stream.close()
            finally:
                self._call.closed()

        def __getattr__(self, name: str) -> Any:
            return getattr(self._stream, name)

    class AsyncStream(module.AsyncByteStream):  # type: ignore[misc]
        def __init__(self, call: AutomaticCall, stream: Any) -> None:
            self._call = call
            self._stream = stream

        def __aiter__(self) -> AsyncIterator[bytes]:
            return AsyncParts(self._call, self._stream.__aiter__())

        async def aclose(self) -> None:
            try:
                await self._stream.aclose()
            finally:
                self._call.closed()

        def __getattr__(self, name: str) -> Any:
            return getattr(self._stream, name)

    class Upload(module.SyncByteStream, module.AsyncByteStream):  # type: ignore[misc]
        """A multipart body, whose digest is taken as it goes out."""

        def __init__(self, sent: Sent, stream: Any) -> None:
            self._sent = sent
            self._stream = stream

        def __iter__(self) -> Iterator[bytes]:
            digest = self._sent.digest()
            for part in self._stream:
                digest.update(part)
                yield part
            self._sent.note_digest(digest)

        async def __aiter__(self) -> AsyncIterator[bytes]:
            digest = self._sent.digest()
            async for part in self._stream:
                digest.update(part)
                yield part
            self._sent.note_digest(digest)

        def __getattr__(self, name: str) -> Any:
            return getattr(self._stream, name)

    return Stream, AsyncStream, Upload


def rebuilt(module: Any, answer: Answer, *, is_async: bool) -> Any:
    """Rebuild: a response as the transport gives it, its body still to be read."""

    class Body(module.AsyncByteStream if is_async else module.SyncByteStream):  # type: ignore[misc]
        def __iter__(self) -> Iterator[bytes]:
            return answer.parts()

        def __aiter__(self) -> AsyncIterator[bytes]:
            return answer.parts_async()

    return module.Response(
        answer.status,
        headers=list(answer.headers.items()),
        stream=Body(),
        extensions={"http_version": b"HTTP/1.1"},
    )
