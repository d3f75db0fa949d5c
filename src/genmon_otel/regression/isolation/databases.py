"""Return the files that SQLite would write to, for the names that it is given."""

from __future__ import annotations

import functools
import sqlite3
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import parse_qs, unquote

_IN_MEMORY: Final = frozenset({"", ":memory:"})
_WITHOUT_WRITING: Final = frozenset({"ro", "memory"})


def written(name: str) -> tuple[str, ...]:
    """Return the files that opening a database by a name may create or change.

    Args:
        name: as given to ``sqlite3.connect`` or ATTACH. One that begins with ``file:`` is an
            address where addresses are switched on, and a plain name elsewhere: both are returned.
    """
    if name in _IN_MEMORY:
        return ()
    if not name.startswith("file:"):
        return (name,)
    path, _, rest = name.removeprefix("file:").partition("#")[0].partition("?")
    if path.startswith("//"):
        path = "/" + path.removeprefix("//").partition("/")[2]
    path = unquote(path)
    modes = parse_qs(rest).get("mode", [])
    if path in _IN_MEMORY or (modes and _WITHOUT_WRITING.issuperset(modes)):
        return (name,)
    return (path, name)


def watch_connections(see: Callable[[str | None], None]) -> None:
    """Call a function with each name that is attached to any connection opened from now on."""
    import _sqlite3
    import sqlite3.dbapi2

    original = sqlite3.connect

    @functools.wraps(original)
    def connect(*args: Any, **kwargs: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = original(*args, **kwargs)
        watch_attached(connection, see)
        return connection

    # The audit event comes before the connection is complete: it cannot be queried yet.
    for module in (sqlite3, sqlite3.dbapi2, _sqlite3):
        module.connect = connect  # type: ignore[attr-defined]


def watch_attached(connection: sqlite3.Connection, see: Callable[[str | None], None]) -> None:
    """Call a function with each name that is attached (VACUUM INTO included).

    Args:
        connection: a new one; who sets an authorizer of its own takes this one away.
        see: takes the name, None where it is a parameter; what it raises denies the statement.
    """

    def authorize(action: int, first: str | None, *_: Any) -> int:
        if action == sqlite3.SQLITE_ATTACH:
            try:
                see(first)
            except BaseException:
                return sqlite3.SQLITE_DENY
        return sqlite3.SQLITE_OK

    sqlite3.Connection.set_authorizer(connection, authorize)
