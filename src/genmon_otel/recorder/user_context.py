"""What the application says beside a failure, ``set(**context)``: bounded, since its caller redacts it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from genmon_otel.payload import encode
from genmon_otel.records import Tree
from genmon_otel.text import clean

#: Entries, characters of a key, bytes of a value and of all values.
_MAX_ENTRIES: Final = 32
_MAX_KEY: Final = 64
_MAX_BYTES: Final = 4_096
_MAX_BYTES_ALL: Final = 8_192


def with_entry(
    context: Mapping[str, Tree], sizes: Mapping[str, int], name: str, value: Any
) -> tuple[Mapping[str, Tree], Mapping[str, int]]:
    """Return a context and its values' sizes with one entry more, or a new value of one.

    A value that does not fit beside the others is opaque; an entry too many is left out.
    """
    key = clean(name, _MAX_KEY)
    if len(context) >= _MAX_ENTRIES and key not in context:
        return context, sizes
    others = {each: size for each, size in sizes.items() if each != key}
    tree = encode(value, min(_MAX_BYTES, max(0, _MAX_BYTES_ALL - sum(others.values()))))
    size = len(tree) if type(tree) is str else len(repr(tree))
    return {**context, key: tree}, {**others, key: size}
