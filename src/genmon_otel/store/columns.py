"""Types of columns that read whatever is there: a value that cannot be read never ends a list.

SQLite keeps any value in any column, and people edit databases. What a column's type cannot
make of a value is an :class:`Unreadable`, which :mod:`genmon_otel.store.reading` names.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import JSON, DateTime, Dialect
from sqlalchemy.types import TypeDecorator

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A value that its column's type can make nothing of, as the database gave it."""

    value: Any


def instant(seconds: float) -> datetime:
    """Return Unix seconds as an aware UTC time, to the nearest microsecond."""
    return _EPOCH + timedelta(microseconds=round(seconds * 1_000_000))


def _seconds(value: Any) -> Any:
    """Return a stored time as Unix seconds."""
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else value
        if not isinstance(moment, datetime):
            return None if value is None else Unreadable(value)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return Unreadable(value)


class Instant(TypeDecorator[float]):
    """A time: Unix seconds in Python, a UTC timestamp in the database."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: float | None, dialect: Dialect) -> datetime | None:
        return None if value is None else instant(value)

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], Any]:
        """Read by ourselves: SQLAlchemy raises at a text that is no time."""
        return _seconds


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is no JSON")


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"{text} is no number")
    return number


def parsed(value: Any) -> Any:
    """Return what JSON text says; an :class:`Unreadable` for text that is none."""
    if not isinstance(value, (str, bytes)):
        return value
    try:
        return json.loads(value, parse_constant=_refuse, parse_float=_finite)
    except (ValueError, RecursionError):
        return Unreadable(value)


class Json(TypeDecorator[Any]):
    """JSON: text on SQLite; on PostgreSQL the driver has parsed it."""

    impl = JSON
    cache_ok = True

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], Any] | None:
        """Read by ourselves: SQLAlchemy raises at a text that is no JSON."""
        return parsed if dialect.name == "sqlite" else None
