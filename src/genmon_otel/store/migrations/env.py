"""Alembic's entry: runs the migrations over the connection it is given."""

from __future__ import annotations

from alembic import context

from genmon_otel import conventions as names
from genmon_otel.errors import ConfigurationError
from genmon_otel.store.schema import metadata

connection = context.config.attributes.get("connection")
if connection is None:
    raise ConfigurationError(
        "The migrations run over a connection of the store. Use 'genmon db upgrade'."
    )
context.configure(
    connection=connection, target_metadata=metadata, version_table=names.TABLE_VERSION
)
with context.begin_transaction():
    context.run_migrations()
