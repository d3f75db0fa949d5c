"""What the application states about its generation: context, tokens, files. All of it is bounded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from genmon_otel.payload import encode
from genmon_otel.records import Tree
from genmon_otel.text import clean, safe_repr

#: Entries of ``set(**context)``, whose caller redacts them; bytes of a value and of all values.
_MAX_ENTRIES: Final = 32
_MAX_BYTES: Final = 4_096
_MAX_BYTES_ALL: Final = 8_192
#: Names of tokens.
_MAX_NAMES: Final = 32
#: Characters of a key or a token's name.
_MAX_KEY: Final = 64
#: Largest count of files or tokens: what JSON, floats and OTLP all carry exactly.
MAX_COUNT: Final = 2**53


def with_entry(
    context: Mapping[str, Tree], sizes: Mapping[str, int], name: str, value: Any
) -> tuple[Mapping[str, Tree], Mapping[str, int]]:
    """Return a context and its values' sizes with one entry more, or a new value of one.

    A value that does not fit into the remaining budget is opaque; an entry too many is left out.
    """
    key = clean(name, _MAX_KEY)
    if len(context) >= _MAX_ENTRIES and key not in context:
        return context, sizes
    others = {each: size for each, size in sizes.items() if each != key}
    tree = encode(value, min(_MAX_BYTES, max(0, _MAX_BYTES_ALL - sum(others.values()))))
    size = len(tree) if type(tree) is str else len(repr(tree))
    return {**context, key: tree}, {**others, key: size}


def with_count(tokens: Mapping[str, int], name: str, count: Any) -> Mapping[str, int]:
    """Return tokens by name with a count added to one of them.

    Raises:
        ValueError: it is no count.
    """
    key = clean(name, _MAX_KEY)
    if not count or (key not in tokens and len(tokens) >= _MAX_NAMES):
        return tokens
    return {**tokens, key: min(tokens.get(key, 0) + checked_count(key, count), MAX_COUNT)}


def checked_count(what: str, value: Any) -> int:
    """Return a value that is a whole number from 0 to 2**53.

    Raises:
        ValueError: it is none; says what it is.
    """
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_COUNT:
        return int(value)
    raise ValueError(
        f"{clean(what, _MAX_KEY)}={safe_repr(value, 40)} was ignored. Give a whole number from 0 to 2**53."
    )
