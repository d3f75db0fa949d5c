"""Column types that never raise when a row is read, whatever the column holds.

SQLite stores any value in any column, and people edit databases by hand. A value that a column's
type cannot convert becomes an :class:`Unreadable`, so that one damaged row does not hide the
others; :mod:`genmon_otel.store.reading` reports it.
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
    """A value that its column's type cannot convert, as the database returned it."""

    value: Any


def to_datetime(seconds: float) -> datetime:
    """Convert Unix seconds to an aware UTC ``datetime``, to the nearest microsecond."""
    return _EPOCH + timedelta(microseconds=round(seconds * 1_000_000))


def _to_seconds(value: Any) -> Any:
    """Convert a stored timestamp to Unix seconds; None stays None, another value is Unreadable."""
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else value
        if not isinstance(moment, datetime):
            return None if value is None else Unreadable(value)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return Unreadable(value)


class Instant(TypeDecorator[float]):
    """A timestamp: Unix seconds in Python, UTC in the database."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: float | None, dialect: Dialect) -> datetime | None:
        return None if value is None else to_datetime(value)

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], Any]:
        """Convert with our own function: SQLAlchemy's raises when the text is not a timestamp."""
        return _to_seconds


def _refuse_constant(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")


def _finite_float(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"{text} is not a finite number")
    return number


def parse_json(value: Any) -> Any:
    """Parse JSON text; return :class:`Unreadable` where it is not JSON, any other value unchanged."""
    if not isinstance(value, (str, bytes)):
        return value
    try:
        return json.loads(value, parse_constant=_refuse_constant, parse_float=_finite_float)
    except (ValueError, RecursionError):
        return Unreadable(value)


class Json(TypeDecorator[Any]):
    """JSON: text on SQLite; on PostgreSQL the driver has parsed it."""

    impl = JSON
    cache_ok = True

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], Any] | None:
        """Convert with our own function: SQLAlchemy's raises when the text is not JSON."""
        return parse_json if dialect.name == "sqlite" else None
