"""urllib3, and so requests and botocore: each attempt of a connection pool.

``_make_request`` lies below urllib3's own retries and redirects, which run for real in a replay.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any, Final

from genmon_otel.capture.calls import AutomaticCall, begin, recording
from genmon_otel.capture.endpoints import is_credentials, needs_user_agent
from genmon_otel.capture.parts import ended, followed, reporting
from genmon_otel.capture.patches import Wrap
from genmon_otel.capture.wire import Sent
from genmon_otel.ports import Answer
from genmon_otel.recorder.runtime import suppress_and_count

ADAPTER: Final = "urllib3"


def targets(module: Any) -> list[tuple[Any, str, Wrap]]:
    """Patch: what is replaced in ``urllib3``; nothing in its first version, which ends otherwise."""
    pool = module.HTTPConnectionPool
    if "preload_content" not in inspect.signature(pool._make_request).parameters:
        return []

    def wrap(original: Callable[..., Any]) -> Callable[..., Any]:
        def _make_request(self: Any, conn: Any, method: str, url: str, **options: Any) -> Any:
            call = _begin(self, method, url, options)
            if call is None:
                return original(self, conn, method, url, **options)
            try:
                call.enter()
                if call.player is not None:
                    given = dict(options, pool=self, request_method=method, request_url=url)
                    return rebuilt(module, call, call.request(), given)
                response = original(self, conn, method, url, **options)
            except BaseException as error:
                call.failed(error)
                raise
            return _followed(call, response)

        return _make_request

    return [(pool, "_make_request", wrap)]


def _begin(pool: Any, method: str, url: str, options: Mapping[str, Any]) -> AutomaticCall | None:
    generation = recording(with_tokens=True)
    if generation is None:
        return None
    try:
        sent = sent_of(pool, method, url, options)
        if is_credentials(sent.host, sent.path) and generation.runtime.player is None:
            return None
        return begin(generation, ADAPTER, sent, is_async=False)
    except BaseException:
        suppress_and_count("capture")
        return None


def sent_of(pool: Any, method: str, url: str, options: Mapping[str, Any]) -> Sent:
    """Request: what goes out."""
    headers = {str(k).lower(): v for k, v in (options.get("headers") or {}).items()}
    path, _, query = url.partition("?")
    body, length = options.get("body"), 0
    if isinstance(body, str):
        body = body.encode("utf-8")
    elif isinstance(body, (bytearray, memoryview)):
        body = bytes(body)
    elif body is not None and not isinstance(body, bytes):
        body, length = None, int(headers.get("content-length") or -1)
    kind = headers.get("content-type", "")
    kind = kind.decode("latin-1") if isinstance(kind, bytes) else str(kind)
    sent = Sent(method, str(pool.host), path, query, kind, body, length)
    if needs_user_agent(method, sent.host, path):
        sent.agent = str(headers.get("user-agent") or "")[:100]
        sent.port = int(pool.port or 0)
    return sent


def _followed(call: AutomaticCall, response: Any) -> Any:
    """Response: report its head to the call, and what is read of its body."""
    try:
        preloaded = response.__dict__.get("_body")
        if isinstance(preloaded, bytes):  # unpacked already
            call.answered(response.status, response.headers, is_packed=False)
            call.given(preloaded)
            call.finished()
        else:
            call.answered(response.status, response.headers)
            if _is_read(response):
                call.finished()
            else:
                _report_reads(call, response)
    except BaseException:
        suppress_and_count("capture")
    return response


def _is_read(response: Any) -> bool:
    fp = response.__dict__.get("_fp")
    return fp is None or bool(fp.isclosed())


#: Attribute of a followed response that holds its call.
_CALL: Final = "_genmon_call"


def _report_reads(call: AutomaticCall, response: Any) -> None:
    """Have a response's own ways to read report to the call."""
    kind: Any = type(response)
    response.__dict__[_CALL] = call
    response.__class__ = _reporting_class(kind, call.is_packed)


@lru_cache(maxsize=16)
def _reporting_class(kind: Any, is_packed: bool) -> type:
    """The class of a response that reports to its call what is read of it; of the same layout.

    What is packed is reported as it came, before it is unpacked: one function more for each chunk.
    """
    raw_read, handle_chunk = kind._raw_read, kind._handle_chunk
    chunked, closes = kind.read_chunked, kind.close

    def _raw_read(self: Any, *args: Any, **options: Any) -> Any:
        call: AutomaticCall = self._genmon_call
        amount = args[0] if args else options.get("amt")
        call.asked()
        try:
            data = raw_read(self, *args, **options)
        except BaseException as error:
            call.failed(error)
            raise
        if data:
            call.given(data)
        whole = amount is None and not options.get("read1")
        if whole or (amount and not data) or _is_read(self):
            call.finished()
        return data

    def _handle_chunk(self: Any, amt: Any) -> Any:
        data = handle_chunk(self, amt)
        if data:
            self._genmon_call.given(data)
        return data

    def read_chunked(self: Any, *args: Any, **options: Any) -> Iterator[bytes]:
        call: AutomaticCall = self._genmon_call
        chunks = chunked(self, *args, **options)
        call.reader = self._genmon_reader = chunks
        return (ended if is_packed else reporting)(call, chunks)

    def close(self: Any) -> None:
        try:
            closes(self)
        finally:
            # urllib3 closes a response itself where a chunk is cut off, and raises then
            if self._genmon_reader is None or not self._genmon_reader.gi_running:
                self._genmon_call.closed()

    members = {
        "_raw_read": _raw_read,
        "read_chunked": read_chunked,
        "close": close,
        "_genmon_reader": None,
        "__module__": kind.__module__,
        "__qualname__": kind.__qualname__,
    }
    if is_packed:
        members["_handle_chunk"] = _handle_chunk
    return type(kind.__name__, (kind,), members)


class _File:
    """What urllib3 reads a response from: the recorded chunks, framed as http.client has them."""

    def __init__(self, call: AutomaticCall, parts: Iterator[bytes]) -> None:
        self._call = call
        self._parts = followed(call, parts)
        self._held = b""
        self._is_closed = self._is_over = False
        self.fp: _File | None = self

    def readline(self, _limit: int = -1) -> bytes:
        """Begin the next chunk: its length, in a line."""
        if self._is_over:  # the line behind the last chunk
            self._end()
            return b"\r\n"
        part = next(self._parts, None)
        if part is None:
            self._is_over = True
            return b"0\r\n"
        self._held = part + b"\r\n"
        return b"%x\r\n" % len(part)

    def _safe_read(self, amount: int) -> bytes:
        data, self._held = self._held[:amount], self._held[amount:]
        return data

    def read(self, amount: int | None = None) -> bytes:
        """Read a whole body, or what came at once of it."""
        if amount is None:
            data = self._held + b"".join(self._parts)
            self._held = b""
            self._end()
            return data
        self._held = self._held or next(self._parts, b"")
        if not self._held:
            self._end()
        return self._safe_read(amount)

    read1 = read

    def isclosed(self) -> bool:
        return self._is_closed

    @property
    def closed(self) -> bool:
        return self._is_closed

    def close(self) -> None:
        self._end()
        self._call.closed()

    def flush(self) -> None:
        """Nothing is held back."""

    def _end(self) -> None:
        self._is_closed = True
        self.fp = None


def rebuilt(module: Any, call: AutomaticCall, answer: Answer, given: Mapping[str, Any]) -> Any:
    """Rebuild: a response as the pool gives it, its body still to be read unless it is preloaded."""
    headers = dict(answer.headers)
    if answer.is_stream:
        headers["transfer-encoding"] = "chunked"
    call.answered(answer.status, headers)
    return module.HTTPResponse(
        body=_File(call, answer.parts()),
        headers=headers,
        status=answer.status,
        version=11,
        reason=answer.reason,
        preload_content=given.get("preload_content", True),
        decode_content=given.get("decode_content", True),
        enforce_content_length=False,
        request_method=given["request_method"],
        request_url=given["request_url"],
        retries=given.get("retries"),
        pool=given["pool"],
    )
