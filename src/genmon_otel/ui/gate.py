"""Decide which requests the page answers: host, session, origin, size; and add protecting headers.

Each request must name a host of this server (DNS rebinding), come from a reviewer (a session's
cookie, or an authenticating proxy's header), and, where it changes something, come from the page
itself (cross-site requests). Recorded text is shown here, so nothing inline may run.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from genmon_otel.ui.session import Sessions

#: What a Host header is made of: a name or an address, and a port.
_HOST: Final = re.compile(r"[A-Za-z0-9.:_\[\]-]{1,255}")
#: Bytes of a form, and seconds in which it must arrive.
MAX_BODY: Final = 256 * 1024
BODY_S: Final = 15.0
SAFE: Final = frozenset({"GET", "HEAD"})
#: Paths that are answered without a session.
OPEN: Final = ("/enter", "/static/")

HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}

_FAILED: Final = PlainTextResponse(
    "The page failed. What it says of it stands where genmon ui runs.\n", 500
)


@dataclass(frozen=True, slots=True)
class Access:
    """Who may reach the page, and under which names.

    Args:
        port: of the server; part of the cookie's name, so that two servers keep apart.
        hosts: names and addresses allowed in the ``Host`` header, without port.
        trust_header: header in which an authenticating proxy names the reviewer; None for none.
        trusted_proxy: the proxy's address; requests of others with that header are refused.
    """

    port: int
    hosts: frozenset[str] = field(default_factory=lambda: frozenset({"127.0.0.1", "localhost"}))
    trust_header: str | None = None
    trusted_proxy: str | None = None

    @property
    def cookie(self) -> str:
        """Name of the session's cookie."""
        return f"genmon_{self.port}"


class Gate:
    """ASGI middleware that refuses what the page must not answer.

    Handlers find the reviewer's name in ``scope["state"]["reviewer"]``.
    """

    def __init__(self, app: ASGIApp, access: Access, sessions: Sessions) -> None:
        self._app = app
        self._access = access
        self._sessions = sessions

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)

        is_answered = False

        async def protected(message: Message) -> None:
            nonlocal is_answered
            if message["type"] == "http.response.start":
                is_answered = True
                sent = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    sent[name] = value
                if not scope["path"].startswith("/static/"):
                    sent["Cache-Control"] = "no-store"
            await send(message)

        refused = self._objection(scope, headers)
        if refused is not None:
            await refused(scope, receive, protected)
            return
        if scope["method"] not in SAFE:
            body = await _whole_body(receive)
            if isinstance(body, PlainTextResponse):
                await body(scope, receive, protected)
                return
            receive = _replayed(body, receive)
        try:
            await self._app(scope, receive, protected)
        except Exception:
            # Starlette's own answer would come without the headers above.
            if not is_answered:
                await _FAILED(scope, receive, protected)
            raise

    def _objection(self, scope: Scope, headers: Headers) -> PlainTextResponse | None:
        """Return the refusal of a request; None where it may pass."""
        hosts = headers.getlist("host")
        if len(hosts) != 1 or not self._is_allowed(hosts[0]):
            return PlainTextResponse(
                "The page is not served under this host name. Use the address that genmon ui "
                "printed, or allow the name: genmon ui --allow-host NAME.\n",
                421,
            )
        if scope["method"] not in SAFE and not _is_same_origin(headers, hosts[0]):
            return PlainTextResponse("Changes are only accepted from the page itself.\n", 403)
        reviewer = self._reviewer(scope, headers)
        if reviewer is None and not scope["path"].startswith(OPEN):
            return PlainTextResponse(
                "This page needs a link of its own: run  genmon ui --link  where the server "
                "runs, and open what it prints.\n",
                401,
            )
        scope.setdefault("state", {})["reviewer"] = reviewer
        return None

    def _is_allowed(self, host: str) -> bool:
        if not _HOST.fullmatch(host):
            return False
        try:
            parts = urlsplit(f"//{host}")
            port = parts.port
        except ValueError:
            return False
        if parts.username is not None or parts.path or parts.query or parts.fragment:
            return False
        name = (parts.hostname or "").rstrip(".")
        # Behind a proxy the public name may have any port.
        is_ours = port in (None, self._access.port) or self._access.trusted_proxy is not None
        return name in self._access.hosts and is_ours

    def _reviewer(self, scope: Scope, headers: Headers) -> str | None:
        access = self._access
        if access.trust_header is not None:
            client = scope.get("client")
            named = headers.getlist(access.trust_header)
            if client and client[0] == access.trusted_proxy and len(named) == 1:
                return named[0].strip()[:200] or None
        # Read as browsers write them: of 127.0.0.1 a browser sends the cookies of every other server,
        # too, and the standard library's parser stops at the first that is not to its liking.
        found = HTTPConnection(scope).cookies.get(access.cookie)
        return None if found is None else self._sessions.reviewer(found)


def _is_same_origin(headers: Headers, host: str) -> bool:
    """Whether a request comes from a page of this server.

    Without HTTPS, under another name than localhost, browsers send no ``Sec-Fetch-Site``. They send a
    form's ``Origin`` then, but under ``no-referrer`` as null: so pages name ``same-origin`` in a meta
    element. Other servers are sent nothing either way.
    """
    sites = headers.getlist("sec-fetch-site")
    if sites:
        return sites == ["same-origin"]
    return headers.getlist("origin") in ([f"http://{host}"], [f"https://{host}"])


async def _whole_body(receive: Receive) -> bytes | PlainTextResponse:
    """Read a request's body; the answer to give where it is too large or too slow."""
    too_large = PlainTextResponse(
        f"This form is too large: at most {MAX_BODY // 1024} KiB are taken. Shorten it.\n", 413
    )
    too_slow = PlainTextResponse(
        f"This form did not arrive whole within {BODY_S:g} s; nothing of it was taken. Send it again.\n",
        408,
        {"Connection": "close"},
    )
    body = b""
    try:
        async with asyncio.timeout(BODY_S):
            while True:
                message = await receive()
                if message["type"] != "http.request":  # the client has gone
                    return too_slow
                body += bytes(message.get("body", b""))
                if len(body) > MAX_BODY:
                    return too_large
                if not message.get("more_body"):
                    return body
    except TimeoutError:
        return too_slow


def _replayed(body: bytes, receive: Receive) -> Receive:
    """Return a ``receive`` that gives a body that was read already."""
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again
