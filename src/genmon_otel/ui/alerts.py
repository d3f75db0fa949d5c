"""Ask the Alertmanager that the server was started with for genmon's open alerts."""

from __future__ import annotations

import json
import threading
import time
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from http.client import HTTPException
from typing import Any, Final
from urllib.parse import urlencode

from genmon_otel.addresses import mask_url, without_login
from genmon_otel.errors import ConfigurationError

#: Every alert of ours has this prefix; see :mod:`genmon_otel.rules`.
_FILTER: Final = 'alertname=~"Genmon.*"'
#: Seconds to wait for an answer, and for which one is shown again.
_WAIT_S: Final = 3.0
_KEPT_S: Final = 15.0
_MOST_BYTES: Final = 1_000_000
_MOST_ALERTS: Final = 50


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert that fires."""

    name: str
    severity: str
    summary: str
    #: Unix seconds; None where Alertmanager did not say.
    since: float | None
    #: Whether it is silenced, or inhibited by another alert.
    silenced: bool


class Alerts:
    """The open alerts of one Alertmanager. Thread-safe.

    Args:
        url: where it is, as its own page's address; a path is kept.
        now: Unix seconds; replaced in tests.

    Raises:
        ConfigurationError: the address is none of http or https.
    """

    def __init__(self, url: str, now: Callable[[], float] = time.time) -> None:
        try:
            bare, headers = without_login(url)
        except ValueError:
            raise ConfigurationError(
                f"--alertmanager {mask_url(url)!r} is not allowed. Give its address, such as "
                "http://127.0.0.1:9093."
            ) from None
        query = urlencode({"filter": _FILTER, "active": "true"})
        self._request = urllib.request.Request(
            f"{bare.rstrip('/')}/api/v2/alerts?{query}", headers=headers
        )
        self._now = now
        self._lock = threading.Lock()
        self._kept: tuple[float, tuple[Alert, ...], str] | None = None
        self._opener = urllib.request.build_opener(_NoRedirect)

    def open(self) -> tuple[tuple[Alert, ...], str]:
        """Return the open alerts, those that page first; and why there are none where it did not answer."""
        with self._lock:  # one request at a time, from any number of visitors
            if self._kept is None or self._now() - self._kept[0] > _KEPT_S:
                self._kept = (self._now(), *self._ask())
            return self._kept[1:]

    def _ask(self) -> tuple[tuple[Alert, ...], str]:
        try:
            with self._opener.open(self._request, timeout=_WAIT_S) as answer:
                content = json.loads(answer.read(_MOST_BYTES))
            if not isinstance(content, list):
                raise ValueError("not a list")
            found = [_alert(each) for each in content if isinstance(each, dict)]
        except (OSError, ValueError, HTTPException) as error:
            return (), f"Alertmanager did not answer: {str(error)[:200]}"
        found.sort(key=lambda each: (each.silenced, each.severity != "critical", each.name))
        return tuple(found[:_MOST_ALERTS]), ""


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Do not follow redirects: only the configured server is asked."""

    def redirect_request(self, *_: Any) -> None:
        return None


def _alert(found: Mapping[str, Any]) -> Alert:
    labels, annotations, status = (_object(found, n) for n in ("labels", "annotations", "status"))
    since = None
    try:
        since = datetime.fromisoformat(str(found.get("startsAt"))).timestamp()
    except (ValueError, OverflowError):
        pass
    return Alert(
        name=str(labels.get("alertname", "")),
        severity=str(labels.get("severity", "")),
        summary=str(annotations.get("description") or annotations.get("summary") or ""),
        since=since,
        silenced=status.get("state") == "suppressed",
    )


def _object(found: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = found.get(name)
    return value if isinstance(value, dict) else {}
