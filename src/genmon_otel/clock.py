"""The clocks of the machine."""

from __future__ import annotations

import time


class SystemClock:
    """Read the machine's clocks. Implements :class:`genmon_otel.ports.Clock`."""

    now = staticmethod(time.time)
    monotonic = staticmethod(time.monotonic)
