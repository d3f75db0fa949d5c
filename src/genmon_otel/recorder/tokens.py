"""Counts that a generation is told of: tokens by kind, files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from genmon_otel.text import clean, safe_repr

#: Names of tokens, characters of one.
_MAX_NAMES: Final = 32
_MAX_KEY: Final = 64
#: Largest count of files or tokens: what JSON, floats and OTLP all carry exactly.
_MAX_COUNT: Final = 2**53


def with_count(tokens: Mapping[str, int], name: str, count: Any) -> Mapping[str, int]:
    """Return tokens by name with a count added to one of them.

    Raises:
        ValueError: it is no count.
    """
    key = clean(name, _MAX_KEY)
    if not count or (key not in tokens and len(tokens) >= _MAX_NAMES):
        return tokens
    return {**tokens, key: min(tokens.get(key, 0) + checked_count(key, count), _MAX_COUNT)}


def checked_count(what: str, value: Any) -> int:
    """Return a value that is a whole number from 0 to 2**53.

    Raises:
        ValueError: it is none; says what it is.
    """
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MAX_COUNT:
        return int(value)
    raise ValueError(
        f"{clean(what, _MAX_KEY)}={safe_repr(value, 40)} was ignored. Give a whole number from 0 to 2**53."
    )
