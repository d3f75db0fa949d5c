"""Runs the prepared statements of a batch on the driver's cursors, inside SQLAlchemy's transaction."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any, Final

import sqlalchemy as sa

from genmon_otel.store.codec import dumps
from genmon_otel.store.connect import driver_connection
from genmon_otel.store.statements import Prepared, statements

#: From this many rows on, PostgreSQL inserts faster with COPY.
MIN_COPY_ROWS: Final = 20

Row = tuple[Any, ...]

#: Encodes rows as one parameter, timestamps as text. Their texts were cleaned before.
_encode_rows = json.JSONEncoder(separators=(",", ":"), allow_nan=False, default=str).encode


class Cursor:
    """Executes the statements of one batch, on PostgreSQL in few round trips.

    On PostgreSQL statements are sent in psycopg's pipeline mode, without waiting for each answer,
    and rows are sent together: a few round trips a batch instead of a dozen. An error is raised
    where the next answer is fetched, or by :meth:`finish_pipeline`. So callers send every query
    that they can before they fetch the first answer. On SQLite each statement runs immediately.
    """

    def __init__(self, connection: sa.Connection, is_postgresql: bool) -> None:
        self.is_postgresql = is_postgresql
        self.statements = statements(is_postgresql)
        self._connection = connection
        self._raw = driver_connection(connection)
        self._pipeline: Any = None

    @property
    def connection(self) -> sa.Connection:
        """The connection of this transaction, for other statements; leaves the pipeline first."""
        self.finish_pipeline()
        return self._connection

    @property
    def connection_in_pipeline(self) -> sa.Connection:
        """The same connection without leaving the pipeline: read its attributes, execute nothing."""
        return self._connection

    def execute(self, statement: Prepared, *parameters: Any) -> Any:
        """Execute a statement and return the driver's cursor, from which to fetch the answer later."""
        cursor = self._cursor()
        cursor.execute(statement.sql, parameters)
        return cursor

    def execute_many(self, statement: Prepared, rows: Sequence[Row]) -> None:
        """Execute a statement for each row, in order."""
        if not rows:
            return
        cursor = self._cursor()
        if statement.takes_json_rows:
            names = statement.names
            cursor.execute(
                statement.sql, (_encode_rows([dict(zip(names, r, strict=True)) for r in rows]),)
            )
        elif len(rows) == 1:
            cursor.execute(statement.sql, rows[0])
        else:
            cursor.executemany(statement.sql, rows)

    def insert_analytics(self, rows: Sequence[Row]) -> None:
        """Insert rows of ``generation_analytics``, many on PostgreSQL with COPY."""
        if self.is_postgresql and len(rows) >= MIN_COPY_ROWS:
            self.finish_pipeline()
            with self._raw.cursor().copy(self.statements.copy_analytics) as copy:
                for row in rows:
                    copy.write_row(row)
        else:
            self.execute_many(self.statements.insert_analytics, rows)

    def finish_pipeline(self) -> None:
        """Leave the pipeline: wait for the answers to all statements sent so far.

        Raises the driver's error where one of them failed.
        """
        if self._pipeline is not None:
            pipeline, self._pipeline = self._pipeline, None
            pipeline.__exit__(None, None, None)

    def close_after_error(self) -> None:
        """Leave the pipeline while another error propagates; further errors are dropped."""
        with suppress(Exception):
            self.finish_pipeline()

    def pair_parameters(self, pairs: Sequence[tuple[Any, Any]]) -> tuple[Any, ...]:
        """Return the parameters of a statement that takes pairs: two arrays, or one JSON array."""
        if self.is_postgresql:
            return [pair[0] for pair in pairs], [pair[1] for pair in pairs]
        return (dumps([list(pair) for pair in pairs]),)

    def list_parameter(self, values: Iterable[Any]) -> Any:
        """Return a list as one parameter: an array, or a JSON array."""
        return list(values) if self.is_postgresql else dumps(list(values))

    def _cursor(self) -> Any:
        if self.is_postgresql and self._pipeline is None:
            pipeline = self._raw.pipeline()
            pipeline.__enter__()
            self._pipeline = pipeline
        return self._raw.cursor()
