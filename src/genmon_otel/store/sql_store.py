"""SqlStore: everything the rest of genmon asks of a database, behind one door."""

from __future__ import annotations

import time

import sqlalchemy as sa

from genmon_otel.policy import HEALTH_WINDOW_S
from genmon_otel.ports import Clock, Propose
from genmon_otel.records import Batch, Health, WriteResult
from genmon_otel.store import health as _health
from genmon_otel.store import schema, sqlite, upgrade
from genmon_otel.store.codec import name
from genmon_otel.store.connect import Database
from genmon_otel.store.write import Writing


class SystemClock:
    """The machine's clocks."""

    def now(self) -> float:
        """Unix seconds."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds that never go back."""
        return time.monotonic()


class SqlStore:
    """A store in SQLite or PostgreSQL; see :class:`genmon_otel.ports.Store`.

    Safe to share between threads, and to use after a fork: the child opens its own
    connections and leaves the parent's alone.

    Args:
        url: ``sqlite:///path`` or ``postgresql://user@host/database``.
        clock: None for the machine's.
        propose: builds a case at the third strike; None keeps cases without content.

    Every method raises ``StoreUnavailable`` where trying again may help (the message
    carries the connection string without its password), ``StoreRefused`` where not.
    """

    def __init__(
        self, url: str, *, clock: Clock | None = None, propose: Propose | None = None
    ) -> None:
        self._database = Database(url)
        self._clock = clock or SystemClock()
        self._propose = propose
        self._writing = Writing(self._database, propose)

    @property
    def masked_url(self) -> str:
        """The connection string, safe to print."""
        return self._database.masked

    # --- schema ------------------------------------------------------------

    def open(self) -> None:
        """Connect; make the schema in an empty database, upgrade an older SQLite file.

        Raises:
            SchemaMismatch: the schema is newer than this genmon, or older on a server.
        """
        if not self._database.is_postgresql:
            with self._database.read() as connection:
                sqlite.check(connection.connection.driver_connection, self._database.path)  # type: ignore[arg-type]
        upgrade.ensure(self._database)

    def upgrade(self) -> str | None:
        """Bring the schema to this genmon's revision (``genmon db upgrade``); the one before."""
        return upgrade.upgrade(self._database)

    def close(self) -> None:
        """Close this process's connections."""
        self._database.close()

    # --- writing -----------------------------------------------------------

    def write(self, batch: Batch) -> WriteResult:
        """Store a batch in one transaction, exactly once."""
        return self._writing.write(batch, self._clock.now())

    def producer_position(self, producer: str) -> tuple[int, int]:
        """``(position, journal_seq)`` of a producer; ``(0, 0)`` when it never wrote."""
        table = schema.producers
        query = sa.select(table.c.position, table.c.journal_seq).where(table.c.id == name(producer))
        with self._database.read() as connection:
            found = connection.execute(query).first()
        return (0, 0) if found is None else (int(found[0]), int(found[1]))

    # --- health ------------------------------------------------------------

    def health(
        self,
        window_s: float = HEALTH_WINDOW_S,
        now: float | None = None,
        operation: str | None = None,
    ) -> Health:
        """Judge the attempts that ended in the last ``window_s`` seconds, at any table size."""
        with self._database.read() as connection:
            return _health.health(
                connection, window_s, self._clock.now() if now is None else now, operation
            )
