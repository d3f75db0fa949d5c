"""Connections to the database: one SQLAlchemy engine a process, and the only place that begins and ends
transactions.
"""

from __future__ import annotations

import os
import re
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote

import sqlalchemy as sa
from opentelemetry import context as otel_context
from sqlalchemy.pool import QueuePool

from genmon_otel.addresses import HIDDEN, POSTGRESQL, SQLITE, is_parseable, mask_url, secrets_of
from genmon_otel.errors import ConfigurationError, StoreRefused, StoreUnavailable
from genmon_otel.store import sqlite
from genmon_otel.store.codec import dumps_exactly
from genmon_otel.store.columns import parse_json
from genmon_otel.store.reading import DAMAGE_LOG, DamageLog

#: Connections that a process keeps open, and those that it may open beyond them for a short time.
POOL_SIZE: Final = 2
POOL_OVERFLOW: Final = 3
#: Seconds to wait for a free connection of the pool, for the server to accept a connection, for a
#: lock, and for a statement.
POOL_TIMEOUT_S: Final = 10
CONNECT_TIMEOUT_S: Final = 5
LOCK_TIMEOUT_S: Final = 10
STATEMENT_TIMEOUT_S: Final = 30

#: Context key that makes instrumentations of databases create no span.
#: Source: opentelemetry-instrumentation, ``utils.is_instrumentation_enabled``.
_SUPPRESS: Final = "suppress_instrumentation"

_POSTGRESQL_ARGUMENTS: Final = {
    "connect_timeout": CONNECT_TIMEOUT_S,
    # Milliseconds, seconds: a host that is gone is noticed after 15 s, with data in flight or not.
    "tcp_user_timeout": 15_000,
    "keepalives_idle": 5,
    "keepalives_interval": 5,
    "keepalives_count": 2,
    "application_name": "genmon",
    "options": f"-c lock_timeout={LOCK_TIMEOUT_S}s -c statement_timeout={STATEMENT_TIMEOUT_S}s "
    f"-c idle_in_transaction_session_timeout={2 * STATEMENT_TIMEOUT_S}s -c timezone=UTC",
}

#: Engines that a forked child inherited. Their connections are the parent's: the child neither uses
#: nor closes them (closing would end the parent's session, or delete the parent's WAL file). This
#: list keeps them from being garbage-collected, which would close them.
_engines_of_parent: list[sa.Engine] = []


#: SQLite's messages where a table or column of a statement is missing.
_MISSING_IN_SCHEMA: Final = re.compile(
    r"no such (?:table|column)|has no column|values for \d+ columns"
)

#: The hint in every message about a store that cannot be used.
DOCTOR_HINT: Final = "'genmon doctor' says what to look at."


class Database:
    """One database in one process. Thread-safe; after a fork the child makes its own engine.

    Args:
        url: the connection string.
        read_only: True to refuse every write and to leave a SQLite file as it is, its journal
            mode included: it may be another application's.
        damage: reports values that cannot be read; None logs them.
    """

    def __init__(
        self, url: str, *, read_only: bool = False, damage: DamageLog | None = None
    ) -> None:
        self._read_only = read_only
        self.damage = damage or DamageLog()
        self.masked_url = mask_url(url)
        self.url = _sqlalchemy_url(url)
        #: Removed from error texts: drivers quote what they were given. Longest first, because one
        #: secret may contain another.
        self._secrets = sorted(
            {*secrets_of(url), *map(unquote, secrets_of(url))}, key=len, reverse=True
        )
        self.is_postgresql = self.url.get_backend_name() == POSTGRESQL
        name = self.url.database
        no_file = self.is_postgresql or name in (None, "", ":memory:")
        #: The SQLite file; None for a server, and for a database in memory.
        self.path = None if no_file else Path(str(name)).absolute()
        self._lock = threading.Lock()
        self._engine: sa.Engine | None = None
        self._pid = os.getpid()
        #: Identity of the SQLite file that the engine has open.
        self._open_file: tuple[int, int] | None = None
        #: How often another file was found at the path of the open one.
        self.file_replacements = 0

    @property
    def engine(self) -> sa.Engine:
        """The engine of this process; made on first use, after a fork, and for a replaced file."""
        if self._pid != os.getpid():
            # In a forked child. A thread of the parent may have held the lock, and that thread does
            # not exist here, so it would never be released.
            self._lock = threading.Lock()
            if self._engine is not None:
                _engines_of_parent.append(self._engine)
            self._engine = None
            self._pid = os.getpid()
        if (
            self._engine is not None
            and self.path is not None
            and _file_identity(self.path) != self._open_file
        ):
            # The file was deleted or replaced while it was open: what is written to it is lost.
            self.file_replacements += 1
            self.close()
        engine = self._engine
        if engine is None:
            with self._lock:
                engine = self._engine
                if engine is None:
                    engine = self._engine = self._create_engine()
        return engine

    def close(self) -> None:
        """Close this process's connections. The next use opens new ones."""
        engine = self._engine
        if self._pid == os.getpid() and engine is not None:
            self._engine = None
            with self._translate_errors(), without_instrumentation():
                engine.dispose()

    @contextmanager
    def begin(self) -> Iterator[sa.Connection]:
        """Open a transaction that may write; commit at the end of the block, roll back on any error.

        Raises:
            StoreUnavailable: the database cannot be reached or written now.
            StoreRefused: the database rejects a row because of its values.
        """
        with (
            without_instrumentation(),
            self._translate_errors(),
            self.engine.connect() as connection,
        ):
            connection.info[DAMAGE_LOG] = self.damage
            if self.is_postgresql:
                with connection.begin():
                    yield connection
                return
            # BEGIN IMMEDIATE takes the write lock and waits for it. A deferred transaction that
            # writes later would fail at once where another one holds the lock.
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.exec_driver_sql("COMMIT")
            except BaseException:
                if driver_connection(connection).in_transaction:
                    connection.exec_driver_sql("ROLLBACK")
                raise

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """Open a connection for reading, without a transaction: each statement sees what is committed."""
        with (
            without_instrumentation(),
            self._translate_errors(),
            self.engine.connect() as connection,
        ):
            connection.info[DAMAGE_LOG] = self.damage
            yield connection

    @contextmanager
    def _translate_errors(self) -> Iterator[None]:
        try:
            yield
        except (sa.exc.SQLAlchemyError, sqlite3.Error, OverflowError, UnicodeError) as error:
            raise self.translate(error) from error
        except Exception as error:
            if type(error).__module__.partition(".")[0] != "psycopg":
                raise
            raise self.translate(error) from error

    def translate(self, error: BaseException) -> StoreUnavailable | StoreRefused:
        """Turn a driver's error into StoreRefused (retrying is useless) or StoreUnavailable.

        Its message is cut and contains no secret of the connection string.
        """
        cause = getattr(error, "orig", None) or error
        message = " ".join(str(cause).split())
        for secret in self._secrets:
            message = message.replace(secret, HIDDEN)
        message = message[:300]
        if _is_data_error(cause):
            return StoreRefused(f"The store {self.masked_url} refuses a row: {message}")
        return StoreUnavailable(
            f"The store {self.masked_url} cannot be used now: "
            f"{(message or type(cause).__name__).rstrip('.')}. {DOCTOR_HINT}"
        )

    def _create_engine(self) -> sa.Engine:
        if self.is_postgresql:
            return self._create_postgresql_engine()
        if self.path is not None:
            sqlite.refuse_link_of_another_user(self.path)
            if not self._read_only:
                sqlite.prepare_file(self.path)
            self._open_file = _file_identity(self.path)
        engine = sa.create_engine(
            self.url,
            poolclass=QueuePool,
            # A database in memory belongs to one connection.
            pool_size=POOL_SIZE if self.path else 1,
            max_overflow=POOL_OVERFLOW if self.path else 0,
            pool_timeout=POOL_TIMEOUT_S,
            # No reset needed: begin() ends every transaction that it begins.
            pool_reset_on_return=None,
            json_serializer=dumps_exactly,
            connect_args={"check_same_thread": False, "timeout": sqlite.BUSY_TIMEOUT_S},
        )

        @sa.event.listens_for(engine, "connect")
        def _connected(connection: sqlite3.Connection, _record: Any) -> None:
            if self._read_only:
                sqlite.configure_read_only(connection)
            else:
                sqlite.configure(connection, self.path)

        return engine

    def _create_postgresql_engine(self) -> sa.Engine:
        try:
            from genmon_otel.store import timeout_connection
        except ImportError:
            raise ConfigurationError(
                f"The store {self.masked_url} needs a driver that is not installed. Install it: "
                'pip install "genmon-otel[postgres]".'
            ) from None
        engine = sa.create_engine(
            self.url,
            poolclass=QueuePool,
            pool_size=POOL_SIZE,
            max_overflow=POOL_OVERFLOW,
            pool_timeout=POOL_TIMEOUT_S,
            pool_recycle=1800,
            json_serializer=dumps_exactly,
            json_deserializer=parse_json,
            execution_options={"postgresql_readonly": True} if self._read_only else {},
            connect_args={
                key: value
                for key, value in _POSTGRESQL_ARGUMENTS.items()
                if key not in self.url.query  # the connection string has priority
            },
        )

        @sa.event.listens_for(engine, "do_connect")
        def _connect(_dialect: Any, _record: Any, arguments: Any, named: Any) -> Any:
            return timeout_connection.connect(arguments, named)

        return engine


@contextmanager
def without_instrumentation() -> Iterator[None]:
    """Suppress spans of database instrumentations: genmon's own processor would receive them."""
    token = otel_context.attach(otel_context.set_value(_SUPPRESS, True))
    try:
        yield
    finally:
        otel_context.detach(token)


def _file_identity(path: Path) -> tuple[int, int] | None:
    """Return device and inode of a file; None when there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def driver_connection(connection: sa.Connection) -> Any:
    """Return the driver's connection that a connection of SQLAlchemy wraps."""
    return connection.connection.driver_connection


def _sqlalchemy_url(url: str) -> sa.URL:
    try:
        if not is_parseable(url):
            raise ValueError
        parsed = sa.make_url(url if "://" in url else f"{SQLITE}:///{url}")
    except (sa.exc.ArgumentError, ValueError):
        raise ConfigurationError(
            f"The store {mask_url(url)!r} cannot be read as a connection string. Use "
            "'sqlite:///path' or 'postgresql://user@host/database'."
        ) from None
    backend = POSTGRESQL if parsed.drivername.startswith("postgres") else parsed.drivername
    backend = backend.partition("+")[0]
    if backend not in (SQLITE, POSTGRESQL):
        raise ConfigurationError(
            f"The store {mask_url(url)!r} is of a kind that genmon does not know. Use "
            "'sqlite:///path' or 'postgresql://user@host/database'."
        )
    return parsed.set(drivername=SQLITE if backend == SQLITE else f"{POSTGRESQL}+psycopg")


def _is_data_error(cause: BaseException) -> bool:
    """Whether an error is about the values of a row, so that the same row would fail again.

    On PostgreSQL: SQLSTATE classes 22 (data exception) and 23 (integrity constraint violation).
    """
    if isinstance(cause, (OverflowError, UnicodeError)):
        return True
    state = getattr(cause, "sqlstate", None)
    if isinstance(state, str):
        return state[:2] in ("22", "23")
    if isinstance(cause, sqlite3.Error):
        # ProgrammingError: a type that SQLite cannot bind. "database is locked" is Operational.
        return isinstance(
            cause,
            (sqlite3.IntegrityError, sqlite3.DataError, sqlite3.ProgrammingError,
             sqlite3.InterfaceError),
        )  # fmt: skip
    # Raised by psycopg before it sends anything: a value of a type that it cannot adapt.
    return type(cause).__name__ in ("DataError", "ProgrammingError", "NotSupportedError")


def is_schema_error(error: StoreUnavailable) -> bool:
    """Whether a statement failed because a table or column of genmon's schema is missing."""
    cause: Any = getattr(error.__cause__, "orig", None) or error.__cause__
    state = getattr(cause, "sqlstate", None)
    if isinstance(state, str):  # class 42; 42501 is a missing privilege
        return state[:2] == "42" and state != "42501"
    return isinstance(cause, sqlite3.OperationalError) and bool(
        _MISSING_IN_SCHEMA.search(str(cause))
    )
