"""Reads rows that may hold damaged values: the only module that decides what to do about one.

A damaged value is reported once (table, row, column, value) and replaced by a default, so that
its row is still listed and the rows after it are read.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, TypeVar

import sqlalchemy as sa

from genmon_otel import conventions as names
from genmon_otel.policy import CENTURY_S
from genmon_otel.store.columns import Unreadable, parse_json
from genmon_otel.text import clean, cut

_log = logging.getLogger(names.LOGGER)

#: Key in a connection's ``info`` that holds its :class:`DamageLog`.
DAMAGE_LOG: Final = "genmon_damage_log"
#: Characters of a damaged value that are shown.
_MAX_SHOWN: Final = 60
#: Damaged values that one log reports; further ones are ignored.
_MAX_REPORTED: Final = 1_000

Member = TypeVar("Member", bound=StrEnum)
Loaded = TypeVar("Loaded")


@dataclass(frozen=True, slots=True)
class Damage:
    """A stored value that is not of its column's kind."""

    table: str
    #: Handle or id of the row.
    row: str
    column: str
    #: The value, cut and cleaned.
    value: str

    def __str__(self) -> str:
        return f"{self.table} {self.row}: {self.column} cannot be read, it holds {self.value}"


class DamageLog:
    """Reports each damaged value once.

    Args:
        on_damage: called with each; None logs a warning instead.
    """

    def __init__(self, on_damage: Callable[[Damage], None] | None = None) -> None:
        self._on_damage = on_damage or _log_warning
        self._reported: set[tuple[str, str, str]] = set()

    def report(self, damage: Damage) -> None:
        """Report a value, unless it was reported before or the limit is reached."""
        key = (damage.table, damage.row, damage.column)
        if key in self._reported or len(self._reported) >= _MAX_REPORTED:
            return
        self._reported.add(key)
        self._on_damage(damage)


def _log_warning(damage: Damage) -> None:
    _log.warning("genmon: %s; the rest is read.", damage)


class RowReader:
    """Reads one row, column by column. A damaged value is reported and replaced by a default.

    Args:
        connection: the one the row was read over; its ``info`` holds the :class:`DamageLog`.
        table: name of the table that the columns belong to.
        row: values by column.
        row_name: for reports: a handle, else the row's id.
    """

    def __init__(
        self, connection: sa.Connection, table: str, row: Mapping[Any, Any], row_name: Any
    ) -> None:
        self._log: DamageLog = connection.info.get(DAMAGE_LOG) or DamageLog()
        self._table = table
        self._row = row
        self._row_name = clean(str(row_name), 40)

    def report(self, column: str, value: Any) -> None:
        """Report a damaged value."""
        stored = value.value if isinstance(value, Unreadable) else value
        text = stored if isinstance(stored, str) else repr(stored)
        shown = clean(text, _MAX_SHOWN).replace("\n", " ")
        self._log.report(Damage(self._table, self._row_name, column, repr(shown)))

    def text(self, column: str, limit: int | None = None) -> str:
        """Return text; of another value its ``str``, of None empty text.

        Args:
            column: its name.
            limit: characters that genmon stores there. Another program may have written more: then
                head and tail are returned.
        """
        value = self._row[column]
        if isinstance(value, str):
            return value if limit is None else cut(value, limit)
        self.report(column, value)
        return "" if value is None else clean(str(value), _MAX_SHOWN)

    def optional_text(self, column: str) -> str | None:
        """Return text or None."""
        return None if self._row[column] is None else self.text(column)

    def number(self, column: str, default: float = 0.0) -> float:
        """Return a finite number, else ``default``."""
        value = self._row[column]
        if isinstance(value, (int, float)) and math.isfinite(value):
            return value
        self.report(column, value)
        return default

    def seconds(self, column: str) -> float:
        """Return a length of time, at most a century; else 0."""
        value = self.number(column)
        if abs(value) <= CENTURY_S:
            return value
        self.report(column, value)
        return 0.0

    def integer(self, column: str, default: int = 0) -> int:
        """Return an integer, else ``default``."""
        value = self._row[column]
        if isinstance(value, int):
            return int(value)
        self.report(column, value)
        return default

    #: Returns a timestamp in Unix seconds; 0 for a damaged one.
    timestamp = number

    def optional_timestamp(self, column: str) -> float | None:
        """Return a timestamp in Unix seconds; None where there is none and for a damaged one."""
        value = self._row[column]
        if value is None or (isinstance(value, (int, float)) and math.isfinite(value)):
            return value
        self.report(column, value)
        return None

    def member(self, column: str, kind: type[Member], default: Member) -> Member:
        """Return a member of an enumeration, else ``default``."""
        value = self._row[column]
        try:
            return kind(value)
        except ValueError:
            self.report(column, value)
            return default

    def one_of(self, column: str, allowed: Iterable[str], default: str) -> str:
        """Return text that is one of ``allowed``, else ``default``."""
        value = self._row[column]
        if isinstance(value, str) and value in allowed:
            return value
        self.report(column, value)
        return default

    def text_reported_unless(self, column: str, allowed: Iterable[str]) -> str:
        """Return text as it is stored; report it where it is not one of ``allowed``."""
        value = self.text(column)
        if value not in allowed:
            self.report(column, value)
        return value

    def json_object(self, column: str) -> dict[str, Any]:
        """Return a JSON object, else an empty one."""
        value = parse_json(self._row[column])
        if isinstance(value, dict):
            return value
        self.report(column, value)
        return {}

    def json_list(self, column: str) -> list[Any]:
        """Return a JSON list, else an empty one."""
        value = parse_json(self._row[column])
        if isinstance(value, list):
            return value
        self.report(column, value)
        return []

    def counts_by_day(self, column: str) -> dict[str, int]:
        """Return counts by day since 1970, without damaged entries."""
        stored = self.json_object(column)
        valid = {
            day: n for day, n in stored.items() if day.isdecimal() and len(day) < 9 and _is_count(n)
        }
        if len(valid) != len(stored):
            self.report(column, str(stored))
        return valid

    def strikes(self, column: str) -> list[tuple[float, str]]:
        """Return ``(ended_at, strike_key)`` of each strike, without damaged entries."""
        stored = self.json_list(column)
        valid = [(float(each[0]), str(each[1])) for each in stored if _is_strike(each)]
        if len(valid) != len(stored):
            self.report(column, str(stored))
        return valid


def load_each(
    connection: sa.Connection,
    table: str,
    rows: Iterable[Mapping[Any, Any]],
    column: str,
    load: Callable[[Any], Loaded],
) -> Iterator[Loaded]:
    """Yield what ``load`` makes of one JSON column; report and skip rows for which it raises."""
    for row in rows:
        try:
            loaded = load(row[column])
        except (ValueError, TypeError, LookupError, AttributeError):
            RowReader(connection, table, row, row["id"]).report(column, row[column])
            continue
        yield loaded


def _is_count(value: Any) -> bool:
    return type(value) is int and abs(value) < 1 << 53


def _is_strike(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) == 2
        and type(value[0]) in (int, float)
        and abs(value[0]) < 1e12
        and isinstance(value[1], str)
    )
