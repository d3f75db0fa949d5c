"""Say times, durations and counts as people do."""

from __future__ import annotations

import time
from typing import Final

#: Seconds from which on a time is shown as "long ago": a century.
_LONG_AGO: Final = 36_525 * 86_400


def ago(moment: float, now: float | None = None) -> str:
    """Return how long ago a Unix time was, in the largest fitting unit: ``3 min ago``."""
    seconds = max(0.0, (time.time() if now is None else now) - moment)
    if seconds > _LONG_AGO:  # another program wrote it: 1e308 s are 304 digits of days
        return "over a century ago"
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{int(seconds // size)} {unit} ago"
    return f"{int(seconds)} s ago"


def duration(seconds: float) -> str:
    """Return a duration for people: ``340 ms``, ``4.2 s``, ``2 min 5 s``, ``1 h``."""
    if seconds < 0.001:
        return "<1 ms"
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(int(seconds), 60)
    if minutes >= 60:
        hours, minutes = divmod(minutes, 60)
        return f"{hours} h" + (f" {minutes} min" if minutes else "")
    return f"{minutes} min" + (f" {rest} s" if rest else "")


def many(count: int, noun: str) -> str:
    """Return a count with its noun: ``1 user``, ``3 users``."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
