"""How many records a damaged journal took along, for the books."""

from __future__ import annotations


class Damage:
    """Told of the frames and the damage of one producer's journal, in order.

    Frames are numbered without gaps, so those missing among damaged bytes can be
    counted, and one more where the end is torn. What a lost frame told nobody knows:
    each is taken for a record.

    Args:
        stored: the store holds everything up to this frame.
    """

    def __init__(self, stored: int) -> None:
        self._last = stored
        self._missing = 0
        self._torn = False
        #: Whether there were bytes that belong to no frame.
        self.found = False

    def frame(self, seq: int) -> None:
        """Note an intact frame; the header's number is 0."""
        if seq > self._last:
            self._missing += seq - self._last - 1
            self._last = seq
            self._torn = False

    def skipped(self, to_the_end: bool) -> None:
        """Note bytes that belong to no frame, and whether they end what was read."""
        self.found = True
        self._torn = to_the_end

    @property
    def lost(self) -> int:
        """Frames that are gone. A gap alone is none: an interrupted append leaves one, too."""
        return self._missing + self._torn if self.found else 0
