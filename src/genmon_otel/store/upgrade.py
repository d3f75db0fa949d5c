"""Creates the schema in an empty database, upgrades it, or refuses another version's."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa

from genmon_otel import conventions as names
from genmon_otel.errors import SchemaMismatch, StoreMissing, StoreUnavailable
from genmon_otel.store import schema
from genmon_otel.store.connect import Database, driver_connection, without_instrumentation
from genmon_otel.text import clean

MIGRATIONS: Final = Path(__file__).parent / "migrations"
#: Key of the advisory lock of PostgreSQL that a transaction holds while it creates or upgrades the
#: schema.
SCHEMA_LOCK_KEY: Final = 0x67656E6D_00
#: Seconds that a migration may take, and that another process waits for it.
UPGRADE_TIMEOUT_S: Final = 3_600
#: Held while this process migrates: alembic keeps what it works on in module variables.
_migrating: Final = threading.Lock()


def fetch_revision(connection: sa.Connection) -> str | None:
    """Fetch the revision of the schema; None where the database has no schema of genmon."""
    if not sa.inspect(connection).has_table(names.TABLE_VERSION):
        return None
    found = connection.execute(sa.select(schema.version.c.version_num)).scalar()
    return None if found is None else str(found)


def ensure_schema(database: Database, *, change: bool = True) -> None:
    """Create the schema where there is none; upgrade an older one on SQLite.

    Args:
        database: where.
        change: False to raise instead of creating or upgrading.

    Raises:
        SchemaMismatch: the schema is newer than this genmon; or older on PostgreSQL, where other
            processes may use it, so a person decides when to upgrade; or older and ``change`` is
            False.
        StoreMissing: there is no schema and ``change`` is False.
    """
    with database.read() as connection:
        found = fetch_revision(connection)
    if found == schema.REVISION:
        return
    if found is None and not change:
        raise StoreMissing(
            f"The store {database.masked_url} holds nothing of genmon's yet. Run your application once "
            "with genmon's setup(), make the tables with 'genmon db upgrade', or name another "
            f"store with --store or {names.ENV_STORE}."
        )
    if found is not None:
        _refuse_unknown(database, found)
        if database.is_postgresql or not change:
            raise _outdated_error(database, found)
    upgrade(database)


def check_revision(database: Database) -> None:
    """Check that the schema did not change while this process ran.

    Called after the database refused a row: with another schema the row may be a good one.

    Raises:
        SchemaMismatch: the schema has another version now.
        StoreUnavailable: the schema is gone.
    """
    with database.read() as connection:
        found = fetch_revision(connection)
    if found is None:
        raise StoreUnavailable(f"The store {database.masked_url} has lost its tables.")
    if found != schema.REVISION:
        _refuse_unknown(database, found)
        raise _outdated_error(database, found)


def upgrade(database: Database) -> str | None:
    """Upgrade the schema to this genmon's revision; return the revision before, None for none.

    Concurrent processes wait for each other: an advisory lock of the transaction on PostgreSQL, the
    write lock on SQLite.

    Raises:
        SchemaMismatch: the schema is newer than this genmon.
    """
    with database.begin() as connection, ExitStack() as stack:
        if database.is_postgresql:
            stack.enter_context(_long_answer_timeout(connection))
            connection.execute(sa.text(f"SET LOCAL lock_timeout = '{UPGRADE_TIMEOUT_S}s'"))
            connection.execute(sa.text(f"SET LOCAL statement_timeout = '{UPGRADE_TIMEOUT_S}s'"))
            connection.execute(sa.text(f"SELECT pg_advisory_xact_lock({SCHEMA_LOCK_KEY})"))
        before = fetch_revision(connection)
        if before is None:
            schema.metadata.create_all(connection, checkfirst=False)
            connection.execute(sa.insert(schema.version).values(version_num=schema.REVISION))
        elif before != schema.REVISION:
            _refuse_unknown(database, before)
            _migrate(connection)
    return before


@contextmanager
def _long_answer_timeout(connection: sa.Connection) -> Iterator[None]:
    """Set a long timeout for answers (see :mod:`genmon_otel.store.timeout_connection`)."""
    raw = driver_connection(connection)
    raw.answer_timeout_s = UPGRADE_TIMEOUT_S
    try:
        yield
    finally:
        del raw.answer_timeout_s


def _refuse_unknown(database: Database, found: str) -> None:
    if found not in schema.REVISIONS:
        raise SchemaMismatch(
            f"The store {database.masked_url} has schema {clean(found, 40)}; this genmon knows up to "
            f"{schema.REVISION}.",
            "A newer genmon made it: upgrade this one (pip install -U genmon-otel), or name "
            f"another store ({names.ENV_STORE}).",
        )


def _outdated_error(database: Database, found: str) -> SchemaMismatch:
    return SchemaMismatch(
        f"The store {database.masked_url} has schema {found}; this genmon works with "
        f"{schema.REVISION}.",
        "Run 'genmon db upgrade' once.",
    )


def _migrate(connection: sa.Connection) -> None:
    """Run the migrations inside the open transaction."""
    from alembic import command  # imported late: the import takes longer than opening a store

    with _migrating, without_instrumentation():
        command.upgrade(alembic_config(connection), "head")


def alembic_config(connection: sa.Connection | None = None) -> Any:
    """Return Alembic's configuration for the migrations in this package."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
