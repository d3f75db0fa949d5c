"""Detect outbound calls of a generation that no adapter records, and name them in log and context.

Database drivers, gRPC, curl and sockets of one's own are no steps, so a replay cannot answer them. Each is
logged once an operation and library, and added to the context of the generation, which ``genmon failures show`` prints: what
was called, from where in the application, and the ``@step`` that would make it replayable.

Watched are sockets that connect, and calls of drivers whose connections outlive a generation or are
made by native code. Each watcher only checks whether a generation is open and no step surrounds the call.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any, Final

from genmon_otel import conventions as names
from genmon_otel.capture.calls import ledger_of, recording
from genmon_otel.capture.patches import Wrap
from genmon_otel.capture.sites import call_site
from genmon_otel.recorder.runtime import suppress_and_count
from genmon_otel.stacks import is_in_app
from genmon_otel.text import clean

_log = logging.getLogger(names.LOGGER)

#: Libraries that are reported for one generation, and (operation, library) pairs for the process.
_MAX_A_GENERATION: Final = 8
_MAX_A_PROCESS: Final = 1000
_MAX_FRAMES: Final = 60
_MAX_NAME: Final = 100

#: Packages below a client library: they do not say which library makes the call.
_CARRIERS: Final = frozenset(
    "asyncio socket ssl selectors threading concurrent contextlib anyio sniffio wrapt genmon_otel uvloop gevent "
    "eventlet trio opentelemetry".split()
)
#: Classes of redis, in its plain and its asynchronous module; a pipeline is no call of its client.
_REDIS: Final = (
    ("Redis", ("execute_command",)), ("Pipeline", ("execute",)), ("PubSub", ("execute_command",))
)  # fmt: skip
_CLUSTER: Final = (("RedisCluster", ("execute_command",)), ("ClusterPipeline", ("execute",)))
#: By the module whose import is waited for: (class, its methods) that ask a server.
DRIVERS: Final[dict[str, tuple[tuple[str, tuple[str, ...]], ...]]] = {
    "psycopg": (
        ("Cursor", ("execute", "executemany", "stream", "copy")),
        ("AsyncCursor", ("execute", "executemany", "stream", "copy")),
        ("ServerCursor", ("execute", "executemany")),
        ("AsyncServerCursor", ("execute", "executemany")),
    ),
    "asyncpg.connection": (
        ("Connection", ("execute", "executemany", "fetch", "fetchval", "fetchrow")),
    ),
    "pymysql.cursors": (("Cursor", ("execute",)),),
    "redis.client": _REDIS,
    "redis.asyncio.client": _REDIS,
    "redis.cluster": _CLUSTER,
    "redis.asyncio.cluster": _CLUSTER,
    "pymongo.synchronous.pool": (("Connection", ("command",)),),
    "pymongo.asynchronous.pool": (("AsyncConnection", ("command",)),),
    "grpc._channel": (
        ("_UnaryUnaryMultiCallable", ("__call__", "with_call", "future")),
        ("_UnaryStreamMultiCallable", ("__call__",)),
        ("_SingleThreadedUnaryStreamMultiCallable", ("__call__",)),
        ("_StreamUnaryMultiCallable", ("__call__", "with_call", "future")),
        ("_StreamStreamMultiCallable", ("__call__",)),
    ),
    "grpc.aio._channel": (
        ("UnaryUnaryMultiCallable", ("__call__",)),
        ("UnaryStreamMultiCallable", ("__call__",)),
        ("StreamUnaryMultiCallable", ("__call__",)),
        ("StreamStreamMultiCallable", ("__call__",)),
    ),
    "curl_cffi.curl": (("Curl", ("perform",)),),
    "curl_cffi.aio": (("AsyncCurl", ("add_handle",)),),
}
#: Database drivers in native code, whose classes cannot be patched: how they connect.
NATIVE: Final = ("psycopg2", "MySQLdb", "pyodbc")
#: SQLAlchemy's dialect, which asks each driver; and databases in a file of the application's.
DIALECT: Final = "sqlalchemy.engine.default"
_LOCAL: Final = ("sqlite", "duckdb")
#: What was logged: (operation, library).
_reported: Final[set[tuple[str, str]]] = set()


def driver_targets(module: Any) -> list[tuple[Any, str, Wrap]]:
    """Patch the calls of a database driver, or of gRPC."""
    library = module.__name__.partition(".")[0]

    def wrap(original: Callable[..., Any]) -> Callable[..., Any]:
        def asked(self: Any, *args: Any, **kwargs: Any) -> Any:
            notice(library)
            return original(self, *args, **kwargs)

        return asked

    return [
        (kind, method, wrap)
        for name, methods in DRIVERS[module.__name__]
        if (kind := getattr(module, name, None)) is not None
        for method in methods
        if method in vars(kind)
    ]


def native_targets(module: Any) -> list[tuple[Any, str, Wrap]]:
    """Patch the function by which a native driver connects."""

    def wrap(original: Callable[..., Any]) -> Callable[..., Any]:
        def connect(*args: Any, **kwargs: Any) -> Any:
            notice(module.__name__)
            return original(*args, **kwargs)

        return connect

    return [(module, "connect", wrap)]


def dialect_targets(module: Any) -> list[tuple[Any, str, Wrap]]:
    """Patch the statements that SQLAlchemy executes over a connection of its pool."""

    def wrap(original: Callable[..., Any]) -> Callable[..., Any]:
        def asked(self: Any, *args: Any, **kwargs: Any) -> Any:
            if self.name not in _LOCAL:
                notice(str(self.driver))
            return original(self, *args, **kwargs)

        return asked

    methods = ("do_execute", "do_executemany", "do_execute_no_params")
    return [(module.DefaultDialect, method, wrap) for method in methods]


def socket_targets(module: Any) -> list[tuple[Any, str, Wrap]]:
    """Patch ``socket.socket.connect`` and ``connect_ex``."""

    def wrap(original: Callable[..., Any]) -> Callable[..., Any]:
        def connect(self: Any, address: Any) -> Any:
            # The family last: it is made an enum's member each time it is asked for.
            if recording() is not None and self.family in (module.AF_INET, module.AF_INET6):
                notice("", address)
            return original(self, address)

        return connect

    return [(module.socket, "connect", wrap), (module.socket, "connect_ex", wrap)]


def notice(library: str, address: Any = None) -> None:
    """Report that the open generation makes a call that no replay can answer. Never raises.

    Args:
        library: the one that makes the call; empty: found by the frames.
        address: of the server, where it is known.
    """
    generation = recording()
    if generation is None or generation.runtime.player is not None:
        return
    try:
        library = library or _library()
        if not library:
            return
        seen = ledger_of(generation).unseen
        if library in seen or len(seen) >= _MAX_A_GENERATION:
            return
        site = call_site(2)[0]
        where = "" if address is None else f" at {_shown(address)}"
        place = f", asked from {site}" if site else ""
        seen[library] = f"{library}{where}{place}"
        context: dict[str, Any] = {names.CONTEXT_UNSEEN: list(seen.values())}
        generation.set(**context)
        key = generation.spec.operation, library
        if key not in _reported and len(_reported) < _MAX_A_PROCESS:
            _reported.add(key)
            function = (
                site.rpartition(":")[2].rpartition("<locals>.")[2] or "the function that asks it"
            )
            _log.warning(
                "genmon cannot replay what %s asks of %s%s%s: put @step on %s, which should return only what is needed.",
                *key, where, place, function,
            )  # fmt: skip
    except BaseException:
        suppress_and_count("capture", generation.runtime)


def asker() -> str:
    """Return which library makes a call, and from where in the application; for a replay's refusal."""
    site = call_site(2)[0]
    return f"{_library() or 'logging'}, asked from {site}" if site else _library() or "logging"


def _shown(address: Any) -> str:
    if isinstance(address, tuple) and len(address) >= 2:
        return clean(f"{address[0]}:{address[1]}", _MAX_NAME)
    return clean(str(address), _MAX_NAME)


def _library() -> str:
    """Return who connects: the innermost package not in ``_CARRIERS``, else the standard library's module that was used."""
    frame: FrameType | None = sys._getframe(2)
    used = "socket"
    for _ in range(_MAX_FRAMES):
        if frame is None:
            break
        module = str(frame.f_globals.get("__name__", ""))
        package = module.partition(".")[0]
        if package == "logging":
            return ""  # a handler's
        if is_in_app(frame.f_code.co_filename, module):
            break
        if package in sys.stdlib_module_names:
            used = used if package in _CARRIERS else module
        elif package not in _CARRIERS:
            return package
        frame = frame.f_back
    return used
