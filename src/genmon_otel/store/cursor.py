"""Bare cursors inside a transaction that SQLAlchemy holds."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any, Final

import sqlalchemy as sa

from genmon_otel.store.codec import dumps
from genmon_otel.store.connect import driver_connection
from genmon_otel.store.statements import Prepared, statements

#: From this many rows on, PostgreSQL takes them faster by COPY.
COPY_ROWS: Final = 20

Row = tuple[Any, ...]

#: Rows as one parameter; times go as text. Every text in them was cleaned before.
_rows = json.JSONEncoder(separators=(",", ":"), allow_nan=False, default=str).encode


class Cursor:
    """Runs the hot path's statements, on PostgreSQL in as few round trips as it can.

    There statements are sent without waiting for each one's answer (psycopg's
    pipeline), and rows go all at once, so a batch costs a few round trips instead of
    a dozen; an error surfaces at the next statement whose answer is read, or in
    :meth:`finish`. So ask for everything that can be asked, then read the answers.
    """

    def __init__(self, connection: sa.Connection, is_postgresql: bool) -> None:
        self.is_postgresql = is_postgresql
        self.statements = statements(is_postgresql)
        self._connection = connection
        self._raw = driver_connection(connection)
        self._pipeline: Any = None

    @property
    def connection(self) -> sa.Connection:
        """The transaction, for statements off the hot path."""
        self.finish()
        return self._connection

    @property
    def held(self) -> sa.Connection:
        """The transaction, to ask what it is and not to run anything on."""
        return self._connection

    def run(self, statement: Prepared, *parameters: Any) -> Any:
        """Run a statement once; its cursor, to read the answer from when it is needed."""
        cursor = self._cursor()
        cursor.execute(statement.sql, parameters)
        return cursor

    def many(self, statement: Prepared, rows: Sequence[Row]) -> None:
        """Run a statement for each row, in order."""
        if not rows:
            return
        cursor = self._cursor()
        if statement.takes_rows:
            names = statement.names
            cursor.execute(
                statement.sql, (_rows([dict(zip(names, r, strict=True)) for r in rows]),)
            )
        elif len(rows) == 1:
            cursor.execute(statement.sql, rows[0])
        else:
            cursor.executemany(statement.sql, rows)

    def insert_analytics(self, rows: Sequence[Row]) -> None:
        """Insert generations, the way that is fastest for that many."""
        if self.is_postgresql and len(rows) >= COPY_ROWS:
            self.finish()
            with self._raw.cursor().copy(self.statements.copy_analytics) as copy:
                for row in rows:
                    copy.write_row(row)
        else:
            self.many(self.statements.insert_analytics, rows)

    def finish(self) -> None:
        """Wait for the answers to everything that was sent."""
        if self._pipeline is not None:
            pipeline, self._pipeline = self._pipeline, None
            pipeline.__exit__(None, None, None)

    def abandon(self) -> None:
        """Leave the pipeline because of an error that is on its way already."""
        with suppress(Exception):
            self.finish()

    def paired(self, pairs: Sequence[tuple[Any, Any]]) -> tuple[Any, ...]:
        """Return pairs as the parameters of a statement that takes them."""
        if self.is_postgresql:
            return [pair[0] for pair in pairs], [pair[1] for pair in pairs]
        return (dumps([list(pair) for pair in pairs]),)

    def listed(self, values: Iterable[Any]) -> Any:
        """Return a list as one parameter."""
        return list(values) if self.is_postgresql else dumps(list(values))

    def _cursor(self) -> Any:
        if self.is_postgresql and self._pipeline is None:
            pipeline = self._raw.pipeline()
            pipeline.__enter__()
            self._pipeline = pipeline
        return self._raw.cursor()
