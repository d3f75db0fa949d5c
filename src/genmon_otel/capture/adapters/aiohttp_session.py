"""aiohttp: what a ``ClientSession`` asks, redirects within it included."""

from __future__ import annotations

import asyncio
import inspect
import io
from collections.abc import AsyncIterator, Callable, Mapping
from functools import lru_cache
from types import SimpleNamespace
from typing import Any, Final
from urllib.parse import urlencode

from genmon_otel.capture.calls import AutomaticCall, begin, recording
from genmon_otel.capture.endpoints import is_credentials, needs_user_agent
from genmon_otel.capture.patches import Wrap
from genmon_otel.capture.wire import MAX_BYTES, Sent
from genmon_otel.ports import Answer
from genmon_otel.recorder.runtime import suppress_and_count

ADAPTER: Final = "aiohttp"
#: By the identity of a body that is being read: the call that is told.
_calls: Final[dict[int, AutomaticCall]] = {}


def targets(module: Any) -> list[tuple[Any, str, Wrap]]:
    """Patch: what is replaced in ``aiohttp``."""

    def wrap(original: Callable[..., Any]) -> Callable[..., Any]:
        async def _request(self: Any, method: str, str_or_url: Any, **options: Any) -> Any:
            call = _begin(self, method, str_or_url, options)
            if call is None:
                return await original(self, method, str_or_url, **options)
            if inspect.isasyncgen(data := options.get("data")):
                _ = call.attempt_key  # before its length is known, as of the next attempt
                options["data"] = _digested(call.sent, data)
            try:
                call.enter()
                if call.player is not None:
                    if inspect.isasyncgen(data):  # nothing else reads it
                        _ = [part async for part in options["data"]]
                    answer = await call.request_async()
                    response = rebuilt(module, self, answer, method, str_or_url)
                else:
                    response = await original(self, method, str_or_url, **options)
            except BaseException as error:
                call.failed(error)
                raise
            return _followed(module, call, response)

        return _request

    return [(module.ClientSession, "_request", wrap)]


def _begin(session: Any, method: str, url: Any, options: Mapping[str, Any]) -> AutomaticCall | None:
    generation = recording(with_tokens=True)
    if generation is None:
        return None
    try:
        address, written = _of_session(session, url, options.get("json"))
    except (TypeError, ValueError):
        return None  # no URL, or nothing that JSON can say: the session raises the same
    except BaseException:
        suppress_and_count("capture")
        return None
    try:
        sent = sent_of(address, method, options, written)
        if is_credentials(sent.host, sent.path) and generation.runtime.player is None:
            return None
        return begin(generation, ADAPTER, sent, is_async=True)
    except BaseException:
        suppress_and_count("capture")
        return None


def _of_session(session: Any, url: Any, value: Any) -> tuple[Any, bytes | None]:
    """What the session makes of a URL and of a value that is to be sent as JSON.

    Raises:
        TypeError, ValueError: it can make nothing of them.
    """
    address = session._build_url(url)
    if value is None:
        return address, None
    written = session._json_serialize(value)
    return address, written if isinstance(written, bytes) else written.encode("utf-8")


def sent_of(address: Any, method: str, options: Mapping[str, Any], written: bytes | None) -> Sent:
    """Request: what goes out, to an address, with what is ``written`` of its JSON."""
    if options.get("params"):
        address = address.extend_query(options["params"])
    headers = {str(k).lower(): str(v) for k, v in dict(options.get("headers") or {}).items()}
    data, kind, length = options.get("data"), headers.get("content-type", ""), 0
    body = written
    if body is not None:
        kind = kind or "application/json"
    elif isinstance(data, str):
        body = data.encode("utf-8")
    elif isinstance(data, (bytes, bytearray)):
        body = bytes(data)
    elif type(data) is dict and all(isinstance(v, (str, int, float)) for v in data.values()):
        body, kind = urlencode(data).encode(), kind or "application/x-www-form-urlencoded"
    elif data is not None:
        length = -1
    sent = Sent(
        method.upper(), address.host or "", address.raw_path, address.raw_query_string, kind, body,
        length,
    )  # fmt: skip
    if needs_user_agent(sent.method, sent.host, sent.path):
        sent.agent = headers.get("user-agent", "")[:100]
        sent.port = int(address.port or 0)
    if isinstance(fields := getattr(data, "_fields", None), list):  # an aiohttp.FormData
        _note_form(sent, fields)
    return sent


def _note_form(sent: Sent, fields: list[Any]) -> None:
    """Know length and digest of a ``FormData`` by its fields: its bytes are made as they are sent."""
    digest = sent.digest()
    for options, headers, value in fields:
        digest.update(repr((sorted(options.items()), sorted(headers.items()))).encode())
        digest.update(_bytes_of(value))
    sent.note_digest(digest)


def _bytes_of(value: Any) -> bytes:
    """The bytes of a form's field, of a file those that can be read again; nothing of what only goes out once."""
    if isinstance(value, io.IOBase):
        if not value.seekable():
            return b""
        at = value.tell()
        value, file = value.read(MAX_BYTES), value
        file.seek(at)
    if isinstance(value, str):
        return value.encode("utf-8", "surrogatepass")
    return bytes(value) if isinstance(value, (bytes, bytearray, memoryview)) else b""


def _digested(sent: Sent, data: Any) -> Any:
    """A body that is iterated as it goes out, whose digest is taken then."""

    async def parts() -> AsyncIterator[Any]:
        digest = sent.digest()
        async for part in data:
            digest.update(part)
            yield part
        sent.note_digest(digest)

    return parts()


def _followed(module: Any, call: AutomaticCall, response: Any) -> Any:
    """Response: report its head to the call, and what is read of its body, which is unpacked."""
    try:
        call.answered(response.status, response.headers, is_packed=False)
        content = response.content
        if isinstance(error := getattr(content, "_exception", None), BaseException):
            call.failed(error)  # it broke before its head was given
        elif type(content) is not module.StreamReader or content.at_eof():
            call.finished()
        else:
            _calls[id(content)] = call
            content.__class__ = _reporting_class(module)
    except BaseException:
        suppress_and_count("capture")
    return response


@lru_cache(maxsize=2)
def _reporting_class(module: Any) -> type:
    """The class of a body that reports to its call what is read of it; of the same layout."""
    plain = module.StreamReader
    read, call_of = plain._read_nowait_chunk, _calls.get

    class ReportingReader(plain):  # type: ignore[misc,valid-type]
        __slots__ = ()

        def _read_nowait_chunk(self, n: int) -> bytes:
            data: bytes = read(self, n)
            if (call := call_of(id(self))) is not None:
                # As AutomaticCall.given; without a call of it, for each line of each stream.
                call.parts.append((call.now(), data))
                call.left = left = call.left - len(data)
                if left < 0:
                    call.count()
                if self._eof and not self._buffer:
                    self._end()
            return data

        async def _wait(self, func_name: str) -> None:
            call = call_of(id(self))
            if call is None:
                await plain._wait(self, func_name)
                return
            call.is_asked = True
            await plain._wait(self, func_name)
            call.is_asked = False  # what came is given at once

        def feed_eof(self, *args: Any, **options: Any) -> None:
            plain.feed_eof(self, *args, **options)
            if self.at_eof():
                self._end()

        def set_exception(self, exc: Any, *args: Any, **options: Any) -> None:
            plain.set_exception(self, exc, *args, **options)
            if (call := _calls.pop(id(self), None)) is not None:
                error = exc if isinstance(exc, BaseException) else exc()
                # The session's own way to say that the consumer wants no more.
                if str(error) == "Connection closed":
                    call.closed()
                else:
                    call.failed(error)

        def _end(self) -> None:
            if (call := _calls.pop(id(self), None)) is not None:
                call.finished()

        def __del__(self) -> None:
            if (call := _calls.pop(id(self), None)) is not None:
                call.closed()

    return ReportingReader


def rebuilt(module: Any, session: Any, answer: Answer, method: str, url: Any) -> Any:
    """Rebuild: a response as the session gives it; a task feeds its body as it came."""
    loop = asyncio.get_running_loop()
    address = session._build_url(url)
    multidict, helpers, protocol = _modules()
    headers = multidict.CIMultiDictProxy(multidict.CIMultiDict(answer.headers))
    given: dict[str, Any] = {
        "writer": None,
        "continue100": None,
        "timer": helpers.TimerNoop(),
        "request_info": module.RequestInfo(
            address, method, multidict.CIMultiDictProxy(multidict.CIMultiDict()), address
        ),
        "traces": [],
        "loop": loop,
        "session": session,
        "stream_writer": SimpleNamespace(output_size=0),
    }
    kind = session._response_class
    known = inspect.signature(kind.__init__).parameters
    response = kind(method, address, **{k: v for k, v in given.items() if k in known})
    response.status, response.reason = answer.status, answer.reason
    response.version = module.HttpVersion11
    response._headers = headers
    response._raw_headers = tuple((k.encode(), v.encode()) for k, v in headers.items())
    response._closed = False
    connected = _protocol(protocol.BaseProtocol)(loop)
    connected.transport = asyncio.Transport()
    content = response.content = module.StreamReader(connected, limit=2**16, loop=loop)
    content.on_eof(response._response_eof)
    response._genmon_feeder = loop.create_task(_feed(content, answer))
    return response


@lru_cache(maxsize=2)
def _protocol(plain: Any) -> type:
    """The class of what stands for a connection, which a body that is read wants to pause."""

    class Protocol(plain):  # type: ignore[misc]
        def pause_reading(self, **_: Any) -> None:
            """Nothing comes that is not there."""

        resume_reading = pause_reading

    return Protocol


async def _feed(content: Any, answer: Answer) -> None:
    try:
        async for part in answer.parts_async():
            content.feed_data(part)
        content.feed_eof()
    except BaseException as error:
        content.set_exception(error)
        if isinstance(error, asyncio.CancelledError):
            raise


def _modules() -> tuple[Any, Any, Any]:
    import multidict
    from aiohttp import base_protocol, helpers

    return multidict, helpers, base_protocol
