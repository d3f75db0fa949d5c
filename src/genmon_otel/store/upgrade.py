"""The schema's life: made at once in an empty database, upgraded, or refused."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa

from genmon_otel import conventions as names
from genmon_otel.errors import SchemaMismatch, StoreMissing, StoreUnavailable
from genmon_otel.store import schema
from genmon_otel.store.connect import Database, driver_connection, suppressed
from genmon_otel.text import clean

MIGRATIONS: Final = Path(__file__).parent / "migrations"
#: Advisory lock that whoever makes or upgrades a schema holds.
SCHEMA_LOCK: Final = 0x67656E6D_00
#: Seconds that two processes that upgrade at once may wait for each other.
UPGRADE_TIMEOUT_S: Final = 3_600


def revision(connection: sa.Connection) -> str | None:
    """Return the revision of the schema there is; None where there is none of ours."""
    if not sa.inspect(connection).has_table(names.TABLE_VERSION):
        return None
    found = connection.execute(sa.select(schema.version.c.version_num)).scalar()
    return None if found is None else str(found)


def ensure(database: Database, *, change: bool = True) -> None:
    """Make the schema where there is none; upgrade an older one on SQLite.

    Args:
        database: where it should be.
        change: False to refuse what would have to be made or upgraded.

    Raises:
        SchemaMismatch: it is newer than this genmon; or older on a server, where others
            may be at work and upgrading is a decision; or older, and not to be changed.
        StoreMissing: there is none, and none is to be made.
    """
    with database.read() as connection:
        found = revision(connection)
    if found == schema.REVISION:
        return
    if found is None and not change:
        raise StoreMissing(
            f"The store {database.masked} holds nothing of genmon's yet. Run your application once "
            "with genmon's setup(), make the tables with 'genmon db upgrade', or name another "
            f"store with --store or {names.ENV_STORE}."
        )
    if found is not None:
        _refuse_unknown(database, found)
        if database.is_postgresql or not change:
            raise _outdated(database, found)
    upgrade(database)


def check_still_ours(database: Database) -> None:
    """Say so where somebody changed the schema meanwhile: a row it refuses may be a good one.

    Raises:
        SchemaMismatch: the schema is another version's by now.
        StoreUnavailable: there is none any more.
    """
    with database.read() as connection:
        found = revision(connection)
    if found is None:
        raise StoreUnavailable(f"The store {database.masked} has lost its tables.")
    if found != schema.REVISION:
        _refuse_unknown(database, found)
        raise _outdated(database, found)


def upgrade(database: Database) -> str | None:
    """Bring the schema to this genmon's revision; return the one it had before (None: none).

    Processes that do so at once wait for each other (an advisory lock, or SQLite's own).

    Raises:
        SchemaMismatch: it is newer than this genmon.
    """
    with database.begin() as connection, ExitStack() as stack:
        if database.is_postgresql:
            stack.enter_context(_patient(connection))
            connection.execute(sa.text(f"SET LOCAL lock_timeout = '{UPGRADE_TIMEOUT_S}s'"))
            connection.execute(sa.text(f"SET LOCAL statement_timeout = '{UPGRADE_TIMEOUT_S}s'"))
            connection.execute(sa.text(f"SELECT pg_advisory_xact_lock({SCHEMA_LOCK})"))
        before = revision(connection)
        if before is None:
            schema.metadata.create_all(connection, checkfirst=False)
            connection.execute(sa.insert(schema.version).values(version_num=schema.REVISION))
        elif before != schema.REVISION:
            _refuse_unknown(database, before)
            _migrate(connection)
    return before


@contextmanager
def _patient(connection: sa.Connection) -> Iterator[None]:
    """Let each statement's answer take its time (see :mod:`genmon_otel.store.timeout_connection`)."""
    raw = driver_connection(connection)
    raw.answer_timeout_s = UPGRADE_TIMEOUT_S
    try:
        yield
    finally:
        del raw.answer_timeout_s


def _refuse_unknown(database: Database, found: str) -> None:
    if found not in schema.REVISIONS:
        raise SchemaMismatch(
            f"The store {database.masked} has schema {clean(found, 40)}; this genmon knows up to "
            f"{schema.REVISION}.",
            "A newer genmon made it: upgrade this one (pip install -U genmon-otel), or name "
            f"another store ({names.ENV_STORE}).",
        )


def _outdated(database: Database, found: str) -> SchemaMismatch:
    return SchemaMismatch(
        f"The store {database.masked} has schema {found}; this genmon works with "
        f"{schema.REVISION}.",
        "Run 'genmon db upgrade' once.",
    )


def _migrate(connection: sa.Connection) -> None:
    """Run the migrations inside the transaction that is open."""
    from alembic import command  # only where it is needed: it takes longer than opening a store

    with suppressed():
        command.upgrade(alembic_config(connection), "head")


def alembic_config(connection: sa.Connection | None = None) -> Any:
    """Return Alembic's configuration for the migrations in this package."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
