"""Reading rows: the one place that knows what to do about a value that is not what it should be.

Such a value is named once (table, row, column, what it holds), and replaced by the nearest thing
that can be shown; the row stays in its list, and the list goes on.
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
from genmon_otel.store.columns import Unreadable, parsed
from genmon_otel.text import clean

_log = logging.getLogger(names.LOGGER)

#: Key of a connection's ``info`` under which its :class:`DamageLog` is.
DAMAGE_LOG: Final = "genmon_damage_log"
#: Characters of a damaged value that are shown, and damaged values that are named.
_SHOWN: Final = 60
_NAMED: Final = 1_000

Choice = TypeVar("Choice", bound=StrEnum)
Kept = TypeVar("Kept")


@dataclass(frozen=True, slots=True)
class Damage:
    """A value that is not what its column holds."""

    table: str
    #: Handle or number of the row.
    row: str
    column: str
    #: The value, bounded and cleaned.
    value: str

    def __str__(self) -> str:
        return f"{self.table} {self.row}: {self.column} cannot be read, it holds {self.value}"


class DamageLog:
    """Names each damaged value once.

    Args:
        on_damage: told of each; None: a warning in the log.
    """

    def __init__(self, on_damage: Callable[[Damage], None] | None = None) -> None:
        self._on_damage = on_damage or _warn
        self._named: set[tuple[str, str, str]] = set()

    def note(self, damage: Damage) -> None:
        """Name it, unless it was named, or too many were."""
        key = (damage.table, damage.row, damage.column)
        if key in self._named or len(self._named) >= _NAMED:
            return
        self._named.add(key)
        self._on_damage(damage)


def _warn(damage: Damage) -> None:
    _log.warning("genmon: %s; the rest is read.", damage)


class RowReader:
    """Reads one row, column by column.

    Args:
        connection: what the row was read over.
        table: the name of the table that its columns are of.
        row: its values by column.
        who: names the row: a handle, else its number.
    """

    def __init__(
        self, connection: sa.Connection, table: str, row: Mapping[Any, Any], who: Any
    ) -> None:
        self._log: DamageLog = connection.info.get(DAMAGE_LOG) or DamageLog()
        self._table = table
        self._row = row
        self._who = clean(str(who), 40)

    def damaged(self, column: str, value: Any) -> None:
        """Name a value that is not what its column holds."""
        held = value.value if isinstance(value, Unreadable) else value
        text = held if isinstance(held, str) else repr(held)
        shown = clean(text, _SHOWN).replace("\n", " ")
        self._log.note(Damage(self._table, self._who, column, repr(shown)))

    def text(self, column: str) -> str:
        """A text; of another value what it says."""
        value = self._row[column]
        if isinstance(value, str):
            return value
        self.damaged(column, value)
        return "" if value is None else clean(str(value), _SHOWN)

    def optional_text(self, column: str) -> str | None:
        """A text, or None."""
        return None if self._row[column] is None else self.text(column)

    def number(self, column: str, default: float = 0.0) -> float:
        """A finite number."""
        value = self._row[column]
        if isinstance(value, (int, float)) and math.isfinite(value):
            return value
        self.damaged(column, value)
        return default

    def integer(self, column: str, default: int = 0) -> int:
        """A whole number."""
        value = self._row[column]
        if isinstance(value, int):
            return int(value)
        self.damaged(column, value)
        return default

    def optional_integer(self, column: str) -> int | None:
        """A whole number, or None."""
        return None if self._row[column] is None else self.integer(column)

    #: A time, in Unix seconds; 0 for one that cannot be read.
    moment = number

    def optional_moment(self, column: str) -> float | None:
        """A time in Unix seconds; None for none, and for one that cannot be read."""
        value = self._row[column]
        if value is None or (isinstance(value, (int, float)) and math.isfinite(value)):
            return value
        self.damaged(column, value)
        return None

    def choice(self, column: str, kind: type[Choice], default: Choice) -> Choice:
        """One of an enumeration's values."""
        value = self._row[column]
        try:
            return kind(value)
        except ValueError:
            self.damaged(column, value)
            return default

    def one_of(self, column: str, allowed: Iterable[str], default: str) -> str:
        """One of some words."""
        value = self._row[column]
        if isinstance(value, str) and value in allowed:
            return value
        self.damaged(column, value)
        return default

    def known(self, column: str, allowed: Iterable[str]) -> str:
        """A word as it is; named where it is none of those there are."""
        value = self.text(column)
        if value not in allowed:
            self.damaged(column, value)
        return value

    def json_object(self, column: str) -> dict[str, Any]:
        """A JSON object; an empty one for what is none."""
        value = parsed(self._row[column])
        if isinstance(value, dict):
            return value
        self.damaged(column, value)
        return {}

    def json_list(self, column: str) -> list[Any]:
        """A JSON list; an empty one for what is none."""
        value = parsed(self._row[column])
        if isinstance(value, list):
            return value
        self.damaged(column, value)
        return []

    def counts_by_day(self, column: str) -> dict[str, int]:
        """Counts by day since 1970; those that are none left out."""
        found = self.json_object(column)
        sound = {
            day: n for day, n in found.items() if day.isdecimal() and len(day) < 9 and _is_count(n)
        }
        if len(sound) != len(found):
            self.damaged(column, str(found))
        return sound

    def strikes(self, column: str) -> list[tuple[float, str]]:
        """The strikes of a failure; those that are none left out."""
        found = self.json_list(column)
        sound = [(float(each[0]), str(each[1])) for each in found if _is_strike(each)]
        if len(sound) != len(found):
            self.damaged(column, str(found))
        return sound


def kept_in(
    connection: sa.Connection,
    table: str,
    rows: Iterable[Mapping[Any, Any]],
    column: str,
    load: Callable[[Any], Kept],
) -> Iterator[Kept]:
    """Yield what rows keep as JSON; those that cannot be rebuilt are named and left out."""
    for row in rows:
        try:
            found = load(row[column])
        except (ValueError, TypeError, LookupError, AttributeError):
            RowReader(connection, table, row, row["id"]).damaged(column, row[column])
            continue
        yield found


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
