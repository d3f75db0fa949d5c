"""How much of a text is looked at where somebody waits for it."""

from __future__ import annotations

from typing import NamedTuple


class Bounds(NamedTuple):
    """What is looked at of one text; all that follows is hidden."""

    #: Values behind sensitive names that are hidden one by one.
    values: int
    #: Sensitive names, with values or without: stacks of code name many and hold none.
    names: int
