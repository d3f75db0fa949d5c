"""Builds SQL that grants least privilege on PostgreSQL to applications and dashboards."""

from __future__ import annotations

import re
from typing import Final

from genmon_otel import conventions as names
from genmon_otel.errors import ConfigurationError
from genmon_otel.store import schema

_ROLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_$-]{0,62}")
#: Tables that dashboards may not read, because they hold user ids, requests or recordings.
_PRIVATE_TABLES: Final = frozenset(
    {
        names.TABLE_RECORDINGS,
        names.TABLE_SAMPLES,
        names.TABLE_FAILURE_USERS,
        names.TABLE_FAILURE_PROJECTS,
        names.TABLE_ACTIVE_USERS,
        names.TABLE_PRODUCERS,
    }
)
_PRIVATE_COLUMNS: Final = frozenset({"user_id", "user_ids", "user_request", "context", "case"})


def build_grants(application: str = "genmon_app", reader: str = "genmon_grafana") -> str:
    """Build SQL that lets one role write the tables and another read what dashboards show.

    The owner of the tables (the role that ran ``genmon db upgrade``) runs it after each upgrade.

    Args:
        application: role of applications. It reads, writes and deletes rows and cannot change
            the schema.
        reader: role of Grafana. It reads, except user ids, requests and recordings.

    Raises:
        ConfigurationError: a role's name is not letters, digits, ``_``, ``$`` and ``-``.
    """
    for role in (application, reader):
        if not _ROLE.fullmatch(role):
            raise ConfigurationError(
                f"The role {role!r} is not allowed. Use letters, digits and '_', at most 63."
            )
    lines = [
        "-- Run as the owner of genmon's tables; again after each 'genmon db upgrade'.",
        f"-- The roles must be there: CREATE ROLE {application} LOGIN; CREATE ROLE {reader} LOGIN;",
        f'GRANT SELECT ON {names.TABLE_VERSION} TO "{application}", "{reader}";',
    ]
    for table in sorted(schema.metadata.tables.values(), key=lambda table: table.name):
        if table is schema.version:
            continue
        lines.append(f'GRANT SELECT, INSERT, UPDATE, DELETE ON {table.name} TO "{application}";')
        if "id" in table.c and table is not schema.producers:
            lines.append(f'GRANT USAGE ON SEQUENCE {table.name}_id_seq TO "{application}";')
        if table.name in _PRIVATE_TABLES:
            continue
        columns = [c.name for c in table.columns if c.name not in _PRIVATE_COLUMNS]
        column_list = f" ({', '.join(_quoted(c) for c in columns)})"
        limited_to = "" if len(columns) == len(table.columns) else column_list
        lines.append(f'GRANT SELECT{limited_to} ON {table.name} TO "{reader}";')
    return "\n".join(lines) + "\n"


def _quoted(column: str) -> str:
    return f'"{column}"'
