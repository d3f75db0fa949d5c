"""urllib.request: each request that its handlers of HTTP and HTTPS send, redirects one by one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final
from urllib.parse import urlsplit

from genmon_otel.capture.adapters import http_client
from genmon_otel.capture.calls import AutomaticCall, begin, recording
from genmon_otel.capture.endpoints import is_credentials, needs_user_agent
from genmon_otel.capture.patches import Wrap
from genmon_otel.capture.wire import Sent
from genmon_otel.ports import Answer
from genmon_otel.recorder.runtime import suppress_and_count

ADAPTER: Final = "urllib"


def targets(module: Any) -> list[tuple[Any, str, Wrap]]:
    """Patch: what is replaced in ``urllib.request``."""

    def wrap(original: Callable[..., Any]) -> Callable[..., Any]:
        def do_open(self: Any, http_class: Any, req: Any, **options: Any) -> Any:
            call = _begin(req)
            if call is None:
                return original(self, http_class, req, **options)
            try:
                call.enter()
                if call.player is not None:
                    response = rebuilt(call.request(), req)
                else:
                    response = original(self, http_class, req, **options)
            except BaseException as error:
                call.failed(error)
                raise
            return _followed(call, response)

        return do_open

    return [(module.AbstractHTTPHandler, "do_open", wrap)]


def _begin(request: Any) -> AutomaticCall | None:
    generation = recording(with_tokens=True)
    if generation is None:
        return None
    try:
        sent = sent_of(request)
        if is_credentials(sent.host, sent.path) and generation.runtime.player is None:
            return None
        return begin(generation, ADAPTER, sent, is_async=False)
    except BaseException:
        suppress_and_count("capture")
        return None


def sent_of(request: Any) -> Sent:
    """Request: what goes out; through a proxy the address of the server behind it."""
    url = urlsplit(request.full_url)
    body, length = request.data, 0
    if isinstance(body, (bytearray, memoryview)):
        body = bytes(body)
    elif body is not None and not isinstance(body, bytes):
        body, length = None, int(request.get_header("Content-length") or -1)
    kind = str(request.get_header("Content-type") or "") if request.data is not None else ""
    method, host = request.get_method(), url.hostname or ""
    sent = Sent(method, host, url.path or "/", url.query, kind, body, length)
    if needs_user_agent(method, host, sent.path):
        sent.port = url.port or (443 if url.scheme == "https" else 80)
    return sent


def _followed(call: AutomaticCall, response: Any) -> Any:
    """Response: report its head to the call, and what is read of its body."""
    try:
        call.answered(response.status, response.headers)
        if http_client.is_read(response):
            call.finished()
        else:
            http_client.follow(call, response)
    except BaseException:
        suppress_and_count("capture")
    return response


def rebuilt(answer: Answer, request: Any) -> Any:
    """Rebuild: a response as the handler gives it, its body still to be read."""
    response: Any = http_client.rebuilt(answer, request.get_method())
    response.url = request.get_full_url()
    response.msg = response.reason
    return response
