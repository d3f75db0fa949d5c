"""Connections: one engine a process, transactions that are begun and ended in one place."""

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

from genmon_otel.addresses import HIDDEN, POSTGRESQL, SQLITE, is_understood, mask_url, secrets_of
from genmon_otel.errors import ConfigurationError, StoreRefused, StoreUnavailable
from genmon_otel.store import sqlite
from genmon_otel.store.codec import dumps_exactly
from genmon_otel.store.columns import parsed
from genmon_otel.store.reading import DAMAGE_LOG, DamageLog

#: Connections a process keeps, and may open beyond that for a moment.
POOL_SIZE: Final = 2
POOL_OVERFLOW: Final = 3
#: Seconds to wait: for a connection of the pool, for the server to answer, for a lock, for a query.
POOL_TIMEOUT_S: Final = 10
CONNECT_TIMEOUT_S: Final = 5
LOCK_TIMEOUT_S: Final = 10
STATEMENT_TIMEOUT_S: Final = 30

#: What libraries that instrument databases look at. Source: opentelemetry-instrumentation,
#: ``utils.is_instrumentation_enabled``.
_SUPPRESS: Final = "suppress_instrumentation"

_POSTGRESQL_ARGUMENTS: Final = {
    "connect_timeout": CONNECT_TIMEOUT_S,
    # A host that vanished: told after 15 s, whether or not something is on its way.
    "tcp_user_timeout": 15_000,
    "keepalives_idle": 5,
    "keepalives_interval": 5,
    "keepalives_count": 2,
    "application_name": "genmon",
    "options": f"-c lock_timeout={LOCK_TIMEOUT_S}s -c statement_timeout={STATEMENT_TIMEOUT_S}s "
    f"-c idle_in_transaction_session_timeout={2 * STATEMENT_TIMEOUT_S}s -c timezone=UTC",
}

#: Engines inherited over a fork. They are the parent's: never used here, never closed (closing
#: would say goodbye on the parent's socket, or unlink the parent's log), so never collected.
_inherited: list[sa.Engine] = []


#: What SQLite says of a schema that is not the expected one.
_NO_SUCH: Final = re.compile(r"no such (?:table|column)|has no column|values for \d+ columns")

#: Where to look when the store does not answer.
POINTER: Final = "'genmon doctor' says what to look at."


class Database:
    """One database as one process sees it: an engine that is made anew after a fork.

    Args:
        url: its connection string.
        read_only: the connections refuse every write, and change nothing of a SQLite file, not
            even its journal mode: it may be another application's.
        damage: names values that cannot be read; None: in the log.
    """

    def __init__(
        self, url: str, *, read_only: bool = False, damage: DamageLog | None = None
    ) -> None:
        self._read_only = read_only
        self.damage = damage or DamageLog()
        self.masked = mask_url(url)
        self.url = _sqlalchemy_url(url)
        #: Drivers quote what they were given; longest first, as one may hold another.
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
        #: The SQLite file that the engine is for, and how often another one was found in its place.
        self._file: tuple[int, int] | None = None
        self.replaced = 0

    @property
    def engine(self) -> sa.Engine:
        """The engine of this very process."""
        if self._pid != os.getpid():
            # The lock may have been held by a thread that did not survive the fork.
            self._lock = threading.Lock()
            if self._engine is not None:
                _inherited.append(self._engine)
            self._engine = None
            self._pid = os.getpid()
        if self._engine is not None and self.path is not None and _file(self.path) != self._file:
            # Deleted or replaced under us: what is written to the old one nobody reads.
            self.replaced += 1
            self.close()
        engine = self._engine
        if engine is None:
            with self._lock:
                engine = self._engine
                if engine is None:
                    engine = self._engine = self._make()
        return engine

    def close(self) -> None:
        """Close this process's connections; the next use opens new ones."""
        engine = self._engine
        if self._pid == os.getpid() and engine is not None:
            self._engine = None
            with self._translated(), suppressed():
                engine.dispose()

    @contextmanager
    def begin(self) -> Iterator[sa.Connection]:
        """Open a transaction that may write; commit at the end, roll back on any error.

        Raises:
            StoreUnavailable: the database cannot be reached or written now.
            StoreRefused: it refuses what is to be written.
        """
        with suppressed(), self._translated(), self.engine.connect() as connection:
            connection.info[DAMAGE_LOG] = self.damage
            if self.is_postgresql:
                with connection.begin():
                    yield connection
                return
            # BEGIN IMMEDIATE: a deferred transaction that turns writer is refused at once.
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
        """Open a connection to read from; each statement sees what is committed by then."""
        with suppressed(), self._translated(), self.engine.connect() as connection:
            connection.info[DAMAGE_LOG] = self.damage
            yield connection

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (sa.exc.SQLAlchemyError, sqlite3.Error, OverflowError, UnicodeError) as error:
            raise self.translate(error) from error
        except Exception as error:
            if type(error).__module__.partition(".")[0] != "psycopg":
                raise
            raise self.translate(error) from error

    def translate(self, error: BaseException) -> StoreUnavailable | StoreRefused:
        """Tell a row that is refused for good from a store that cannot answer now."""
        cause = getattr(error, "orig", None) or error
        said = " ".join(str(cause).split())
        for secret in self._secrets:
            said = said.replace(secret, HIDDEN)
        said = said[:300]
        if _is_refusal(cause):
            return StoreRefused(f"The store {self.masked} refuses a row: {said}")
        return StoreUnavailable(
            f"The store {self.masked} cannot be used now: "
            f"{(said or type(cause).__name__).rstrip('.')}. {POINTER}"
        )

    def _make(self) -> sa.Engine:
        if self.is_postgresql:
            return self._make_postgresql()
        if self.path is not None:
            sqlite.refuse_foreign_link(self.path)
            if not self._read_only:
                sqlite.prepare_file(self.path)
            self._file = _file(self.path)
        engine = sa.create_engine(
            self.url,
            poolclass=QueuePool,
            # A database in memory is one connection's own.
            pool_size=POOL_SIZE if self.path else 1,
            max_overflow=POOL_OVERFLOW if self.path else 0,
            pool_timeout=POOL_TIMEOUT_S,
            # Without a reset on return: whoever began a transaction here ended it.
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

    def _make_postgresql(self) -> sa.Engine:
        try:
            from genmon_otel.store import timeout_connection
        except ImportError:
            raise ConfigurationError(
                f"The store {self.masked} needs a driver that is not installed. Install it: "
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
            json_deserializer=parsed,
            execution_options={"postgresql_readonly": True} if self._read_only else {},
            connect_args={
                key: value
                for key, value in _POSTGRESQL_ARGUMENTS.items()
                if key not in self.url.query  # what the connection string says wins
            },
        )

        @sa.event.listens_for(engine, "do_connect")
        def _connect(_dialect: Any, _record: Any, arguments: Any, named: Any) -> Any:
            return timeout_connection.connect(arguments, named)

        return engine


@contextmanager
def suppressed() -> Iterator[None]:
    """Keep instrumentations of databases off our own: their spans would come back to us."""
    token = otel_context.attach(otel_context.set_value(_SUPPRESS, True))
    try:
        yield
    finally:
        otel_context.detach(token)


def _file(path: Path) -> tuple[int, int] | None:
    """Which file lies there; None when there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def driver_connection(connection: sa.Connection) -> Any:
    """Return the driver's own connection below one of SQLAlchemy's."""
    return connection.connection.driver_connection


def _sqlalchemy_url(url: str) -> sa.URL:
    try:
        if not is_understood(url):
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


def _is_refusal(cause: BaseException) -> bool:
    """Whether an error is about the values of a row: SQL states 22 and 23, or what SQLite says."""
    if isinstance(cause, (OverflowError, UnicodeError)):
        return True
    state = getattr(cause, "sqlstate", None)
    if isinstance(state, str):
        return state[:2] in ("22", "23")
    if isinstance(cause, sqlite3.Error):
        # ProgrammingError: a type that SQLite cannot bind; "database is locked" is Operational.
        return isinstance(
            cause,
            (sqlite3.IntegrityError, sqlite3.DataError, sqlite3.ProgrammingError,
             sqlite3.InterfaceError),
        )  # fmt: skip
    # psycopg's own, raised before anything is sent: a value of a type it cannot adapt.
    return type(cause).__name__ in ("DataError", "ProgrammingError", "NotSupportedError")


def is_about_schema(error: StoreUnavailable) -> bool:
    """Whether a statement met another schema than ours: a table or column that is not there."""
    cause: Any = getattr(error.__cause__, "orig", None) or error.__cause__
    state = getattr(cause, "sqlstate", None)
    if isinstance(state, str):  # class 42, of which 42501 is a privilege that is missing
        return state[:2] == "42" and state != "42501"
    return isinstance(cause, sqlite3.OperationalError) and bool(_NO_SUCH.search(str(cause)))
