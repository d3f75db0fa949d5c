"""How much a recorded value may become when it is rebuilt: a small text must stay small."""

from __future__ import annotations

from typing import Final

from genmon_otel.errors import PayloadError

#: Items of one value, however nested; a recorded one has at most a tenth of them.
MAX_ITEMS: Final = 500_000
#: Characters and bytes of one value's texts.
MAX_SIZE: Final = 16 * 1024 * 1024
#: Nested trees; encoded ones stay below (three levels of tree a level of value at most).
MAX_DEPTH: Final = 400
#: Characters of a number of any size, and of a number's text.
MAX_DIGITS: Final = 300_000
#: Powers of ten of a decimal, as of IEEE 754's decimal128: code that writes one out stays small.
MAX_EXPONENT: Final = 6_200
#: Members of one set, or keys of one mapping, with the same hash: each is compared with all of them.
MAX_ALIKE: Final = 100


class Budget:
    """What is left for one value."""

    __slots__ = ("_items", "_size")

    def __init__(self) -> None:
        self._items = MAX_ITEMS
        self._size = MAX_SIZE

    def spend(self, items: int, size: int = 0) -> None:
        """Take from what is left.

        Raises:
            PayloadError: there is not so much.
        """
        self._items -= items
        self._size -= size
        if self._items < 0:
            raise PayloadError(f"A recorded value has more than {MAX_ITEMS} items.")
        if self._size < 0:
            raise PayloadError(f"A recorded value has more than {MAX_SIZE} bytes.")
