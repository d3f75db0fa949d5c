"""Limits of decoding: a small recorded text must not become a huge value."""

from __future__ import annotations

from typing import Final

from genmon_otel.errors import PayloadError

#: Items of one value at all levels; the encoder records at most a tenth of that.
MAX_ITEMS: Final = 500_000
#: Characters and bytes of all text in one value.
MAX_SIZE: Final = 16 * 1024 * 1024
#: Levels of trees; the encoder stays below it (at most three levels of tree for each container).
MAX_DEPTH: Final = 400
#: Characters of one number.
MAX_DIGITS: Final = 300_000
#: Powers of ten of a decimal, as in IEEE 754's decimal128: written out it stays small.
MAX_EXPONENT: Final = 6_200
#: Members of one set, or keys of one mapping, with the same hash: each is compared with all of them.
MAX_EQUAL_HASHES: Final = 100


class Budget:
    """The items and bytes that are left for one value."""

    __slots__ = ("_items", "_size")

    def __init__(self) -> None:
        self._items = MAX_ITEMS
        self._size = MAX_SIZE

    def spend(self, items: int, size: int = 0) -> None:
        """Subtract from what is left.

        Raises:
            PayloadError: fewer items or bytes are left.
        """
        self._items -= items
        self._size -= size
        if self._items < 0:
            raise PayloadError(f"A recorded value has more than {MAX_ITEMS} items.")
        if self._size < 0:
            raise PayloadError(f"A recorded value has more than {MAX_SIZE} bytes.")
