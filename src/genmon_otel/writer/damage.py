"""Counting the records that a damaged journal has lost."""

from __future__ import annotations


class Damage:
    """Count what is missing between the frames of one producer's journal, read in order.

    Frames are numbered without gaps, so those missing among damaged bytes can be
    counted, and one more where the end is cut off. What a lost frame held is not known:
    each is taken for a record.

    Args:
        stored: the store holds everything up to this frame.
    """

    def __init__(self, stored: int) -> None:
        self._last = stored
        self._missing = 0
        self._is_cut_off = False
        #: Whether there were bytes that belong to no frame.
        self.found = False

    def frame(self, seq: int) -> None:
        """Note an intact frame; the header's number is 0."""
        if seq > self._last:
            self._missing += seq - self._last - 1
            self._last = seq
            self._is_cut_off = False

    def skipped(self, to_the_end: bool) -> None:
        """Note bytes that belong to no frame, and whether they end what was read."""
        self.found = True
        self._is_cut_off = to_the_end

    @property
    def lost(self) -> int:
        """Frames that are gone. A gap alone is none: an interrupted append leaves one, too."""
        return self._missing + self._is_cut_off if self.found else 0
