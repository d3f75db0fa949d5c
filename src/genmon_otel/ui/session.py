"""Who looks at the page: one-time links, and the sessions that they open."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import threading
import time
from collections.abc import Callable
from typing import Final

#: Seconds in which a link must be opened, and after which a session ends.
LINK_S: Final = 3_600.0
SESSION_S: Final = 12 * 3_600.0
#: Sessions of one server; the oldest ends where there are more.
MAX_SESSIONS: Final = 200


def sign_link(key: bytes, reviewer: str, now: float) -> str:
    """Return a token that opens one session for a reviewer, within an hour.

    Args:
        key: the server's; anyone who has it can make links.
        reviewer: name under which decisions are kept.
        now: Unix seconds.
    """
    content = {"nonce": secrets.token_hex(16), "until": now + LINK_S, "reviewer": reviewer}
    body = base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=")
    return f"{body.decode()}.{_signature(key, body)}"


class Sessions:
    """The sessions of one server. They end with it. Thread-safe.

    Args:
        key: signs links.
        now: Unix seconds; replaced in tests.
    """

    def __init__(self, key: bytes, now: Callable[[], float] = time.time) -> None:
        self._key = key
        self._now = now
        self._lock = threading.Lock()
        self._used: dict[str, float] = {}
        self._sessions: dict[str, tuple[str, float]] = {}

    def open(self, token: str) -> str | None:
        """Open a session by a link's token; None where the token is not valid or was used."""
        now = self._now()
        content = self._read(token)
        if content is None:
            return None
        nonce, until, reviewer = content
        with self._lock:
            self._used = {known: end for known, end in self._used.items() if end > now}
            if until <= now or nonce in self._used:
                return None
            self._used[nonce] = until
            while len(self._sessions) >= MAX_SESSIONS:
                del self._sessions[next(iter(self._sessions))]
            session = secrets.token_urlsafe(32)
            self._sessions[session] = (reviewer, now + SESSION_S)
        return session

    def reviewer(self, session: str) -> str | None:
        """Return whose session it is; None where there is no such one."""
        with self._lock:
            reviewer, until = self._sessions.get(session, ("", 0.0))
        return reviewer if until > self._now() else None

    def _read(self, token: str) -> tuple[str, float, str] | None:
        body, _, signature = token.partition(".")
        given = body.encode("utf-8", "replace")
        if not hmac.compare_digest(_signature(self._key, given).encode(), signature.encode()):
            return None
        content = json.loads(base64.urlsafe_b64decode(given + b"=" * (-len(given) % 4)))
        return str(content["nonce"]), float(content["until"]), str(content["reviewer"])


def _signature(key: bytes, body: bytes) -> str:
    return hmac.new(key, body, hashlib.sha256).hexdigest()
