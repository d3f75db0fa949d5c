"""Parses and masks connection strings of stores.

A string that cannot be parsed completely may contain its password anywhere, so only its scheme is
shown.
"""

from __future__ import annotations

import re
from base64 import b64encode
from typing import Final
from urllib.parse import unquote, urlsplit

#: Schemes of the supported databases.
SQLITE: Final = "sqlite"
POSTGRESQL: Final = "postgresql"
#: Replaces a secret, and everything after the scheme of a string that cannot be parsed.
HIDDEN: Final = "***"

#: As SQLAlchemy parses a URL, but stricter: no ``@`` in a host, no ``:`` and ``@`` in a database (they
#: belong to a password that should be percent-encoded), nor ``;`` and ``=`` (another driver's
#: parameters), and a port is a number.
#: Source: sqlalchemy.engine.url, ``_parse_url``.
_SERVER: Final = re.compile(
    r"""(?P<scheme>[a-z][a-z0-9+.-]*)://
    (?:(?P<user>[^:/@?\#\s]*)(?::(?P<password>[^@]*))?@)?
    (?P<host>\[[0-9a-fA-F:.%]+\]|[\w.~%,-]*)
    (?::(?P<port>[0-9]*))?
    (?:/(?P<database>[^?:@\#;=]*))?
    (?:\?(?P<query>[^\#]*))?""",
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)
_FILE: Final = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+.-]*)://(?P<path>(?:/[^?]*)?)(?:\?(?P<query>[^\#]*))?",
    re.IGNORECASE | re.DOTALL,
)
_SCHEME: Final = re.compile(
    r"(?P<scheme>(?:sqlite|postgres|postgresql|mysql)(?:\+\w+)?(?=:)|[a-z][a-z0-9+.-]{0,30}(?=://))",
    re.IGNORECASE,
)
#: Strings without ``://`` that are not paths but mistyped connection strings: a scheme with too few
#: slashes, a ``:`` with an ``@`` after it or with an ``@`` and a host before it, or libpq's other
#: form, ``host=db password=…``.
_MISTYPED: Final = re.compile(
    r"(?:sqlite|postgres|postgresql|mysql)[+\w]*:|(?:[a-z]:[\\/])?[^:]*:.*@|.*@[\w.-]+:[0-9]|\w+\s*=",
    re.IGNORECASE | re.DOTALL,
)
#: Parameters whose values are not secret, unless a whole connection string stands there. Source: libpq's connection parameters, sqlite3's URIs.
_SHOWN: Final = frozenset(
    "application_name cache channel_binding check_same_thread client_encoding connect_timeout "
    "dbname gssencmode host hostaddr immutable keepalives keepalives_count keepalives_idle "
    "keepalives_interval krbsrvname load_balance_hosts mode nolock options port "
    "require_auth requirepeer service sslcert sslcrl sslmode sslnegotiation sslrootcert "
    "ssl_min_protocol_version target_session_attrs tcp_user_timeout timeout uri user vfs".split()
)
#: What a value has that is a connection string itself.
_NESTED: Final = re.compile("[@=;]|://")


def is_parseable(url: str) -> bool:
    """Whether a connection string can be parsed completely."""
    return _parts(url) is not None


def mask_url(url: str) -> str:
    """Return the connection string without secrets, for printing.

    Passwords, values of unknown parameters and a web address's only login become ``***``. Of a string that cannot be parsed only
    the scheme remains. A path without a scheme is not changed.
    """
    parts = _parts(url)
    if parts is None:
        known = _SCHEME.match(url)
        return f"{known['scheme']}://{HIDDEN}" if known else HIDDEN
    if not parts:
        return url
    scheme = f"{parts['scheme']}://"
    query = _masked_query(parts["query"])
    if "path" in parts:
        return f"{scheme}{parts['path']}{query}"
    user = parts["user"]
    password = "" if parts["password"] is None else f":{HIDDEN}"
    port = "" if parts["port"] is None else f":{parts['port']}"
    database = "" if parts["database"] is None else f"/{parts['database']}"
    if not password and scheme.lower() in ("http://", "https://"):
        user = user and HIDDEN  # of a web address without a password it is a token
    at = "" if user is None else f"{user}{password}@"
    return f"{scheme}{at}{parts['host']}{port}{database}{query}"


def secrets_of(url: str) -> tuple[str, ...]:
    """Return the password and the values of unknown parameters, as written in the connection string."""
    parts = _parts(url)
    if not parts:
        return ()
    pairs = [pair.partition("=") for pair in (parts["query"] or "").split("&")]
    hidden = [value for key, _, value in pairs if not _is_shown(key, value)]
    return tuple(secret for secret in (parts.get("password"), *hidden) if secret)


def _parts(url: str) -> dict[str, str | None] | None:
    """Return the parts of a connection string; empty for a path, None where it cannot be parsed."""
    if "://" not in url:
        return None if _MISTYPED.match(url) else {}
    is_file = url.lower().startswith((f"{SQLITE}:", f"{SQLITE}+"))
    found = (_FILE if is_file else _SERVER).fullmatch(url)
    return found.groupdict() if found else None


def without_login(url: str) -> tuple[str, dict[str, str]]:
    """Return a web address without user and password, and the headers that carry them instead.

    Raises:
        ValueError: it is no such address. The message quotes nothing: what stands for the port may be a password.
    """
    try:
        parts = urlsplit(url)
        is_address = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
        if any(char.isspace() for char in url):  # urllib would quote the address, its query too
            is_address = None
    except ValueError:
        is_address = None
    if not is_address:
        raise ValueError("it is no http address") from None
    login, at, host = parts.netloc.rpartition("@")
    if not at:
        return url, {}
    carried = b64encode(unquote(login).encode()).decode("ascii")
    return parts._replace(netloc=host).geturl(), {"Authorization": f"Basic {carried}"}


def _is_shown(key: str, value: str) -> bool:
    """Tell whether a parameter's value is no secret: a known one, without a login or parameters in it."""
    return key.lower() in _SHOWN and not _NESTED.search(unquote(value))


def _masked_query(query: str | None) -> str:
    if query is None:
        return ""
    shown = []
    for pair in query.split("&"):
        key, equals, value = pair.partition("=")
        if _is_shown(key, value):
            shown.append(pair)
        else:
            shown.append(f"{key}={HIDDEN}" if equals else HIDDEN)
    return "?" + "&".join(shown)
