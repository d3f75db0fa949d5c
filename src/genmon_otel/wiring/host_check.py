"""Answer only to a server's own names, so that a page of another site cannot read it (DNS rebinding).

A browser on this machine or in this network can be led to an address by a name that its owner
points there (DNS rebinding); only the ``Host`` header shows it. A name that is an address cannot be
pointed anywhere.
"""

from __future__ import annotations

import logging
import os
import re
import socket
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from genmon_otel import conventions as names
from genmon_otel.text import clean

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication

_log = logging.getLogger(names.LOGGER)

_HOST: Final = re.compile(r"(?:\[(?P<six>[0-9a-fA-F:.]+)\]|(?P<name>[^\[\]:/@\s]+))(?::\d{0,5})?")
_REFUSAL: Final = (
    "These metrics are not served under this host name. Use the address, or add the name: "
    f"{names.ENV_METRICS_HOST}=ADDRESS,NAME (setup(metrics_host=...), genmon exporter --host ...).\n"
)


def bound_address(host: str) -> str:
    """Return the address to bind of ``metrics_host``: the first of those it names."""
    return host.partition(",")[0].strip()


class HostCheck:
    """Answer 403 to requests for a foreign host.

    Allowed are localhost and loopback addresses, what ``host`` names, and what it was bound to.
    Bound to all addresses of the machine, also every address, and the machine's own name; in a
    container any host: it does not know the names that it is reached by.

    Args:
        app: what answers the others.
        host: as ``metrics_host``: an address, behind commas other names.
    """

    def __init__(self, app: WSGIApplication, host: str) -> None:
        self._app = app
        self._allowed = {_plain(name.strip()) for name in host.split(",")} | {"localhost"}
        bound = bound_address(host)
        found = {bound} | _resolved(bound)
        self._allowed |= {_plain(name) for name in found}
        self._everywhere = any(_is_unspecified(name) for name in found)
        self._any = self._everywhere and in_container()
        if self._everywhere and not self._any:
            self._allowed |= {_plain(name) for name in (socket.gethostname(), _full_name())}
        self._has_warned = False

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        host = environ.get("HTTP_HOST")
        if host is None or self.is_allowed(host):
            return self._app(environ, start_response)
        if not self._has_warned:
            self._has_warned = True
            _log.warning(
                "genmon: a request for metrics of host %r was refused: %s",
                clean(host, 200),
                _REFUSAL.strip(),
            )
        start_response("403 Forbidden", [("Content-Type", "text/plain; charset=utf-8")])
        return [_REFUSAL.encode()]

    def is_allowed(self, host: str) -> bool:
        """Whether a ``Host`` header names this server; the port does not matter."""
        found = _HOST.fullmatch(host.strip())
        if found is None:
            return False
        name = _plain(found["six"] or found["name"])
        if self._any or name in self._allowed:
            return True
        address = _address(name)
        if address is None or (found["six"] is None and isinstance(address, IPv6Address)):
            return False
        return address.is_loopback or self._everywhere


def in_container() -> bool:
    """Whether this process seems to run in a container."""
    if os.environ.get("KUBERNETES_SERVICE_HOST") or os.environ.get("container"):  # noqa: SIM112
        return True
    if any(os.path.exists(mark) for mark in ("/.dockerenv", "/run/.containerenv")):
        return True
    try:
        groups = Path("/proc/1/cgroup").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return any(word in groups for word in ("docker", "kubepods", "containerd", "lxc", "libpod"))


def _plain(name: str) -> str:
    """Return a name or address in the normal form that is compared."""
    name = name.strip("[]").rstrip(".").lower()
    address = _address(name)
    return name if address is None else str(address)


def _address(name: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(name.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _is_unspecified(name: str) -> bool:
    address = _address(name)
    return not name or (address is not None and address.is_unspecified)


def _resolved(host: str) -> set[str]:
    try:
        return {str(info[4][0]) for info in socket.getaddrinfo(host or None, 0)}
    except (OSError, UnicodeError):
        return set()


def _full_name() -> str:
    try:
        return socket.getfqdn()
    except (OSError, UnicodeError):
        return ""
